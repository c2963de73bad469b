//! Moves parts that take no more rows into the object store. Called by `store`, in the background.
//!
//! The order makes it safe to die anywhere: the chunks are put, then the list that names them, then the files are removed. `recover` goes on
//! from whatever is there.

use super::chunk::pack;
use super::error::LogError;
use super::log::{Due, Log};
use super::manifest::{Chunk, Filed, Manifest, chain};
use super::objects::{LogObjects, chunk_path, manifest_path};
use super::part::Part;
use super::recover::blocking;
use domain::{LogEnd, TaskId};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// So many parts of a log become chunks together.
const TOGETHER: usize = 4;
/// So many parts are packed at a time.
const PACKERS: usize = 2;
/// For so many logs, objects are put at a time: waiting for a disk is shared.
const PUTTERS: usize = 8;

/// How much is sealed at a time.
#[derive(Debug)]
pub(super) struct Turns {
    packing: Semaphore,
    putting: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { packing: Semaphore::new(PACKERS), putting: Semaphore::new(PUTTERS) }
    }
}

/// What is sealed next.
#[derive(Debug)]
struct Work {
    /// What the object store has.
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    /// Whether they are the last.
    filed: Filed,
}

/// Seals all of a log that is due.
pub(super) async fn seal(objects: &LogObjects, log: &Log, turns: &Turns) -> Result<(), LogError> {
    loop {
        let alone = log.sealing.lock().await;
        while let Some(work) = next(log).await {
            let _turn = turns.putting.acquire().await.map_err(|_| LogError::Ending { task: log.task })?;
            one(objects, log, turns, work).await?;
        }
        drop(alone);
        // Who saw that somebody seals left it to us.
        if log.state.lock().await.due() == Due::Nothing {
            return Ok(());
        }
    }
}

async fn next(log: &Log) -> Option<Work> {
    let state = log.state.lock().await;
    if state.due() == Due::Nothing {
        return None;
    }
    // The last part of an open log takes more rows.
    let ready = match state.end {
        LogEnd::Open => state.parts.len() - 1,
        LogEnd::Last => state.parts.len(),
    };
    let filed = if state.end == LogEnd::Last && ready <= TOGETHER { Filed::Ended } else { Filed::Open };
    let parts = state.parts.iter().take(ready.min(TOGETHER)).cloned().collect();
    Some(Work { chunks: state.chunks.clone(), parts, filed })
}

async fn one(objects: &LogObjects, log: &Log, turns: &Turns, work: Work) -> Result<(), LogError> {
    let task = log.task;
    let Work { mut chunks, parts, filed } = work;
    let mut puts = JoinSet::new();
    for part in parts.iter().filter(|part| part.rows > 0) {
        let _turn = turns.packing.acquire().await.map_err(|_| LogError::Ending { task })?;
        let (folder, part, before) = (log.folder.clone(), part.clone(), chunks.last().cloned());
        let (chunk, object) = blocking(task, move || chunk_of(&part, &folder, before.as_ref())).await?;
        let (objects, path) = (objects.clone(), chunk_path(task, chunk.first));
        puts.spawn(async move { objects.put(&path, object).await });
        chunks.push(chunk);
    }
    while let Some(done) = puts.join_next().await {
        done.map_err(|_| LogError::Ending { task })??;
    }
    list(objects, task, log, chunks, &parts, filed).await?;
    let folder = log.folder.clone();
    blocking(task, move || {
        // What stays after a fault is found and removed by `recover`.
        for part in parts {
            let _later = fs_err::remove_file(part.path(&folder));
        }
        if filed == Filed::Ended {
            let _later = fs_err::remove_dir(&folder);
        }
        Ok(())
    })
    .await
}

/// The chunk of a part, and its object.
fn chunk_of(part: &Part, folder: &std::path::Path, before: Option<&Chunk>) -> Result<(Chunk, Vec<u8>), LogError> {
    let path = part.path(folder);
    let packed = part.all(folder).and_then(|text| pack(&text)).map_err(LogError::file(&path))?;
    let chunk = Chunk {
        first: part.first,
        rows: packed.rows,
        text: part.text,
        index: packed.index,
        from: packed.span.0,
        to: packed.span.1,
        chain: chain(before, &packed.bytes),
    };
    Ok((chunk, packed.bytes))
}

/// Lists the chunks; from now on they are the log, and the parts are not.
async fn list(
    objects: &LogObjects,
    task: TaskId,
    log: &Log,
    chunks: Vec<Chunk>,
    parts: &[Part],
    filed: Filed,
) -> Result<(), LogError> {
    let manifest = Manifest::new(task, filed, chunks);
    objects.put(&manifest_path(task), manifest.write()?).await?;
    let mut state = log.state.lock().await;
    state.chunks = manifest.chunks;
    state.filed = filed;
    state.parts.drain(..parts.len());
    if filed == Filed::Ended {
        state.close_file();
    }
    Ok(())
}
