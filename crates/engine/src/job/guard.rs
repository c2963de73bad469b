//! What may end a step before its own end: its deadline, a `cancel` step, the end of the job (`execution-semantics` 3.13).

use crate::cancel::{Cancel, CancelSignal};
use std::pin::Pin;
use tokio::sync::watch;
use tokio::time::Instant;

/// Why a process was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// `timeout-minutes` of its step, or of a step around it, is over.
    TimedOut,
    /// The job, or the step by a `cancel` step, was cancelled.
    Cancelled,
    /// The job ends now.
    Killed,
}

/// Whether a `cancel` step named this background step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    No,
    Yes,
}

/// What watches over one top step and everything in it.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// When its time is over.
    pub(crate) deadline: Option<Instant>,
    /// Its `cancel` step, for a background step.
    pub(crate) named: Option<watch::Receiver<Named>>,
    /// The end of the job.
    pub(crate) job: CancelSignal,
}

impl Guard {
    /// Waits until the process must end. `known` is what the job knew when the step was decided; when the job is cancelled after
    /// that, `condition` says whether the step is still wanted, and then it goes on.
    pub(crate) async fn stop(&self, known: Cancel, condition: &dyn Condition) -> Stop {
        let mut job = self.job.clone();
        let mut known = known;
        loop {
            tokio::select! {
                () = self.time_over() => return Stop::TimedOut,
                () = self.named() => return Stop::Cancelled,
                asked = job.graver_than(&known) => {
                    if asked == Cancel::Now {
                        return Stop::Killed;
                    }
                    // A background step ends with its job, whatever its condition.
                    if self.named.is_some() || condition.holds().await == Wanted::No {
                        return Stop::Cancelled;
                    }
                    known = asked;
                }
            }
        }
    }

    /// Waits until the job ends now.
    pub(crate) async fn kill(&self) {
        let mut job = self.job.clone();
        let graceful = Cancel::Gracefully { reason: "".into() };
        job.graver_than(&graceful).await;
    }

    async fn time_over(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    async fn named(&self) {
        if let Some(named) = &self.named {
            let mut named = named.clone();
            let asked = named.wait_for(|named| *named == Named::Yes).await.is_ok();
            if asked {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

/// A future in a box, as recursion and trait objects need it.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The condition of a running step, asked again when the job is cancelled.
pub(crate) trait Condition: Send + Sync {
    /// Whether the step shall go on.
    fn holds(&self) -> BoxFuture<'_, Wanted>;
}

/// Whether a step's condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    No,
}
