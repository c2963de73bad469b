//! What the agent has in hand, on disk: so that a crash at any moment leaves no attempt without an end, and none runs twice.
//!
//! A line of JSON for each change, written with one call: a process that is killed loses nothing that it wrote, and a torn last line
//! is left out when the file is read. Called by `slots`, and by `run` at the start.
//!
//! What is guaranteed when the agent is killed at any moment: a task stands here before its process is started, that the process was started
//! before it is given its order. So one that was only taken ran nothing, and the forge is told so; one that is not here never came, and the
//! forge's own sweep ends it. That a job ended, the folder of its task knows before (`report::abandon`).
//!
//! When the machine loses power: the disk is told in the background ([`Journal::unflushed`]), within the time of one write to it and a twentieth of a
//! second, and not before the job starts; waiting would cost each job milliseconds. The last lines may be gone then. No task runs twice by it: the forges hand a
//! task out once (Forgejo repeats an answer only to the request key of the process that asked). One that is forgotten is ended by the
//! forge's sweep, and one whose end is forgotten is told as failed, which a forge that knows the end does not take.

use crate::job::DialectForm;
use domain::{Attempt, AttemptChange, RunnerUuid, TaskId, Timestamp};
use protocol::Dialect;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A task that comes again within this time is the same one; a forge that was restored from a backup may count anew later.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// From this size on the file is written anew when nothing is open.
const COMPACT_AT: u64 = 1024 * 1024;

/// An attempt in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Which task.
    pub(crate) task: TaskId,
    /// How many steps its workflow has.
    pub(crate) steps: usize,
    /// What the forge is.
    pub(crate) dialect: Dialect,
    /// When the forge gave it.
    pub(crate) taken: Timestamp,
    /// Where it is.
    pub(crate) attempt: Attempt,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// The first: whose journal it is. Tasks of another runner mean nothing to this one.
    Head { version: u32, runner: String },
    /// The forge gave a task.
    Taken {
        task: i64,
        steps: usize,
        at: Timestamp,
        #[serde(default = "usual", with = "DialectForm")]
        dialect: Dialect,
    },
    /// Something happened to its attempt.
    Changed { task: i64, at: Timestamp, change: AttemptChange },
    /// A task whose attempt was closed, kept so that it does not run again.
    Known { task: i64, at: Timestamp },
}

/// Of a task that an agent took which did not write it down.
const fn usual() -> Dialect {
    Dialect::Gitea
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the agent's journal {path} cannot be {what}: {source}; check the folder that --data names and its disk", path = path.display())]
pub struct JournalError {
    path: PathBuf,
    what: &'static str,
    #[source]
    source: io::Error,
}

/// The journal of one agent.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    runner: RunnerUuid,
    file: Arc<File>,
    size: u64,
    open: BTreeMap<TaskId, Open>,
    /// Closed tasks, and when they were closed.
    known: HashMap<TaskId, Timestamp>,
    is_dirty: bool,
}

impl Journal {
    /// Reads the journal of a data folder, or begins it. What it holds of another runner is left out.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn open(data: &Path, runner: &RunnerUuid, now: Timestamp) -> Result<Self, JournalError> {
        let path = data.join("journal.jsonl");
        let (open, known) = match fs_err::read(&path) {
            Ok(bytes) => read(&bytes, runner, now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (BTreeMap::new(), HashMap::new()),
            Err(source) => return Err(JournalError { path, what: "read", source }),
        };
        let (file, size) = write_anew(&path, runner, &open, &known).map_err(|source| JournalError {
            path: path.clone(),
            what: "written",
            source,
        })?;
        Ok(Self { path, runner: runner.clone(), file: Arc::new(file), size, open, known, is_dirty: false })
    }

    /// The attempts that are not closed.
    pub(crate) fn in_hand(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// Whether this task is in hand, or was within the last hour.
    #[must_use]
    pub(crate) fn knows(&self, task: TaskId, now: Timestamp) -> bool {
        self.open.contains_key(&task) || self.known.get(&task).is_some_and(|at| now.since(*at) < MEMORY)
    }

    /// Whether an attempt was closed within the last hour.
    #[must_use]
    pub(crate) fn has_closed(&self) -> bool {
        !self.known.is_empty()
    }

    /// The forge gave a task.
    ///
    /// # Errors
    /// When the file cannot be written: the task must not be run then, since a crash could not be told from a task that never came.
    pub(crate) fn taken(
        &mut self,
        task: TaskId,
        steps: usize,
        dialect: Dialect,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.append(&Line::Taken { task: task.0, steps, at, dialect })?;
        self.open.insert(task, Open { task, steps, dialect, taken: at, attempt: Attempt::Taken { at } });
        Ok(())
    }

    /// Something happened to an attempt in hand. A change that has no place in its state is left out.
    ///
    /// # Errors
    /// When the file cannot be written; the attempt counts as changed all the same.
    pub(crate) fn change(&mut self, task: TaskId, change: AttemptChange, at: Timestamp) -> Result<(), JournalError> {
        let Some(open) = self.open.get_mut(&task) else { return Ok(()) };
        match open.attempt.after(change.clone()) {
            Ok(next) if next == open.attempt => return Ok(()),
            Ok(next) => open.attempt = next,
            Err(error) => {
                tracing::debug!(%task, %error, "a change came late");
                return Ok(());
            }
        }
        let is_closed = open.attempt.is_closed();
        let written = self.append(&Line::Changed { task: task.0, at, change });
        if is_closed {
            self.open.remove(&task);
            self.known.insert(task, at);
        }
        if is_closed && self.open.is_empty() && self.size > COMPACT_AT {
            self.compact(at)?;
        }
        written
    }

    /// The file, if something was written since the last time that this was asked: the disk is to be told.
    #[must_use]
    pub(crate) fn unflushed(&mut self) -> Option<Arc<File>> {
        std::mem::take(&mut self.is_dirty).then(|| Arc::clone(&self.file))
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        let bytes = bytes_of(line);
        (&*self.file).write_all(&bytes).map_err(|source| JournalError {
            path: self.path.clone(),
            what: "written",
            source,
        })?;
        self.size += bytes.len() as u64;
        self.is_dirty = true;
        Ok(())
    }

    fn compact(&mut self, now: Timestamp) -> Result<(), JournalError> {
        self.known.retain(|_, at| now.since(*at) < MEMORY);
        let (file, size) = write_anew(&self.path, &self.runner, &self.open, &self.known)
            .map_err(|source| JournalError { path: self.path.clone(), what: "written", source })?;
        (self.file, self.size) = (Arc::new(file), size);
        Ok(())
    }
}

fn bytes_of(line: &Line) -> Vec<u8> {
    // These types always have a form in JSON.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

type Facts = (BTreeMap<TaskId, Open>, HashMap<TaskId, Timestamp>);

/// What the lines tell. A line that cannot be read, the torn last one above all, is left out: whatever it said did not happen yet.
fn read(bytes: &[u8], runner: &RunnerUuid, now: Timestamp) -> Facts {
    let (mut open, mut known) = Facts::default();
    let mut is_ours = false;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Line>(line) {
            Ok(Line::Head { version, runner: whose }) => is_ours = version == 1 && whose == runner.0,
            Ok(_) if !is_ours => {}
            Ok(Line::Taken { task, steps, at, dialect }) => {
                let task = TaskId(task);
                open.insert(task, Open { task, steps, dialect, taken: at, attempt: Attempt::Taken { at } });
            }
            Ok(Line::Changed { task, at, change }) => {
                let task = TaskId(task);
                let Some(attempt) = open.get_mut(&task) else { continue };
                if let Ok(next) = attempt.attempt.after(change) {
                    attempt.attempt = next;
                }
                if attempt.attempt.is_closed() {
                    open.remove(&task);
                    known.insert(task, at);
                }
            }
            Ok(Line::Known { task, at }) => {
                known.insert(TaskId(task), at);
            }
            Err(error) => tracing::warn!(%error, "a line of the journal cannot be read and is left out"),
        }
    }
    known.retain(|_, at| now.since(*at) < MEMORY);
    (open, known)
}

/// Writes what matters into a new file and puts it in the old one's place.
fn write_anew(
    path: &Path,
    runner: &RunnerUuid,
    open: &BTreeMap<TaskId, Open>,
    known: &HashMap<TaskId, Timestamp>,
) -> io::Result<(File, u64)> {
    let mut bytes = bytes_of(&Line::Head { version: 1, runner: runner.0.clone() });
    for (task, at) in known {
        bytes.extend(bytes_of(&Line::Known { task: task.0, at: *at }));
    }
    for one in open.values() {
        let Open { task, steps, dialect, taken, .. } = one;
        bytes.extend(bytes_of(&Line::Taken { task: task.0, steps: *steps, at: *taken, dialect: *dialect }));
        for change in changes_to(&one.attempt) {
            bytes.extend(bytes_of(&Line::Changed { task: one.task.0, at: one.taken, change }));
        }
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    let (file, temporary) = file.into_parts();
    temporary.persist(path).map_err(|fault| fault.error)?;
    Ok((file, bytes.len() as u64))
}

/// The changes that lead from a task just taken to where it is.
fn changes_to(attempt: &Attempt) -> Vec<AttemptChange> {
    let started = |at: &Timestamp| AttemptChange::Started { at: *at };
    match attempt {
        Attempt::Taken { .. } => Vec::new(),
        Attempt::Running { started: at } => vec![started(at)],
        Attempt::Stopping { started: at, by } => vec![started(at), AttemptChange::StopAsked { by: *by }],
        Attempt::Ended { end, at } => vec![AttemptChange::Ended { end: end.clone(), at: *at }],
        Attempt::Closed { end, delivery } => vec![
            AttemptChange::Ended { end: end.clone(), at: Timestamp(0) },
            AttemptChange::Closed { delivery: delivery.clone() },
        ],
    }
}

#[cfg(test)]
mod tests;
