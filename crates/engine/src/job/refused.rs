//! A job that fails before it could be given to a sandbox, told as one whose set-up failed. Called by [`crate::local`] and the agent.

use super::request::JobReport;
use crate::events::EventSink;
use crate::output::{Debugging, StepLog};
use domain::{Conclusion, JobEventKind, JobId, StepPhase, StepRef};
use mask::Masker;
use std::collections::BTreeMap;
use std::time::Duration;

/// Says that a job failed and why; `head` are lines of the log before it.
pub async fn refuse(
    id: &JobId,
    name: &str,
    head: &[String],
    message: &str,
    masker: &Masker,
    events: &EventSink,
) -> JobReport {
    let (step, phase, set_up) = (StepRef(0), StepPhase::SetUp, || "Set up job".to_owned());
    events.emit(JobEventKind::JobStarted { name: masker.mask_text(name).into_owned() }).await;
    events.emit(JobEventKind::StepStarted { step, name: set_up(), phase, index: None }).await;
    let log = StepLog::new(events.clone(), step, masker.clone(), Debugging::Hidden);
    if !head.is_empty() {
        log.say(&head.join("\n")).await;
    }
    log.error(message).await;
    let (conclusion, outputs) = (Conclusion::Failure, BTreeMap::new());
    let (name, outcome) = (set_up(), conclusion);
    events.emit(JobEventKind::StepFinished { step, name, phase, index: None, outcome, conclusion, micros: 0 }).await;
    events.emit(JobEventKind::JobFinished { conclusion, outputs: outputs.clone(), micros: 0 }).await;
    JobReport { id: id.clone(), conclusion, outputs, receipt: None, fault: None, wall: Duration::ZERO }
}
