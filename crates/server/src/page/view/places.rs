//! What waits, and who works.

use super::frame::{Frame, Here};
use super::mark::Mark;
use super::run::Waiting;
use crate::page::text::Moment;
use askama::Template;

/// `/queue`
#[derive(Debug, Template)]
#[template(path = "queue.html")]
pub(crate) struct QueuePage {
    pub(crate) frame: Frame,
    pub(crate) now: Moment,
    /// How many wait for which reason.
    pub(crate) reasons: Vec<ReasonRow>,
    pub(crate) total: String,
    pub(crate) jobs: Vec<QueueRow>,
    pub(crate) next: Option<String>,
}

/// A reason with how many wait for it.
#[derive(Debug)]
pub(crate) struct ReasonRow {
    pub(crate) word: &'static str,
    pub(crate) count: String,
}

/// A job that waits.
#[derive(Debug)]
pub(crate) struct QueueRow {
    pub(crate) mark: Mark,
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) run: String,
    pub(crate) run_href: String,
    pub(crate) project: String,
    pub(crate) labels: String,
    pub(crate) waiting: Waiting,
}

/// `/runners`
#[derive(Debug, Template)]
#[template(path = "runners.html")]
pub(crate) struct RunnersPage {
    pub(crate) frame: Frame,
    pub(crate) now: Moment,
    pub(crate) runners: Vec<RunnerRow>,
    /// Whose runners are shown, where they are not all.
    pub(crate) own: Option<String>,
    /// `3 idle, 1 active, 2 offline`
    pub(crate) summary: String,
}

/// A runner.
#[derive(Debug)]
pub(crate) struct RunnerRow {
    pub(crate) name: String,
    pub(crate) id: i64,
    /// `offline`, `idle`, `active`.
    pub(crate) state: &'static str,
    /// `draining`, `disabled`; nothing when it is open.
    pub(crate) admission: Option<&'static str>,
    pub(crate) labels: Vec<String>,
    pub(crate) scope: String,
    pub(crate) pool: Option<String>,
    pub(crate) version: String,
    /// `2 of 4`, `one job`.
    pub(crate) places: String,
    pub(crate) heard: Moment,
    pub(crate) jobs: Vec<RunnerJob>,
}

/// A job that a runner has.
#[derive(Debug)]
pub(crate) struct RunnerJob {
    pub(crate) name: String,
    /// Where it is, for who may see it.
    pub(crate) href: Option<String>,
}
