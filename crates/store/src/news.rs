//! What changed, told to whoever waits for it: on SQLite within this process, on PostgreSQL to every server of the database. Called by every verb
//! that changes something others wait for, and by the server's queue, loops and live pages.
//!
//! News are a hint to look, never the fact itself: whoever reads them looks at the store, and looks at everything after [`Change::Missed`].

use crate::database::Backend;
use crate::{Store, StoreError, listen};
use domain::RunnerId;
use domain::control::{JobNumber, ProjectId, RunId, TokenId};
use tokio::sync::broadcast;

/// So much news may wait for one reader; a slower one misses some and is told so.
const ROOM: usize = 4096;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A run: it was made, cancelled, run again or removed, or jobs of it came, went or changed by what follows.
    Run(RunId),
    /// A job is elsewhere now, or its steps are.
    Job {
        /// Which.
        job: JobNumber,
        /// Its run, which may be elsewhere too.
        run: RunId,
    },
    /// A runner: it came, went, got or lost work, or is another in what it says, may or signs with.
    Runner(RunnerId),
    /// A project: it came, went, or its refs, settings, workflows or schedules are others.
    Project(ProjectId),
    /// A token came or its life is another.
    Token(TokenId),
    /// Some news was lost: all may have changed.
    Missed,
}

impl Change {
    /// As it goes over the wire between servers.
    pub(crate) fn write(self, text: &mut String) {
        use std::fmt::Write;
        let separator = if text.is_empty() { "" } else { "," };
        let _never_fails = match self {
            Self::Run(run) => write!(text, "{separator}r{run}"),
            Self::Job { job, run } => write!(text, "{separator}j{job}.{run}"),
            Self::Runner(runner) => write!(text, "{separator}n{}", runner.0),
            Self::Project(project) => write!(text, "{separator}p{project}"),
            Self::Token(token) => write!(text, "{separator}t{token}"),
            Self::Missed => write!(text, "{separator}m"),
        };
    }

    /// What another server wrote; of a newer one that says more than is known here, something was missed.
    pub(crate) fn read(text: &str) -> impl Iterator<Item = Self> {
        text.split(',').map(|one| Self::one(one).unwrap_or(Self::Missed))
    }

    fn one(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let number = |text: &str| text.parse::<i64>().ok();
        Some(match (kind, rest.as_str()) {
            ('r', run) => Self::Run(RunId(number(run)?)),
            ('j', both) => {
                let (job, run) = both.split_once('.')?;
                Self::Job { job: JobNumber(number(job)?), run: RunId(number(run)?) }
            }
            ('n', runner) => Self::Runner(RunnerId(number(runner)?)),
            ('p', project) => Self::Project(ProjectId(number(project)?)),
            ('t', token) => Self::Token(TokenId(number(token)?)),
            _ => return None,
        })
    }
}

/// The news from when it was asked for.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Change>);

impl Changes {
    /// The next change; `None` when the store is closed. It loses nothing when it is dropped before it answers.
    pub async fn next(&mut self) -> Option<Change> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where news goes. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct News(std::sync::Weak<broadcast::Sender<Change>>);

/// Keeps the readers of news reading: without it they end.
pub(crate) type Open = std::sync::Arc<std::sync::Mutex<Option<std::sync::Arc<broadcast::Sender<Change>>>>>;

pub(crate) fn open() -> (News, Open) {
    let sender = std::sync::Arc::new(broadcast::channel(ROOM).0);
    (News(std::sync::Arc::downgrade(&sender)), std::sync::Arc::new(std::sync::Mutex::new(Some(sender))))
}

impl News {
    /// Tells those who wait; nobody may.
    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        if let Some(sender) = self.0.upgrade() {
            for change in changes {
                let _nobody_waits = sender.send(change);
            }
        }
    }

    /// Whether anybody may wait for news.
    pub(crate) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    fn read(&self) -> Option<Changes> {
        self.0.upgrade().map(|sender| Changes(sender.subscribe()))
    }
}

impl Store {
    /// What changes from now on.
    ///
    /// # Errors
    /// When the database cannot be listened to.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        if let Backend::Postgres(database) = &self.backend {
            listen::ensure(database, &self.news).await?;
        }
        self.news.read().ok_or(StoreError::Database(sqlx::Error::PoolClosed))
    }
}

#[cfg(test)]
mod tests {
    use super::Change;
    use domain::RunnerId;
    use domain::control::{JobNumber, ProjectId, RunId, TokenId};
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<i64>().prop_map(|run| Change::Run(RunId(run))),
            any::<(i64, i64)>().prop_map(|(job, run)| Change::Job { job: JobNumber(job), run: RunId(run) }),
            any::<i64>().prop_map(|runner| Change::Runner(RunnerId(runner))),
            any::<i64>().prop_map(|project| Change::Project(ProjectId(project))),
            any::<i64>().prop_map(|token| Change::Token(TokenId(token))),
            Just(Change::Missed),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(changes in prop::collection::vec(change(), 1..6)) {
            let mut text = String::new();
            changes.iter().for_each(|change| change.write(&mut text));
            prop_assert_eq!(Change::read(&text).collect::<Vec<_>>(), changes);
        }

        #[test]
        fn what_is_not_understood_was_missed(text in ".{0,20}") {
            prop_assert!(Change::read(&text).count() > 0);
        }
    }
}
