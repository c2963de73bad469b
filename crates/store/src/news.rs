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
    /// A runner was given a job, or spoke of the one that it has.
    Task {
        /// The job, which is elsewhere now, or its steps are.
        job: JobNumber,
        /// Its run, which may be elsewhere too.
        run: RunId,
        /// The runner, where it has more or less work now.
        runner: Option<RunnerId>,
        /// Which server did it.
        by: By,
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

/// Which server did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The one that reads the news of it: whoever did it told its own queue already.
    Here,
    /// Another one.
    Elsewhere,
}

/// By what a server knows its own news again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    fn draw() -> Self {
        // The standard library's only source of chance; nothing secret depends on it.
        Self(std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0))
    }
}

impl Change {
    /// As it goes over the wire between servers.
    pub(crate) fn write(self, mark: Mark, text: &mut String) {
        use std::fmt::Write;
        let separator = if text.is_empty() { "" } else { "," };
        let _never_fails = match self {
            Self::Run(run) => write!(text, "{separator}r{run}"),
            Self::Job { job, run } => write!(text, "{separator}j{job}.{run}"),
            Self::Task { job, run, runner, by } => {
                let runner = runner.map(|runner| runner.0.to_string()).unwrap_or_default();
                let mark = if by == By::Here { mark.0 } else { !mark.0 };
                write!(text, "{separator}k{job}.{run}.{runner}.{mark:x}")
            }
            Self::Runner(runner) => write!(text, "{separator}n{}", runner.0),
            Self::Project(project) => write!(text, "{separator}p{project}"),
            Self::Token(token) => write!(text, "{separator}t{token}"),
            Self::Missed => write!(text, "{separator}m"),
        };
    }

    /// What another server wrote; of a newer one that says more than is known here, something was missed.
    pub(crate) fn read(mark: Mark, text: &str) -> impl Iterator<Item = Self> {
        text.split(',').map(move |one| Self::one(mark, one).unwrap_or(Self::Missed))
    }

    fn one(mark: Mark, text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let number = |text: &str| text.parse::<i64>().ok();
        Some(match (kind, rest.as_str()) {
            ('r', run) => Self::Run(RunId(number(run)?)),
            ('j', both) => {
                let (job, run) = both.split_once('.')?;
                Self::Job { job: JobNumber(number(job)?), run: RunId(number(run)?) }
            }
            ('k', all) => {
                let mut parts = all.split('.');
                let mut part = || parts.next();
                let (job, run) = (JobNumber(number(part()?)?), RunId(number(part()?)?));
                let runner = match part()? {
                    "" => None,
                    runner => Some(RunnerId(number(runner)?)),
                };
                let by = u64::from_str_radix(part()?, 16).ok()?;
                Self::Task { job, run, runner, by: if by == mark.0 { By::Here } else { By::Elsewhere } }
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
pub(crate) struct News {
    readers: std::sync::Weak<broadcast::Sender<Change>>,
    mark: Mark,
}

/// Keeps the readers of news reading: without it they end.
pub(crate) type Open = std::sync::Arc<std::sync::Mutex<Option<std::sync::Arc<broadcast::Sender<Change>>>>>;

pub(crate) fn open() -> (News, Open) {
    let sender = std::sync::Arc::new(broadcast::channel(ROOM).0);
    let news = News { readers: std::sync::Arc::downgrade(&sender), mark: Mark::draw() };
    (news, std::sync::Arc::new(std::sync::Mutex::new(Some(sender))))
}

impl News {
    /// Tells those who wait; nobody may.
    pub(crate) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        if let Some(sender) = self.readers.upgrade() {
            for change in changes {
                let _nobody_waits = sender.send(change);
            }
        }
    }

    /// Whether anybody may wait for news.
    pub(crate) fn is_open(&self) -> bool {
        self.readers.strong_count() > 0
    }

    /// By what this server knows its own news again.
    pub(crate) const fn mark(&self) -> Mark {
        self.mark
    }

    fn read(&self) -> Option<Changes> {
        self.readers.upgrade().map(|sender| Changes(sender.subscribe()))
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
    use super::{By, Change, Mark};
    use domain::RunnerId;
    use domain::control::{JobNumber, ProjectId, RunId, TokenId};
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<i64>().prop_map(|run| Change::Run(RunId(run))),
            any::<(i64, i64)>().prop_map(|(job, run)| Change::Job { job: JobNumber(job), run: RunId(run) }),
            any::<(i64, i64, Option<i64>)>().prop_map(|(job, run, runner)| Change::Task {
                job: JobNumber(job),
                run: RunId(run),
                runner: runner.map(RunnerId),
                by: By::Here,
            }),
            any::<i64>().prop_map(|runner| Change::Runner(RunnerId(runner))),
            any::<i64>().prop_map(|project| Change::Project(ProjectId(project))),
            any::<i64>().prop_map(|token| Change::Token(TokenId(token))),
            Just(Change::Missed),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(changes in prop::collection::vec(change(), 1..6), here: u64, there: u64) {
            let mut text = String::new();
            changes.iter().for_each(|change| change.write(Mark(here), &mut text));
            prop_assert_eq!(Change::read(Mark(here), &text).collect::<Vec<_>>(), &changes[..]);
            prop_assume!(here != there);
            for change in Change::read(Mark(there), &text) {
                let by_another = !matches!(change, Change::Task { by: By::Here, .. });
                prop_assert!(by_another, "{change:?}");
            }
        }

        #[test]
        fn what_is_not_understood_was_missed(text in ".{0,20}") {
            prop_assert!(Change::read(Mark(1), &text).count() > 0);
        }
    }
}
