//! What all rooms of the control plane share: its memory, keys, logs, clock and public address. Made by `serve`, handed to every room; the state
//! of all routes and pages.

use crate::access::Access;
use crate::count::Counts;
use crate::dispatch::QueueHandle;
use crate::keys::KeyRing;
use crate::logs::LogStore;
use crate::run::Advancer;
use domain::{Clock, Timestamp};
use source::project::Projects;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// The control plane as its rooms see it. Clones share it.
#[derive(Debug, Clone)]
pub struct Plane(Arc<Parts>);

/// What a [`Plane`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// What is remembered.
    pub store: Store,
    /// What hashes tokens and seals secrets.
    pub keys: KeyRing,
    /// Who was let in lately.
    pub access: Access,
    /// The logs of tasks.
    pub logs: LogStore,
    /// What it counts.
    pub counts: Arc<Counts>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who gets which job.
    pub queue: QueueHandle,
    /// What follows when jobs end.
    pub runs: Advancer,
    /// The repositories of projects.
    pub projects: Arc<Projects>,
    /// How people and runners reach it.
    pub site: Site,
}

/// How people and runners reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The public address, without a slash at its end: `https://ci.example.org/ekiden`.
    pub url: String,
    /// Where actions come from that name no server: an address without a slash at its end.
    pub actions: String,
    /// This program's version.
    pub version: &'static str,
    /// Folders of workflows, the first that a commit has counts.
    pub folders: Vec<String>,
    /// How long logs are kept after their run's end; `None` keeps all.
    pub keep_logs: Option<Duration>,
}

impl Plane {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl std::ops::Deref for Plane {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
