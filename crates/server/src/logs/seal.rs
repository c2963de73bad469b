//! Moves parts that take no more rows into the object store. Called by `store`, in the background.
//!
//! The order makes it safe to die anywhere: the chunk is put, then the list that names it, then the file is removed. `recover` goes on from
//! whatever is there.

use super::chunk::pack;
use super::error::LogError;
use super::log::{Due, Log};
use super::manifest::{Chunk, Filed, Manifest, chain};
use super::objects::{LogObjects, chunk_path, manifest_path};
use super::part::Part;
use super::recover::blocking;
use domain::LogEnd;
use tokio::sync::Semaphore;

/// What is sealed next.
struct Work {
    /// What the object store has.
    chunks: Vec<Chunk>,
    part: Option<Part>,
    /// Whether it is the last.
    filed: Filed,
}

/// Seals all of a log that is due; `turns`: how many parts of all logs are packed at a time.
pub(super) async fn seal(objects: &LogObjects, log: &Log, turns: &Semaphore) -> Result<(), LogError> {
    let _alone = log.sealing.lock().await;
    while let Some(work) = next(log).await {
        let _turn = turns.acquire().await.map_err(|_| LogError::Ending { task: log.task })?;
        one(objects, log, work).await?;
    }
    Ok(())
}

async fn next(log: &Log) -> Option<Work> {
    let state = log.state.lock().await;
    match state.due() {
        Due::Nothing => None,
        Due::Seal => {
            let last = state.end == LogEnd::Last && state.parts.len() <= 1;
            let filed = if last { Filed::Ended } else { Filed::Open };
            Some(Work { chunks: state.chunks.clone(), part: state.parts.front().cloned(), filed })
        }
    }
}

async fn one(objects: &LogObjects, log: &Log, Work { mut chunks, part, filed }: Work) -> Result<(), LogError> {
    let task = log.task;
    if let Some(part) = part.clone().filter(|part| part.rows > 0) {
        let folder = log.folder.clone();
        let before = chunks.last().cloned();
        let (chunk, object) = blocking(task, move || {
            let path = part.path(&folder);
            let packed = part.all(&folder).and_then(|text| pack(&text)).map_err(LogError::file(&path))?;
            let chunk = Chunk {
                first: part.first,
                rows: packed.rows,
                text: part.text,
                index: packed.index,
                from: packed.span.0,
                to: packed.span.1,
                chain: chain(before.as_ref(), &packed.bytes),
            };
            Ok((chunk, packed.bytes))
        })
        .await?;
        objects.put(&chunk_path(task, chunk.first), object).await?;
        chunks.push(chunk);
    }
    let manifest = Manifest::new(task, filed, chunks);
    objects.put(&manifest_path(task), manifest.write()?).await?;
    let mut state = log.state.lock().await;
    state.chunks = manifest.chunks;
    state.filed = filed;
    if part.is_some() {
        state.parts.pop_front();
    }
    if filed == Filed::Ended {
        state.close_file();
    }
    drop(state);
    let folder = log.folder.clone();
    blocking(task, move || {
        // What stays after a fault is found and removed by `recover`.
        if let Some(part) = part {
            let _later = fs_err::remove_file(part.path(&folder));
        }
        if filed == Filed::Ended {
            let _later = fs_err::remove_dir(&folder);
        }
        Ok(())
    })
    .await
}
