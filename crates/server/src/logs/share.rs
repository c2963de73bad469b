//! Several servers with one folder of open logs: who changes a log holds the lock of its spread for that moment, and first looks whether another server changed
//! it since. Called by `store`, `seal` and `read`. A server that is alone does none of it.
//!
//! Nothing is handed over: any server takes the next rows of any log, and seals what a server that died left.

use super::error::LogError;
use super::log::{Log, State};
use super::manifest::Filed;
use super::objects::{LogObjects, spread};
use super::part::{Part, sizes};
use super::recover::{blocking, recover};
use domain::TaskId;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who uses the folder of open logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One server: another one is refused.
    Alone,
    /// All servers of a database. The folder's disk must know `flock`, as disks of one machine and NFS 4 do.
    Shared,
}

/// The right to change the logs of a spread; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "it is held, not read")] Option<fs_err::File>);

/// How closely a log is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Its files: a log that has none and gets none costs a glance at its folder, without a lock.
    Files,
    /// The list of its chunks too, where it has no files.
    All,
}

/// Between two tries to take a lock.
const PAUSE: Duration = Duration::from_micros(300);
const LONGEST: Duration = Duration::from_millis(10);

impl Sharing {
    /// Takes the lock of a task's spread, once others let go of it.
    pub(super) async fn hold(self, folder: &Path, task: TaskId) -> Result<Held, LogError> {
        if self == Self::Alone {
            return Ok(Held(None));
        }
        let folder = folder.join(spread(task));
        let (file, path) = blocking(task, move || open(folder)).await?;
        let mut pause = PAUSE;
        loop {
            match file.file().try_lock() {
                Ok(()) => return Ok(Held(Some(file))),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(pause).await,
                Err(TryLockError::Error(source)) => return Err(LogError::File { path, source }),
            }
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Makes true what this server knows of a log, which it holds, and tells who watches it.
    pub(super) async fn refresh(self, objects: &LogObjects, log: &Log, state: &mut State) -> Result<(), LogError> {
        if self == Self::Shared && !is_current(log.task, &log.stem, state).await? {
            *state = recover(objects, log.task, &log.stem).await?;
            let facts = state.facts();
            log.facts.send_if_modified(|known| std::mem::replace(known, facts) != facts);
        }
        Ok(())
    }

    /// The same for a log that is about to be read, or is watched.
    pub(super) async fn look(self, look: Look, objects: &LogObjects, root: &Path, log: &Log) -> Result<(), LogError> {
        if self == Self::Alone {
            return Ok(());
        }
        let mut state = log.state.lock().await;
        // What has ended and is in the object store is the same for everybody.
        if state.filed == Filed::Ended {
            return Ok(());
        }
        let is_known = match look {
            Look::Files => has_known_files(log.task, &log.stem, &state).await?,
            Look::All => is_current(log.task, &log.stem, &state).await?,
        };
        if is_known {
            return Ok(());
        }
        let _held = self.hold(root, log.task).await?;
        self.refresh(objects, log, &mut state).await
    }
}

fn open(folder: PathBuf) -> Result<(fs_err::File, PathBuf), LogError> {
    fs_err::create_dir_all(&folder).map_err(LogError::file(&folder))?;
    let path = folder.join("lock");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = fs_err::OpenOptions::from_options(options).open(&path).map_err(LogError::file(&path))?;
    Ok((file, path))
}

/// Whether the files are those that are known, as long as they are known: rows make one longer, sealing takes them away. Without any it is the list of chunks
/// that tells.
pub(super) async fn is_current(task: TaskId, stem: &Path, state: &State) -> Result<bool, LogError> {
    if state.parts.is_empty() {
        return Ok(state.filed == Filed::Ended);
    }
    has_known_files(task, stem, state).await
}

/// Whether the files are those that are known, none among them.
async fn has_known_files(task: TaskId, stem: &Path, state: &State) -> Result<bool, LogError> {
    let place = stem.to_owned();
    let found = blocking(task, move || sizes(&place).map_err(LogError::file(&place))).await?;
    Ok(state.parts.iter().map(Part::size).eq(found))
}
