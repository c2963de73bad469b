//! The object store as logs use it: whole objects, named by task. Called by `recover`, `seal`, `read` and `store`.

use super::error::LogError;
use bytes::Bytes;
use domain::TaskId;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// Where the sealed parts of logs are. Clones share it.
#[derive(Debug, Clone)]
pub struct LogObjects {
    store: Arc<dyn ObjectStore>,
    pub(super) distance: Distance,
}

/// How far away objects are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distance {
    /// On a disk of this machine: as near as any file.
    Near,
    /// Somewhere else: nobody waits for it.
    Far,
}

impl LogObjects {
    /// A folder of this machine, made where there is none. What is put there is on disk when the call ends.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn folder(folder: &std::path::Path) -> Result<Self, LogError> {
        fs_err::create_dir_all(folder).map_err(LogError::file(folder))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| LogError::Objects { path: folder.display().to_string(), source })?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), distance: Distance::Near })
    }

    /// Any other store; it must answer a `put` when the object is safe.
    #[must_use]
    pub const fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, distance: Distance::Far }
    }

    pub(super) async fn get(&self, path: &Path) -> Result<Option<Bytes>, LogError> {
        let got = match self.store.get(path).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(path, source)),
        }
    }

    pub(super) async fn put(&self, path: &Path, bytes: Vec<u8>) -> Result<(), LogError> {
        self.store.put(path, bytes.into()).await.map(|_| ()).map_err(|source| failed(path, source))
    }

    /// Removes an object; it is no fault when it is not there.
    pub(super) async fn remove(&self, path: &Path) -> Result<(), LogError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(failed(path, source)),
        }
    }

    /// The chunks of a log.
    pub(super) async fn of(&self, task: TaskId) -> Result<Vec<Path>, LogError> {
        let folder = folder_of(task);
        match self.store.list_with_delimiter(Some(&folder)).await {
            Ok(list) => Ok(list.objects.into_iter().map(|object| object.location).collect()),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(source) => Err(failed(&folder, source)),
        }
    }
}

fn failed(path: &Path, source: object_store::Error) -> LogError {
    LogError::Objects { path: path.to_string(), source }
}

/// The hexadecimal digit that the files of open logs are spread by. A folder for each of a few: what is in them is soon sealed.
pub(super) fn spread(task: TaskId) -> String {
    format!("{:x}", task.0.rem_euclid(16))
}

/// What the objects of so many tasks that follow each other have in common: one more folder to make costs a file system more than
/// one more object in a folder.
const NEIGHBOURS: i64 = 1024;

/// What the paths of a task's objects begin with.
fn neighbours(task: TaskId) -> String {
    format!("{:05x}", task.0.div_euclid(NEIGHBOURS))
}

fn folder_of(task: TaskId) -> Path {
    Path::from_iter([neighbours(task), task.to_string()])
}

/// The object that lists the chunks of a log.
pub(super) fn manifest_path(task: TaskId) -> Path {
    Path::from_iter([neighbours(task), format!("{task}.json")])
}

/// The chunk that begins with row `first`.
pub(super) fn chunk_path(task: TaskId, first: u64) -> Path {
    Path::from_iter([neighbours(task), task.to_string(), format!("{first:012}.zst")])
}
