//! What an agent says of itself: gathered from its loops, sent over the control socket, counted in metrics.

use crate::stop::Stop;
use domain::{Attempt, AttemptEnd, Conclusion, Delivery, Timestamp};
use serde::{Deserialize, Serialize};

/// An agent at one moment. Additions keep its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// The forge.
    pub instance: String,
    /// Its name there.
    pub runner: String,
    /// The labels that it serves, with their backends.
    pub labels: Vec<String>,
    /// Since when it runs.
    pub since: Timestamp,
    /// How far it was asked to stop.
    pub stop: Stop,
    /// What it does with its room.
    #[serde(flatten)]
    pub work: Work,
    /// How it stands with the forge.
    pub forge: Contact,
}

/// What an agent does with its room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Jobs at once.
    pub capacity: usize,
    /// Jobs that can be taken now.
    pub free: usize,
    /// Attempts in hand: those that run, and those whose end the forge does not know yet.
    pub attempts: Vec<AttemptStatus>,
    /// What happened since the start.
    pub counts: Counts,
}

/// One attempt in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStatus {
    /// The forge's number for it.
    pub task: i64,
    /// The repository, where the forge says.
    pub repository: Option<String>,
    /// The job's name.
    pub job: String,
    /// When the forge gave it.
    pub taken: Timestamp,
    /// Where it is.
    pub attempt: Attempt,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks that the forge gave.
    pub taken: u64,
    /// Tasks that it gave again and that were not run again.
    pub repeated: u64,
    /// Jobs that succeeded.
    pub success: u64,
    /// Jobs that failed by themselves.
    pub failure: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs that were skipped.
    pub skipped: u64,
    /// Attempts that the platform failed.
    pub fault: u64,
    /// Attempts whose end the forge does not know in full.
    pub undelivered: u64,
}

impl Counts {
    pub(crate) fn ended(&mut self, end: &AttemptEnd) {
        let count = match end {
            AttemptEnd::Concluded(Conclusion::Success) => &mut self.success,
            AttemptEnd::Concluded(Conclusion::Failure) => &mut self.failure,
            AttemptEnd::Concluded(Conclusion::Cancelled) => &mut self.cancelled,
            AttemptEnd::Concluded(Conclusion::Skipped) => &mut self.skipped,
            AttemptEnd::Fault(_) => &mut self.fault,
        };
        *count += 1;
    }

    pub(crate) fn closed(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Accepted => {}
            Delivery::GivenUp(_) => self.undelivered += 1,
        }
    }
}

/// How an agent stands with its forge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// When it last answered.
    pub last: Option<Timestamp>,
    /// Fetches that it answered.
    pub fetches: u64,
    /// Fetches that failed.
    pub failed: u64,
    /// Why it is not asked at the usual pace.
    pub trouble: Option<Trouble>,
}

/// The forge does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// Failures in a row.
    pub failures: u32,
    /// The last one.
    pub reason: String,
}
