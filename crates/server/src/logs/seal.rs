//! Moves parts that take no more rows into the object store. Called by `store`, in the background.
//!
//! The order makes it safe to die anywhere: the chunks are put, then the list that names them, then the files are removed. `recover` goes on
//! from whatever is there. A short log is one object: its chunk is in the list.

use super::chunk::pack;
use super::error::LogError;
use super::kept::Lines;
use super::log::{Due, Log, State};
use super::manifest::{Chunk, Filed, Kept, Manifest, SMALL, chain};
use super::objects::{chunk_path, manifest_path};
use super::part::Part;
use super::recover::blocking;
use super::share::{Held, Look, Sharing};
use super::store::LogSettings;
use domain::LogEnd;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
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

impl Turns {
    /// One of those who put objects, until it is dropped.
    pub(super) async fn putting(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.putting.acquire().await.ok()
    }
}

/// What is sealed next.
#[derive(Debug)]
struct Work {
    /// What the object store has.
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    /// Of each part the lines, where they are kept.
    kept: Vec<Option<Arc<Lines>>>,
    /// Whether they are the last.
    filed: Filed,
}

/// Seals all of a log that is due.
pub(super) async fn seal(settings: &LogSettings, log: &Log, turns: &Turns) -> Result<(), LogError> {
    loop {
        let alone = log.sealing.lock().await;
        while let Some(work) = next(log).await {
            let _turn = turns.putting.acquire().await.map_err(|_| LogError::Ending { task: log.task })?;
            if let Err(error) = one(settings, log, turns, work).await {
                // A part that another server sealed meanwhile is no fault.
                settings.look(log, Look::All).await?;
                if settings.sharing == Sharing::Alone || log.state.lock().await.due() == Due::Seal {
                    return Err(error);
                }
            }
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
    let parts: Vec<Part> = state.parts.iter().take(ready.min(TOGETHER)).cloned().collect();
    let kept = parts.iter().map(|part| state.kept.get(part)).collect();
    Some(Work { chunks: state.chunks.clone(), parts, kept, filed })
}

async fn one(settings: &LogSettings, log: &Log, turns: &Turns, work: Work) -> Result<(), LogError> {
    let (task, objects) = (log.task, &settings.objects);
    let Work { mut chunks, parts, kept, filed } = work;
    let mut puts = JoinSet::new();
    let is_whole = filed == Filed::Ended && chunks.is_empty() && parts.len() == 1;
    let mut small = None;
    for (part, lines) in parts.iter().zip(kept).filter(|(part, _)| part.rows > 0) {
        let _turn = turns.packing.acquire().await.map_err(|_| LogError::Ending { task })?;
        let (stem, part, before) = (log.stem.clone(), part.clone(), chunks.last().cloned());
        let (chunk, object) = blocking(task, move || chunk_of(&part, lines, &stem, before.as_ref())).await?;
        if is_whole && object.len() <= SMALL {
            small = Some(Manifest::of_small(task, chunk, &object));
            break;
        }
        let (objects, path) = (objects.clone(), chunk_path(task, chunk.first));
        puts.spawn(async move { objects.put(&path, object).await });
        chunks.push(chunk);
    }
    while let Some(done) = puts.join_next().await {
        done.map_err(|_| LogError::Ending { task })??;
    }
    let manifest = small.unwrap_or_else(|| Manifest::new(task, filed, chunks));
    let Some(held) = list(settings, log, manifest, &parts).await? else { return Ok(()) };
    let stem = log.stem.clone();
    blocking(task, move || {
        // What stays after a fault is found and removed by `recover`.
        for part in parts {
            let _later = fs_err::remove_file(part.path(&stem));
        }
        drop(held);
        Ok(())
    })
    .await
}

/// The chunk of a part, and its object.
fn chunk_of(
    part: &Part,
    lines: Option<Arc<Lines>>,
    stem: &std::path::Path,
    before: Option<&Chunk>,
) -> Result<(Chunk, Vec<u8>), LogError> {
    let path = part.path(stem);
    let packed = match lines.as_ref().and_then(|lines| lines.of(part)) {
        Some(text) => pack(text),
        None => part.all(stem).and_then(|text| pack(&text)),
    };
    let packed = packed.map_err(LogError::file(&path))?;
    let chunk = Chunk {
        first: part.first,
        rows: packed.rows,
        text: part.text,
        index: packed.index,
        from: packed.span.0,
        to: packed.span.1,
        chain: chain(before, &packed.bytes),
        kept: Kept::Apart,
    };
    Ok((chunk, packed.bytes))
}

/// Lists the chunks; from now on they are the log, and the parts are not. Nothing where another server was quicker: what is due now is looked for again, and the
/// chunks are the same as its own.
async fn list(settings: &LogSettings, log: &Log, manifest: Manifest, parts: &[Part]) -> Result<Option<Held>, LogError> {
    let (objects, path, list) = (&settings.objects, manifest_path(log.task), manifest.write()?);
    let (mut state, held) = match settings.sharing {
        // Nobody else removes parts, and rows come in meanwhile.
        Sharing::Alone => {
            objects.put(&path, list).await?;
            (log.state.lock().await, settings.hold(log.task).await?)
        }
        Sharing::Shared => {
            let mut state = log.state.lock().await;
            let held = settings.hold(log.task).await?;
            settings.sharing.refresh(objects, log, &mut state).await?;
            if !state.parts.iter().take(parts.len()).eq(parts) {
                return Ok(None);
            }
            objects.put(&path, list).await?;
            (state, held)
        }
    };
    let filed = manifest.end;
    state.chunks = manifest.chunks;
    state.filed = filed;
    state.parts.drain(..parts.len());
    let State { parts: left, kept, .. } = &mut *state;
    kept.forget_before(left.front());
    if filed == Filed::Ended {
        state.close_file();
    }
    Ok(Some(held))
}
