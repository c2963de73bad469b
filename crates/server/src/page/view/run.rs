//! One run with its jobs.

use super::frame::{Frame, Here};
use super::mark::Mark;
use crate::page::text::{Moment, Span};
use askama::Template;

/// `/{owner}/{name}/runs/{id}`
#[derive(Debug, Template)]
#[template(path = "run.html")]
pub(crate) struct RunPage {
    pub(crate) frame: Frame,
    pub(crate) now: Moment,
    pub(crate) run: RunHead,
    /// All tries, when there are more than one.
    pub(crate) attempts: Vec<AttemptLink>,
    /// Why it could have no jobs, or no more: the first first.
    pub(crate) faults: Vec<String>,
    /// What failed first.
    pub(crate) first: Option<FirstFailure>,
    pub(crate) jobs: Vec<JobRow>,
    pub(crate) actions: Vec<Action>,
}

/// What stands above a run and above each of its jobs.
#[derive(Debug, Clone)]
pub(crate) struct RunHead {
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) title: String,
    pub(crate) href: String,
    /// `owner/name`
    pub(crate) project: String,
    pub(crate) project_href: String,
    /// The path of the workflow's file.
    pub(crate) workflow: String,
    pub(crate) workflow_href: String,
    pub(crate) number: i64,
    pub(crate) event: String,
    pub(crate) reference: String,
    pub(crate) commit: String,
    pub(crate) commit_short: String,
    pub(crate) actor: String,
    pub(crate) created: Moment,
    pub(crate) since: Option<Moment>,
    pub(crate) took: Option<Span>,
    /// Who cancelled it.
    pub(crate) cancelled: Option<String>,
}

/// A try of a run.
#[derive(Debug)]
pub(crate) struct AttemptLink {
    pub(crate) number: u32,
    pub(crate) href: String,
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) is_shown: bool,
}

/// The job that failed first.
#[derive(Debug)]
pub(crate) struct FirstFailure {
    pub(crate) job: String,
    pub(crate) href: String,
    /// Its step, or why it failed without one.
    pub(crate) what: Option<String>,
}

/// A job in its run.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) name: String,
    pub(crate) href: String,
    /// What `runs-on` asks for.
    pub(crate) labels: String,
    /// Why it waits.
    pub(crate) waiting: Option<Waiting>,
    /// Who has it.
    pub(crate) runner: Option<String>,
    /// What else there is to say: why it did not run, which platform fault ended it, that it was kept.
    pub(crate) detail: Option<String>,
    pub(crate) since: Option<Moment>,
    pub(crate) took: Option<Span>,
    /// Its failure does not fail the run.
    pub(crate) may_fail: bool,
}

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// One of the thirteen words.
    pub(crate) reason: &'static str,
    /// One sentence.
    pub(crate) text: String,
    /// What helps.
    pub(crate) fix: Option<String>,
    /// `3rd of 9`, `about 35 s`.
    pub(crate) place: Option<String>,
    /// Since when it waits for a runner.
    pub(crate) since: Option<Moment>,
}

/// A form with one button.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) action: String,
    pub(crate) label: &'static str,
    /// `name`, `value` of what the form says.
    pub(crate) field: Option<(&'static str, String)>,
    pub(crate) is_danger: bool,
}
