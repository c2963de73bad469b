//! One job with its steps and their rows.

use super::frame::{Frame, Here};
use super::mark::Mark;
use super::run::{Action, RunHead, Waiting};
use crate::page::text::{Moment, Span, number};
use askama::Template;

/// `/{owner}/{name}/runs/{id}/jobs/{number}`
#[derive(Debug, Template)]
#[template(path = "job.html")]
pub(crate) struct JobPage {
    pub(crate) frame: Frame,
    pub(crate) run: RunHead,
    pub(crate) head: JobHead,
    pub(crate) actions: Vec<Action>,
    pub(crate) sections: Vec<Section>,
    /// The rows of the log, all together.
    pub(crate) rows: u64,
    /// That the log was removed, where it was.
    pub(crate) gone: Option<String>,
    /// The whole text, where there is a log.
    pub(crate) raw: Option<String>,
    /// Where its news come from, while it goes on.
    pub(crate) events: Option<String>,
    /// The job's own address.
    pub(crate) href: String,
    /// Whether this is a part of the log alone, and not the job with its steps.
    pub(crate) is_part: bool,
}

impl JobPage {
    /// How many rows the log has.
    fn count(&self) -> String {
        number(self.rows)
    }
}

/// The state of a job; sent again when it changes.
#[derive(Debug, Template)]
#[template(path = "job_head.html")]
pub(crate) struct JobHead {
    pub(crate) now: Moment,
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) name: String,
    pub(crate) labels: String,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) runner: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) started: Option<Moment>,
    pub(crate) since: Option<Moment>,
    pub(crate) took: Option<Span>,
}

/// A step, or what is before or behind them, with its rows.
#[derive(Debug)]
pub(crate) struct Section {
    /// `setup`, `s0`, `s1`, …, `end`.
    pub(crate) key: String,
    pub(crate) mark: Mark,
    pub(crate) word: &'static str,
    pub(crate) name: String,
    pub(crate) since: Option<Moment>,
    pub(crate) took: Option<Span>,
    /// Where its rows begin, when that is known.
    pub(crate) first: Option<u64>,
    pub(crate) open: bool,
    /// Rows of what comes before it, on the page of a part.
    pub(crate) before: Option<More>,
    /// Rows before those that are shown.
    pub(crate) earlier: Option<More>,
    /// The rows as `rows` painted them.
    pub(crate) body: String,
    /// Rows behind those that are shown.
    pub(crate) later: Option<More>,
    /// Rows of what comes behind it, on the page of a part.
    pub(crate) behind: Option<More>,
}

/// Rows that are not shown: from the first to before `to`, and a link to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct More {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) way: Way,
}

/// Where rows lie that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the same section, behind what is shown: the first of them come first.
    On,
    /// In the same section, before what is shown: the last of them come first.
    Back,
    /// In sections before this one: these are another page.
    Before,
    /// In sections behind this one.
    Behind,
}

impl More {
    /// So many rows come at once.
    pub(crate) const PART: u64 = 1_000;

    /// One that has rows.
    pub(crate) fn some(way: Way, from: u64, to: u64) -> Option<Self> {
        (from < to).then_some(Self { from, to, way })
    }

    /// The link.
    pub(crate) fn html(self) -> String {
        let Self { from, to, way } = self;
        let count = number(to.saturating_sub(from));
        let (at, text) = match way {
            Way::On => (from, "more lines"),
            Way::Back => (from.max(to.saturating_sub(Self::PART)), "earlier lines"),
            Way::Before => (from.max(to.saturating_sub(Self::PART)), "lines before this step"),
            Way::Behind => (from, "lines behind this step"),
        };
        // The script puts rows in place of a link that says which; the others are left to the browser.
        let rows = match way {
            Way::On => format!(" data-from=\"{from}\" data-to=\"{to}\""),
            Way::Back => format!(" data-from=\"{from}\" data-to=\"{to}\" data-back=\"1\""),
            Way::Before | Way::Behind => String::new(),
        };
        format!("<a class=\"more\" href=\"?from={at}#L{}\"{rows}>{count} {text}</a>", at + 1)
    }
}

/// What is sent when the job or a step changed: the head, and the steps without their rows.
#[derive(Debug, Template)]
#[template(path = "job_state.html")]
pub(crate) struct StateNews {
    pub(crate) head: JobHead,
    pub(crate) sections: Vec<Section>,
    /// The icon and the title of the window.
    pub(crate) icon: String,
    pub(crate) title: String,
}
