//! One attempt from the agent's side: starts the job's process, gives it its order, hands what it says to the reporter, passes a
//! cancellation on, and makes an end of it whatever the process does. One task an attempt; `slots` starts it and hears what it says.

mod after;
mod child;
mod lines;
mod process;
mod standby;
mod voice;

use crate::Label;
use crate::job::payload::Outline;
use crate::job::{ForgeFacts, JobOrder, JobSettings};
use crate::journal::Open;
use crate::report::{self, Delivered, End, ReportSettings, Reporter, Spares, TaskFolder, Timing};
use crate::settings::{AfterJob, JobProgram};
use crate::slots::Said;
use crate::stop::{Stop, Stopper};
pub(crate) use standby::Standby;

use child::ChildEnd;
use domain::{Attempt, AttemptChange, AttemptEnd, Clock, Delivery, RunnerKey, StopCause, SystemClock, Task, TaskId};
use protocol::{Client, Dialect};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use voice::Voice;

/// What all attempts of an agent have in common.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) client: Client,
    pub(crate) key: RunnerKey,
    /// Whose rules the forge keeps to, where its tasks do not show it.
    pub(crate) dialect: Dialect,
    /// What the forge said that it can do.
    pub(crate) capabilities: Vec<String>,
    pub(crate) runner: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) job: JobSettings,
    pub(crate) program: JobProgram,
    /// Where a process waits for the next job.
    pub(crate) standby: Option<Standby>,
    pub(crate) after_job: Option<AfterJob>,
    /// The folders of all tasks.
    pub(crate) spools: Arc<Spares>,
    pub(crate) timing: Timing,
    /// How long a process may go on after it was told to stop. It bounds its steps itself; this is for one that hangs.
    pub(crate) grace: Duration,
}

/// A task that was just taken.
#[derive(Debug)]
pub(crate) struct NewAttempt {
    pub(crate) task: Task,
    pub(crate) outline: Outline,
    /// Why it must not be run.
    pub(crate) fault: Option<String>,
}

impl Supervisor {
    pub(crate) fn dialect_of(&self, task: &Task) -> Dialect {
        Dialect::of_context(&task.context).unwrap_or(self.dialect)
    }

    fn report_settings(&self, task: TaskId, steps: u32, background: Vec<u32>, dialect: Dialect) -> ReportSettings {
        ReportSettings {
            client: self.client.clone(),
            key: self.key.clone(),
            task,
            steps,
            background,
            dialect,
            spool: TaskFolder::new(Arc::clone(&self.spools), &task.to_string()),
            clock: Arc::new(SystemClock),
            timing: if self.is_ours() { self.timing.live() } else { self.timing },
        }
    }

    /// Whether the forge is a control plane of ours, by what it said that it can do.
    fn is_ours(&self) -> bool {
        self.capabilities.iter().any(|capability| capability == protocol::HOLDS)
    }

    fn order(&self, task: Task, dialect: Dialect) -> JobOrder {
        JobOrder {
            forge: ForgeFacts { url: self.client.url().to_owned(), dialect, capabilities: self.capabilities.clone() },
            runner: self.runner.clone(),
            labels: self.labels.clone(),
            settings: self.job.clone(),
            task,
        }
    }
}

/// Sees one attempt through: what it says ends with `Closed`, unless the agent is killed with it.
pub(crate) async fn attempt(supervisor: Arc<Supervisor>, new: NewAttempt, said: UnboundedSender<Said>, stop: Stopper) {
    let NewAttempt { task, outline, fault } = new;
    let (id, dialect) = (task.id, supervisor.dialect_of(&task));
    let repository = task.context.get("repository").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    let (events, handle) =
        Reporter::start(supervisor.report_settings(id, outline.steps, outline.background.clone(), dialect));
    let voice = Voice { task: id, said };
    let end = match fault {
        Some(text) => ChildEnd::Fault(text),
        None => {
            let halted = async {
                handle.cancelled().await;
                StopCause::Forge
            };
            child::run(&supervisor, (supervisor.order(task, dialect), outline), events, halted, &voice, &stop).await
        }
    };
    let (end, told) = match end {
        ChildEnd::Concluded(conclusion) => (AttemptEnd::Concluded(conclusion), End::Concluded { conclusion }),
        ChildEnd::Fault(text) => (AttemptEnd::Fault(text.clone()), End::Fault { text }),
        // Nothing more is said: the next start finds the attempt in the journal.
        ChildEnd::Killed => return,
    };
    if let Some(after) = &supervisor.after_job {
        after::run(after, &supervisor.program, id, &repository, &end).await;
    }
    // The end and the rest of the log are on disk before the journal says that it is over.
    let delivering = handle.end(told).await;
    voice.says(AttemptChange::Ended { end, at: SystemClock.now() });
    tokio::select! {
        delivered = delivering.delivered() => voice.says(AttemptChange::Closed { delivery: delivery_of(delivered) }),
        () = stop.reached(Stop::Kill) => {}
    }
}

/// Tells the forge of an attempt that a killed agent left.
pub(crate) async fn abandon(supervisor: Arc<Supervisor>, open: Open, said: UnboundedSender<Said>, stop: Stopper) {
    let voice = Voice { task: open.task, said };
    let steps = u32::try_from(open.steps).unwrap_or(u32::MAX);
    let settings = supervisor.report_settings(open.task, steps, Vec::new(), open.dialect);
    let text = match &open.attempt {
        Attempt::Taken { .. } => "the agent was killed before the job began; the job was not run".to_owned(),
        Attempt::Running { .. } | Attempt::Stopping { .. } => {
            "the agent was killed while the job ran, and the job with it".to_owned()
        }
        Attempt::Ended { end: AttemptEnd::Concluded(conclusion), .. } => {
            format!("the job ended ({conclusion}), but the agent was killed before the forge knew all of it")
        }
        Attempt::Ended { end: AttemptEnd::Fault(text), .. } => text.clone(),
        Attempt::Closed { .. } => return,
    };
    if !matches!(open.attempt, Attempt::Ended { .. }) {
        let end = report::left_end(&settings).map_or_else(|| AttemptEnd::Fault(text.clone()), AttemptEnd::Concluded);
        voice.says(AttemptChange::Ended { end, at: SystemClock.now() });
    }
    tokio::select! {
        delivered = report::abandon(settings, &text) => voice.says(AttemptChange::Closed { delivery: delivery_of(delivered) }),
        () = stop.reached(Stop::Cancel) => {}
    }
}

fn delivery_of(delivered: Delivered) -> Delivery {
    match delivered {
        Delivered::Whole => Delivery::Accepted,
        Delivered::Cut { message } => Delivery::GivenUp(format!("its log is cut: {message}")),
        Delivered::Refused { message } => Delivery::GivenUp(format!("the forge takes nothing of it: {message}")),
        Delivered::Unreachable { message } => Delivery::GivenUp(format!("the forge could not be reached: {message}")),
        Delivered::Stopped => Delivery::GivenUp("the report was stopped".to_owned()),
    }
}
