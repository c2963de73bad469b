//! What is shown: one look at a server, and where the person is in it.

use crate::commands::client::client_failure;
use crate::failure::Failure;
use api::{Client, PageQuery, Place, Queue, Run, RunQuery, Runner};

/// What a server said.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    pub(super) url: String,
    pub(super) queue: Option<Queue>,
    pub(super) runs: Vec<Run>,
    pub(super) runners: Vec<Runner>,
    /// How many runners there are; a look lists the first of many.
    pub(super) all_runners: usize,
    /// Why the last look found nothing; what is shown is older then.
    pub(super) trouble: Option<String>,
}

/// One of the three lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pane {
    #[default]
    Queue,
    Runs,
    Runners,
}

impl Pane {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Queue => Self::Runs,
            Self::Runs => Self::Runners,
            Self::Runners => Self::Queue,
        }
    }
}

/// Where the person is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    pub(super) pane: Pane,
    pub(super) row: usize,
}

impl Cursor {
    /// Moves within the list, as far as it goes.
    pub(super) fn by(self, steps: isize, look: &Look) -> Self {
        let last = look.rows(self.pane).saturating_sub(1);
        Self { row: self.row.saturating_add_signed(steps).min(last), ..self }
    }

    pub(super) const fn to(pane: Pane) -> Self {
        Self { pane, row: 0 }
    }
}

impl Look {
    pub(super) fn rows(&self, pane: Pane) -> usize {
        match pane {
            Pane::Queue => self.queue.as_ref().map_or(0, |queue| queue.jobs.len()),
            Pane::Runs => self.runs.len(),
            Pane::Runners => self.runners.len(),
        }
    }

    /// Asks the server. What it does not say stays as it was.
    pub(super) async fn again(self, client: &Client) -> Self {
        match Self::ask(client).await {
            Ok(look) => look,
            Err(failure) => {
                let why = failure.facts.last().map(|fact| format!(": {fact}")).unwrap_or_default();
                Self { trouble: Some(format!("{}{why}", failure.what)), ..self }
            }
        }
    }

    /// Asks the server.
    pub(super) async fn ask(client: &Client) -> Result<Self, Failure> {
        let page = PageQuery { page: None, limit: Some(100) };
        let every = RunQuery::default();
        let (queue, runs, runners) = tokio::join!(
            client.queue(page),
            client.runs(&Place::Instance, &every, page),
            client.runners(&Place::Instance, page)
        );
        let runners = runners.map_err(|error| client_failure(&error))?;
        Ok(Self {
            all_runners: usize::try_from(runners.total_count).unwrap_or_default(),
            url: client.url().to_owned(),
            queue: Some(queue.map_err(|error| client_failure(&error))?),
            runs: runs.map_err(|error| client_failure(&error))?.workflow_runs,
            runners: runners.runners,
            trouble: None,
        })
    }
}
