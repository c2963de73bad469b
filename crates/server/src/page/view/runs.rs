//! Lists of runs: of all projects, or of one with its workflows.

use super::frame::{Frame, Here};
use super::mark::Mark;
use crate::page::text::{Moment, Span};
use askama::Template;

/// `/` and `/{owner}/{name}`.
#[derive(Debug, Template)]
#[template(path = "runs.html")]
pub(crate) struct RunsPage {
    pub(crate) frame: Frame,
    pub(crate) now: Moment,
    /// The project, of a page about one.
    pub(crate) heading: Option<Heading>,
    pub(crate) filter: Filter,
    pub(crate) runs: Vec<RunRow>,
    /// The page behind this one.
    pub(crate) older: Option<String>,
    /// The first page, when this is another.
    pub(crate) newest: Option<String>,
}

/// A project.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) owner: String,
    pub(crate) name: String,
    /// Where its repository is.
    pub(crate) git: String,
    /// Its workflows, or why they cannot be read.
    pub(crate) workflows: Result<Vec<WorkflowRow>, String>,
}

/// A workflow of the default branch.
#[derive(Debug)]
pub(crate) struct WorkflowRow {
    pub(crate) name: String,
    pub(crate) path: String,
    /// Its runs.
    pub(crate) href: String,
    /// `push, workflow_dispatch`
    pub(crate) triggers: String,
    pub(crate) disabled: bool,
    /// Where this person can start it by hand.
    pub(crate) start: Option<String>,
    pub(crate) fault: Option<String>,
}

/// What the list is narrowed to.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Where the form leads.
    pub(crate) action: String,
    /// The projects to choose from; none on the page of one.
    pub(crate) projects: Vec<Choice>,
    pub(crate) workflow: String,
    pub(crate) branch: String,
    pub(crate) states: Vec<Choice>,
    /// Whether anything is narrowed.
    pub(crate) is_on: bool,
}

/// Something to choose.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) chosen: bool,
}

/// A run in a list.
#[derive(Debug)]
pub(crate) struct RunRow {
    pub(crate) mark: Mark,
    /// The word for its state.
    pub(crate) word: &'static str,
    pub(crate) href: String,
    pub(crate) title: String,
    /// `owner/name` and where it is; none on the page of a project.
    pub(crate) project: Option<(String, String)>,
    /// The file's name.
    pub(crate) workflow: String,
    /// Its number within the project.
    pub(crate) number: i64,
    /// Which try this is, when it is not the first.
    pub(crate) attempt: Option<u32>,
    pub(crate) event: String,
    pub(crate) reference: String,
    /// The first letters of the commit.
    pub(crate) commit: String,
    pub(crate) actor: String,
    pub(crate) created: Moment,
    /// Since when it runs, while it does.
    pub(crate) since: Option<Moment>,
    /// How long it took.
    pub(crate) took: Option<Span>,
    /// Why it could have no jobs.
    pub(crate) fault: Option<String>,
}
