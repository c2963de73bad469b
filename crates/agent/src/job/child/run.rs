//! One order from its first event to its last.

use super::super::payload::Outline;
use super::super::{Ended, JobOrder};
use super::ahead::Bench;
use super::call::{self, NoCall};
use super::decide::{self, Decided};
use super::place;
use super::request::{self, Ground};
use super::tier::Cause;
use super::{contexts, services};
use domain::{Conclusion, JobEvent, JobEventKind, JobId, SystemClock};
use engine::cancel::{Cancel, CancelSignal};
use engine::events::EventSink;
use engine::job;
use source::CancelFlag;
use std::sync::Arc;
use tokio::sync::mpsc;
use workflow::run::{CallingJob, OneJob, ReadyJob};

/// Runs an order; every event is on the channel before this returns.
pub(super) async fn run(
    order: JobOrder,
    mut bench: Bench,
    events: mpsc::Sender<JobEvent>,
    cancel: CancelSignal,
) -> Ended {
    // Of the event alone, before anything of the workflow's text is looked at.
    let cause = Cause::of(&order.task.context);
    let refusal = cause.refusal(order.settings.forks);
    let token = contexts::token(&order.task);
    let services = services::of(&order, token.as_ref());
    let masker = request::masker(&order, token.as_ref(), &services);
    let outline = Outline::read(&order.task.workflow);
    let key = outline.as_ref().map(|outline| outline.job.as_str()).unwrap_or_default();
    let key = if key.is_empty() { contexts::text(&order.task.context, &["job"]).unwrap_or("job") } else { key };
    let id = JobId::new(key);
    let out = events;
    let events = EventSink::new(id.clone(), Arc::new(SystemClock), out.clone());
    let name = outline.as_ref().ok().and_then(|outline| outline.name.clone()).unwrap_or_else(|| key.to_owned());
    let place = match (refusal, &outline) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(outline)) => place::of(&order, outline, &cause, &services.reached),
    };
    let head = || {
        let from = format!("Runner: {}, for {}", order.runner, order.forge.url);
        vec![from, format!("Trust: {} ({cause})", cause.tier())]
    };
    let fail = async |message: &str, fault: Option<String>| {
        let report = job::refuse(&id, &name, &head(), message, &masker, &events).await;
        Ended { conclusion: report.conclusion, fault }
    };
    let place = match place {
        Ok(place) => place,
        Err(message) => return fail(&message, None).await,
    };
    let Decided { job, inputs } = decide::decide(&order);
    let runs = match job {
        OneJob::Ready(ready) => Runs::Itself(ready),
        OneJob::Calls(calling) => Runs::Others(calling),
        OneJob::Failed { message } => return fail(&message, None).await,
        OneJob::Skipped { reason } => {
            let mask = |text: &str| masker.mask_text(text).into_owned();
            events.emit(JobEventKind::JobSkipped { name: mask(&name), reason: mask(&reason) }).await;
            return Ended { conclusion: Conclusion::Skipped, fault: None };
        }
    };
    let of_machine = |message: String| masker.mask_text(&message).into_owned();
    let backend = match bench.backend(place.backend, &order.settings.state) {
        Ok(backend) => backend,
        Err(message) => return fail(&message, Some(of_machine(message.clone()))).await,
    };
    let stop = CancelFlag::default();
    let stopper = tokio::spawn(stop_git(cancel.clone(), stop.clone()));
    let ground = Ground {
        backend,
        place,
        cause: cause.clone(),
        services,
        token,
        masker: masker.clone(),
        events: events.clone(),
        cancel,
        stop,
    };
    let (order, id, name) = (order.clone(), id.clone(), name.clone());
    let ended = match runs {
        Runs::Itself(ready) => match request::of(order, id, name, *ready, ground) {
            Ok(request) => {
                let report = job::run(request).await;
                Ok(Ended { conclusion: report.conclusion, fault: report.fault })
            }
            Err(message) => Err(NoCall::Machine(message)),
        },
        Runs::Others(calling) => call::run(order, (id, name), *calling, inputs, ground, out).await,
    };
    stopper.abort();
    match ended {
        Ok(ended) => ended,
        Err(NoCall::Files(message)) => fail(&message, None).await,
        Err(NoCall::Machine(message)) => fail(&message, Some(of_machine(message.clone()))).await,
    }
}

/// What a task's job is.
enum Runs {
    Itself(Box<ReadyJob>),
    /// It calls a workflow.
    Others(Box<CallingJob>),
}

/// Git knows nothing of signals: it is stopped when the job is.
async fn stop_git(mut cancel: CancelSignal, stop: CancelFlag) {
    cancel.graver_than(&Cancel::None).await;
    stop.cancel();
}
