//! One log in memory: what of it is where, and how rows are added. Called by `store`.

use super::error::LogError;
use super::frame;
use super::kept::{Kept, Shares};
use super::line::{self, Stamps};
use super::manifest::{Chunk, Filed};
use super::new::NewRows;
use super::part::{FRAME, FULL, Part};
use domain::{LogEnd, TaskId};
use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{Mutex, watch};

/// How long a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFacts {
    /// How many rows it has: the number of the next one.
    pub rows: u64,
    /// How many bytes [`super::LogText`] gives.
    pub bytes: u64,
    /// Whether more may come.
    pub end: LogEnd,
}

/// A log, shared by all that use it at the same time.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) task: TaskId,
    /// What the paths of its parts begin with.
    pub(super) stem: PathBuf,
    pub(super) state: Arc<Mutex<State>>,
    /// Held by the one who seals or removes it. Taken before `state`.
    pub(super) sealing: Mutex<()>,
    pub(super) facts: watch::Sender<LogFacts>,
}

/// What of a log is where.
#[derive(Debug)]
pub(super) struct State {
    /// What is in the object store.
    pub(super) chunks: Vec<Chunk>,
    /// What follows in files, the last of which takes new rows.
    pub(super) parts: VecDeque<Part>,
    pub(super) end: LogEnd,
    /// Whether the object store knows the end.
    pub(super) filed: Filed,
    /// The lines of some of the parts.
    pub(super) kept: Kept,
    /// The last part's file.
    file: Option<OpenFile>,
}

/// A file that is counted.
#[derive(Debug)]
struct OpenFile {
    file: fs_err::File,
    shares: Arc<Shares>,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.shares.files.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a row is.
#[derive(Debug)]
pub(super) enum Place {
    /// In a chunk; with the one before it, whose link its own is made from.
    Chunk(Option<Chunk>, Chunk),
    /// In a part.
    Part(Part),
}

/// Whether something waits to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Seal,
}

impl State {
    pub(super) fn new(chunks: Vec<Chunk>, parts: VecDeque<Part>, end: LogEnd, filed: Filed) -> Self {
        Self { chunks, parts, end, filed, kept: Kept::default(), file: None }
    }

    /// Whether nothing was ever written.
    pub(super) fn is_new(&self) -> bool {
        self.chunks.is_empty() && self.parts.is_empty() && self.end == LogEnd::Open
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.parts.back().map_or_else(|| self.chunks.last().map_or(0, Chunk::end), Part::end)
    }

    pub(super) fn facts(&self) -> LogFacts {
        let chunks: u64 = self.chunks.iter().map(|chunk| chunk.text).sum();
        let parts: u64 = self.parts.iter().map(|part| part.text).sum();
        LogFacts { rows: self.rows(), bytes: chunks + parts, end: self.end }
    }

    /// Where a row is; `None`: it is not there yet.
    pub(super) fn place(&self, row: u64) -> Option<Place> {
        if let Some(part) = self.parts.iter().find(|part| (part.first..part.end()).contains(&row)) {
            return Some(Place::Part(part.clone()));
        }
        let here = self.chunks.partition_point(|chunk| chunk.end() <= row);
        let chunk = self.chunks.get(here).filter(|chunk| chunk.first <= row)?;
        let before = here.checked_sub(1).and_then(|before| self.chunks.get(before));
        Some(Place::Chunk(before.cloned(), chunk.clone()))
    }

    /// Whether there is something to seal.
    pub(super) fn due(&self) -> Due {
        match self.end {
            LogEnd::Last if self.filed == Filed::Open => Due::Seal,
            LogEnd::Open if self.parts.len() > 1 => Due::Seal,
            _ => Due::Nothing,
        }
    }

    /// Adds rows at the end, but for the first `known`, frame by frame: on a fault, those that were written before it stay. `stem`: of the
    /// parts; `shares`: where open files and kept lines are counted.
    pub(super) fn add(
        &mut self,
        (task, stem): (TaskId, &Path),
        shares: &Arc<Shares>,
        rows: &impl NewRows,
        known: usize,
    ) -> Result<(), LogError> {
        let mut left = rows.count().saturating_sub(known);
        let room = frame::HEAD + rows.bytes() + left * line::AROUND;
        let (mut bytes, mut stamps) = (Vec::with_capacity(room.min(FRAME + FRAME / 8)), Stamps::default());
        let mut new = rows.rows().skip(known);
        loop {
            frame::begin(&mut bytes);
            let mut count = 0;
            while bytes.len() < FRAME
                && let Some((at, text)) = new.next()
            {
                stamps.write(at, text, &mut bytes);
                count += 1;
            }
            left = left.saturating_sub(count as usize);
            let end = if left == 0 { rows.end() } else { LogEnd::Open };
            frame::close(&mut bytes, self.rows(), count, end);
            self.put(stem, shares, &bytes, u64::from(count)).map_err(|source| match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    LogError::Full { task, folder: stem.parent().unwrap_or(stem).to_owned(), source }
                }
                _ => LogError::file(stem)(source),
            })?;
            self.end = end;
            if left == 0 || count == 0 {
                return Ok(());
            }
        }
    }

    /// Puts a frame at the end.
    fn put(&mut self, stem: &Path, shares: &Arc<Shares>, frame: &[u8], rows: u64) -> io::Result<()> {
        if self.parts.back().is_none_or(|part| part.bytes >= FULL) {
            self.parts.push_back(Part::new(self.rows()));
            self.file = None;
        }
        let Some(part) = self.parts.back_mut() else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let path = part.path(stem);
                let open = || {
                    let mut options = std::fs::OpenOptions::new();
                    options.write(true).create(true).truncate(false).mode(0o600);
                    fs_err::OpenOptions::from_options(options).open(&path)
                };
                let file = match (open(), path.parent()) {
                    // The first log of its spread.
                    (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                        fs_err::create_dir_all(folder)?;
                        open()
                    }
                    (opened, _) => opened,
                }?;
                shares.files.fetch_add(1, Ordering::Relaxed);
                none.insert(OpenFile { file, shares: Arc::clone(shares) })
            }
        };
        let file = file.file.file();
        if let Err(error) = file.write_all_at(frame, part.bytes) {
            // What is left of it is no whole frame, and is written over.
            let _unused = file.set_len(part.bytes);
            return Err(error);
        }
        self.kept.add(part, frame.get(frame::HEAD..).unwrap_or_default(), shares);
        part.grow(rows, frame.len() - frame::HEAD);
        Ok(())
    }

    /// Closes the file; the next row opens it again.
    pub(super) fn close_file(&mut self) {
        self.file = None;
    }
}
