//! Finds a log again: what the object store has, what the files have. Called by `store` when a log is used that is not in memory: after a
//! start, after a crash, or after it was idle.

use super::error::LogError;
use super::log::State;
use super::manifest::{Chunk, Filed, Manifest, chain};
use super::objects::{LogObjects, manifest_path};
use super::part::{Found, Part, find};
use domain::{LogEnd, TaskId};
use std::collections::VecDeque;
use std::path::Path;

/// Finds a log; one that was never written is empty.
pub(super) async fn recover(objects: &LogObjects, task: TaskId, stem: &Path) -> Result<State, LogError> {
    let manifest = match objects.get(&manifest_path(task)).await? {
        Some(bytes) => Manifest::read(task, &bytes)?,
        None => Manifest::new(task, Filed::Open, Vec::new()),
    };
    let place = stem.to_owned();
    let found = blocking(task, move || find(&place).map_err(LogError::file(&place))).await?;
    let (mut end, mut filed) = (manifest.log_end(), manifest.end);
    let mut chunks = manifest.chunks;
    let mut parts = VecDeque::new();
    let mut needless = Vec::new();
    for Found { part, end: part_end } in found {
        let sealed = chunks.last().map_or(0, Chunk::end);
        if parts.is_empty() && part.first < sealed {
            // It was sealed, and its file is still there. Where the chunk is whole, the file is needless.
            let index = chunks.partition_point(|chunk| chunk.first < part.first);
            if part.rows == 0 || holds(objects, task, &chunks, index).await? {
                needless.push(part);
                continue;
            }
            chunks.truncate(index);
            (end, filed) = (LogEnd::Open, Filed::Open);
        }
        let next = parts.back().map_or_else(|| chunks.last().map_or(0, Chunk::end), Part::end);
        if part.first != next || end == LogEnd::Last {
            // Rows before it were lost with the machine's power, or all of the log is in the object store.
            needless.push(part);
            continue;
        }
        if part_end == LogEnd::Last {
            end = LogEnd::Last;
        }
        parts.push_back(part);
    }
    if !needless.is_empty() {
        let place = stem.to_owned();
        blocking(task, move || {
            needless.iter().try_for_each(|part| {
                let path = part.path(&place);
                fs_err::remove_file(&path).map_err(LogError::file(&path))
            })
        })
        .await?;
    }
    Ok(State::new(chunks, parts, end, filed))
}

/// Whether a chunk is in the object store as it was put there.
async fn holds(objects: &LogObjects, task: TaskId, chunks: &[Chunk], index: usize) -> Result<bool, LogError> {
    let Some(chunk) = chunks.get(index) else { return Ok(false) };
    let before = index.checked_sub(1).and_then(|before| chunks.get(before));
    Ok(chunk.bytes(objects, task).await?.is_some_and(|bytes| chain(before, &bytes) == chunk.chain))
}

/// Runs what waits for the disk where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    task: TaskId,
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LogError::Ending { task })?
}
