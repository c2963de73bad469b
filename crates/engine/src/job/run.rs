//! A job from its first event to its last.

use super::complete;
use super::request::{JobReport, JobRequest, Keep};
use super::running::Job;
use super::sequence::{self, Numbers};
use super::set_up::{self, Prepared, SetUpError};
use super::step::describe;
use crate::cancel::{self, Cancel, CancelSignal, Canceller};
use crate::events::EventSink;
use crate::output::{Debugging, StepLog};
use domain::{Conclusion, JobEventKind, JobId, Receipt, StepPhase, StepRef};
use mask::Masker;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The place of the set-up in the log.
const SET_UP: StepRef = StepRef(0);

/// Runs a job. Every event is on its stream before this returns; exactly one of them is `JobFinished`.
pub async fn run(request: JobRequest) -> JobReport {
    let masker = request.masker.clone();
    for (_, secret) in &request.secrets {
        masker.add(secret.expose());
    }
    for secret in request.token.iter().chain(request.action_environment.iter().map(|(_, value)| value)) {
        masker.add(secret.expose());
    }
    let (canceller, signal) = cancel::channel();
    let asked = request.cancel.clone();
    let (timeout, cancel_timeout) = (request.timeout, request.cancel_timeout);
    let began = Instant::now();
    let prepared = or_cancelled(&request.cancel, set_up::prepare(&request)).await;
    let preparing = began.elapsed();
    let turns = request.turns.clone();
    let turn = match &turns {
        // It is closed by nobody; without it the job runs all the same.
        Some(turns) => or_cancelled(&request.cancel, async { Ok(turns.acquire().await.ok()) }).await,
        None => Ok(None),
    };
    let prepared = match turn {
        Ok(_) => prepared,
        Err(error) => {
            give_back(prepared).await;
            Err(error)
        }
    };
    let end = End { id: request.id.clone(), events: request.events.clone(), preparing, began: Instant::now() };
    let watch = watch(asked, canceller, timeout, cancel_timeout);
    tokio::select! {
        report = from_first_event(request, prepared, masker, signal, &end) => report,
        // It has no end of its own.
        never = watch => match never {},
    }
}

/// A sandbox that was made for nothing.
async fn give_back(prepared: Result<Prepared, SetUpError>) {
    if let Ok(prepared) = prepared {
        // What cannot be removed now is swept by the next start.
        let _unused = prepared.sandbox.destroy(false).await;
    }
}

/// Who the last events are for.
struct End {
    id: JobId,
    events: EventSink,
    /// How long the set-up took before the first event.
    preparing: Duration,
    /// The first event.
    began: Instant,
}

impl End {
    /// How long the set-up took, without the wait for a turn.
    fn set_up(&self) -> Duration {
        self.preparing + self.began.elapsed()
    }

    async fn report(
        &self,
        conclusion: Conclusion,
        outputs: BTreeMap<String, String>,
        receipt: Option<Receipt>,
        fault: Option<String>,
    ) -> JobReport {
        if let Some(receipt) = &receipt {
            self.events.emit(JobEventKind::Receipt { receipt: receipt.clone() }).await;
        }
        let wall = self.began.elapsed();
        self.events
            .emit(JobEventKind::JobFinished { conclusion, outputs: outputs.clone(), micros: micros(wall) })
            .await;
        JobReport { id: self.id.clone(), conclusion, outputs, receipt, fault, wall }
    }
}

async fn from_first_event(
    request: JobRequest,
    prepared: Result<Prepared, SetUpError>,
    masker: Masker,
    signal: CancelSignal,
    end: &End,
) -> JobReport {
    let events = request.events.clone();
    events.emit(JobEventKind::JobStarted { name: masker.mask_text(&request.name).into_owned() }).await;
    started(&events, SET_UP, "Set up job", StepPhase::SetUp).await;
    let log = StepLog::new(events.clone(), SET_UP, masker.clone(), Debugging::Hidden);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return not_set_up(&log, error, end).await,
    };
    let keep = prepared.keep;
    let (job, result) = set_up::begin(request, prepared, masker.clone(), signal, &log).await;
    if let Err(error) = result {
        let receipt = job.sandbox.destroy(keep == Keep::Failed).await.ok();
        let mut report = not_set_up(&log, error, end).await;
        report.receipt = receipt;
        return report;
    }
    finished(&events, SET_UP, "Set up job", StepPhase::SetUp, Conclusion::Success, end.set_up()).await;

    let job = Arc::new(job);
    let mut numbers = Numbers::after_set_up();
    sequence::run(&job, &mut numbers).await;
    complete_job(&job, keep, numbers.next(), end).await
}

async fn complete_job(job: &Job, keep: Keep, number: StepRef, end: &End) -> JobReport {
    let began = Instant::now();
    let name = "Complete job";
    started(&job.sink, number, name, StepPhase::Complete).await;
    let log = StepLog::new(job.sink.clone(), number, job.masker.clone(), job.debugging);
    if let Cancel::Gracefully { reason } = job.cancel.now() {
        log.error(&reason).await;
    }
    let before = job.status();
    let outputs = complete::outputs(job, &log).await;
    let conclusion = job.status();
    log.say("Cleaning up orphan processes").await;
    let kept = keep == Keep::Failed && conclusion != Conclusion::Success;
    if kept {
        job.sandbox.prepare_entrance(complete::entrance(job));
    }
    let (receipt, mut fault) = match job.sandbox.destroy(kept).await {
        Ok(receipt) => (Some(receipt), None),
        Err(error) => {
            let text = job.masker.mask_text(&describe(&error)).into_owned();
            log.error(&text).await;
            (None, Some(text))
        }
    };
    fault = job.state.fault().or(fault);
    let own = if before == conclusion { Conclusion::Success } else { conclusion };
    finished(&job.sink, number, name, StepPhase::Complete, own, began.elapsed()).await;
    end.report(conclusion, outputs, receipt, fault).await
}

/// A job that could not be set up: nothing of it runs.
async fn not_set_up(log: &StepLog, error: SetUpError, end: &End) -> JobReport {
    let text = log.masker().mask_text(&error.to_string()).into_owned();
    log.error(&text).await;
    let conclusion =
        if matches!(error, SetUpError::Cancelled(_)) { Conclusion::Cancelled } else { Conclusion::Failure };
    let fault = matches!(error, SetUpError::Sandbox(_)).then_some(text);
    finished(log.sink(), SET_UP, "Set up job", StepPhase::SetUp, conclusion, end.set_up()).await;
    end.report(conclusion, BTreeMap::new(), None, fault).await
}

async fn started(events: &EventSink, step: StepRef, name: &str, phase: StepPhase) {
    events.emit(JobEventKind::StepStarted { step, name: name.to_owned(), phase, index: None }).await;
}

async fn finished(
    events: &EventSink,
    step: StepRef,
    name: &str,
    phase: StepPhase,
    conclusion: Conclusion,
    took: Duration,
) {
    let (name, outcome, micros) = (name.to_owned(), conclusion, micros(took));
    events.emit(JobEventKind::StepFinished { step, name, phase, index: None, outcome, conclusion, micros }).await;
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Goes on until it is done, or the end of the job is asked for.
async fn or_cancelled<T>(
    cancel: &CancelSignal,
    work: impl Future<Output = Result<T, SetUpError>>,
) -> Result<T, SetUpError> {
    let mut cancel = cancel.clone();
    tokio::select! {
        biased;
        asked = cancel.graver_than(&Cancel::None) => Err(SetUpError::Cancelled(match asked {
            Cancel::Gracefully { reason } => format!("The operation was canceled: {reason}"),
            Cancel::None | Cancel::Now => "The operation was canceled.".to_owned(),
        })),
        result = work => result,
    }
}

/// Hands the end on that was asked for; asks for it when the job's time is over, and for the last one when a cancelled job does
/// not come to its end.
async fn watch(
    mut asked: CancelSignal,
    canceller: Canceller,
    timeout: Duration,
    cancel_timeout: Duration,
) -> std::convert::Infallible {
    let known = tokio::select! {
        known = asked.graver_than(&Cancel::None) => known,
        () = tokio::time::sleep(timeout) => Cancel::Gracefully {
            reason: format!("The job has exceeded the maximum execution time of {}.", spoken(timeout)).into(),
        },
    };
    canceller.ask(known);
    let graceful = Cancel::Gracefully { reason: "".into() };
    tokio::select! {
        _ = asked.graver_than(&graceful) => {}
        () = tokio::time::sleep(cancel_timeout) => {}
    }
    canceller.ask(Cancel::Now);
    std::future::pending().await
}

/// As the reference says a time: `6h0m0s`.
fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
