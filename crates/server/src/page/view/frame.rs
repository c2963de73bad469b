//! What stands around every page.

use super::mark::Mark;
use crate::page::links::Links;

/// Which page of the first level one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    /// Runs, and what lies below.
    Runs,
    /// The queue.
    Queue,
    /// The runners.
    Runners,
    /// None of them.
    Elsewhere,
}

/// What stands around a page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Makes links.
    pub(crate) links: Links,
    /// The title of the window, without our name.
    pub(crate) title: String,
    /// Where one is.
    pub(crate) here: Here,
    /// What the page is about, where that has a state.
    pub(crate) mark: Option<Mark>,
    /// Who looks at it; nobody before a session.
    pub(crate) person: Option<String>,
    /// What forms of this session carry.
    pub(crate) form: String,
    /// Whether the runners may be seen.
    pub(crate) runners: bool,
    /// Where the news come from after which the page is to be read again.
    pub(crate) live: Option<String>,
    /// Our version.
    pub(crate) version: &'static str,
}

impl Frame {
    /// The icon of the window.
    pub(crate) fn icon(&self) -> String {
        self.links.asset(self.mark.map_or("icon.svg", Mark::icon))
    }
}
