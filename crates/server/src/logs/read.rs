//! Reading a log: its lines piece by piece, wherever they are. Called by `store`.

use super::chunk::Opened;
use super::error::LogError;
use super::line::Stamps;
use super::log::{Log, LogFacts, Place};
use super::manifest::{Chunk, chain};
use super::objects::{LogObjects, chunk_path};
use super::part::Part;
use super::recover::blocking;
use super::share::Look;
use super::store::LogSettings;
use bytes::Bytes;
use domain::LogRow;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A page ends with the row that makes it so long.
const PAGE: usize = 4 * 1024 * 1024;
/// A part's file may be sealed while it is read; then the row is looked for again.
const TRIES: usize = 8;

/// Some rows of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The number of the first of them, from 0.
    pub first: u64,
    /// The rows; fewer than asked for where the log ends, or when they are very long.
    pub rows: Vec<LogRow>,
    /// How long the log was.
    pub facts: LogFacts,
}

/// The text of a log as it was when this was made: lines of time and content, in Gitea's form.
#[derive(Debug)]
pub struct LogText {
    pieces: Pieces,
    facts: LogFacts,
}

impl LogText {
    pub(super) const fn new(pieces: Pieces, facts: LogFacts) -> Self {
        Self { pieces, facts }
    }

    /// How long it is.
    #[must_use]
    pub const fn facts(&self) -> LogFacts {
        self.facts
    }

    /// The next lines, at most about 256 KiB; nothing after the last.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LogError> {
        Ok(self.pieces.next().await?.map(|(_, lines)| lines))
    }
}

/// Lines from one row to another, piece by piece.
#[derive(Debug)]
pub(super) struct Pieces {
    settings: LogSettings,
    log: Arc<Log>,
    /// The next row.
    row: u64,
    /// The row after the last.
    until: u64,
    /// The chunk that was read last.
    chunk: Option<(Chunk, Opened)>,
    /// What was read of a part, with the numbers of first rows.
    ready: VecDeque<(u64, Bytes)>,
}

impl Pieces {
    pub(super) fn new(settings: LogSettings, log: Arc<Log>, row: u64, until: u64) -> Self {
        Self { settings, log, row, until, chunk: None, ready: VecDeque::new() }
    }

    /// The next lines, and the number of the first of them.
    async fn next(&mut self) -> Result<Option<(u64, Bytes)>, LogError> {
        if self.row >= self.until {
            return Ok(None);
        }
        let (first, lines) = match self.ready.pop_front() {
            Some(piece) => piece,
            None => self.fetch().await?,
        };
        let lines = cut(&lines, self.row.saturating_sub(first), self.until - first);
        let rows = memchr::memchr_iter(b'\n', &lines).count() as u64;
        if rows == 0 {
            return Err(LogError::damaged(self.log.task, "a piece", format_args!("row {} is not in it", self.row)));
        }
        let here = self.row;
        self.row += rows;
        Ok(Some((here, lines)))
    }

    /// Gets lines with the next row among them.
    async fn fetch(&mut self) -> Result<(u64, Bytes), LogError> {
        let task = self.log.task;
        for _ in 0..TRIES {
            if let Some((chunk, opened)) = &self.chunk
                && (chunk.first..chunk.end()).contains(&self.row)
            {
                return block(&self.log, chunk, opened, self.row);
            }
            let place = self.log.state.lock().await.place(self.row);
            match place {
                Some(Place::Chunk(before, chunk)) => {
                    let opened = open(&self.settings.objects, &self.log, before, &chunk).await?;
                    self.chunk = Some((chunk, opened));
                }
                Some(Place::Part(part)) => match frames(&self.log, part, self.row).await {
                    Ok(pieces) => {
                        self.ready = pieces;
                        if let Some(piece) = self.ready.pop_front() {
                            return Ok(piece);
                        }
                    }
                    Err(LogError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                        // Another server may have sealed it.
                        self.settings.look(&self.log, Look::All).await?;
                    }
                    Err(error) => return Err(error),
                },
                None => break,
            }
        }
        Err(LogError::damaged(task, format!("row {}", self.row), "it is gone"))
    }
}

async fn open(objects: &LogObjects, log: &Arc<Log>, before: Option<Chunk>, chunk: &Chunk) -> Result<Opened, LogError> {
    let task = log.task;
    let path = chunk_path(task, chunk.first);
    let Some(bytes) = chunk.bytes(objects, task).await? else {
        return Err(LogError::damaged(task, format!("the object {path}"), "it is gone"));
    };
    let chunk = chunk.clone();
    blocking(task, move || {
        let what = || format!("the object {path}");
        if chain(before.as_ref(), &bytes) != chunk.chain {
            return Err(LogError::damaged(task, what(), "it is not what was put there"));
        }
        Opened::new(bytes, chunk.index).ok_or_else(|| LogError::damaged(task, what(), "its index does not fit"))
    })
    .await
}

fn block(log: &Log, chunk: &Chunk, opened: &Opened, row: u64) -> Result<(u64, Bytes), LogError> {
    let (first, lines) = opened.block(row - chunk.first).map_err(|error| {
        LogError::damaged(log.task, format!("the object {}", chunk_path(log.task, chunk.first)), error)
    })?;
    Ok((chunk.first + first, lines))
}

/// The frames of a part from a row on, some of them.
async fn frames(log: &Arc<Log>, part: Part, row: u64) -> Result<VecDeque<(u64, Bytes)>, LogError> {
    let stem = log.stem.clone();
    blocking(log.task, move || {
        let path = part.path(&stem);
        let (bytes, frames) = part.frames_at(&stem, row).map_err(LogError::file(&path))?;
        let bytes = Bytes::from(bytes);
        let frames = frames.into_iter().filter(|frame| frame.first + frame.rows > row);
        Ok(frames.map(|frame| (frame.first, bytes.slice(frame.text))).collect())
    })
    .await
}

/// The lines from one to another.
fn cut(lines: &Bytes, from: u64, until: u64) -> Bytes {
    let mut ends = memchr::memchr_iter(b'\n', lines).map(|newline| newline + 1);
    let nth = |ends: &mut dyn Iterator<Item = usize>, lines: u64| match usize::try_from(lines) {
        Ok(0) => Some(0),
        Ok(lines) => ends.nth(lines - 1),
        Err(_) => None,
    };
    let begin = nth(&mut ends, from).unwrap_or(lines.len());
    let end = nth(&mut ends, until - from).map_or(lines.len(), |end| end.max(begin));
    lines.slice(begin..end)
}

/// Takes lines apart.
fn rows(log: &Log, first: u64, lines: &Bytes) -> Result<Vec<LogRow>, LogError> {
    let mut stamps = Stamps::default();
    let lines = lines.strip_suffix(b"\n").unwrap_or(&lines[..]);
    let rows = lines.split(|byte| *byte == b'\n').map(|line| stamps.read(line));
    rows.enumerate()
        .map(|(number, row)| {
            let (at, content) = row.ok_or_else(|| {
                LogError::damaged(log.task, format!("row {}", first + number as u64), "it does not begin with a time")
            })?;
            Ok(LogRow { at, content: content.to_owned() })
        })
        .collect()
}

/// The rows of the pieces, until the page is full.
pub(super) async fn page(mut pieces: Pieces, facts: LogFacts) -> Result<LogPage, LogError> {
    let mut page = LogPage { first: pieces.row, rows: Vec::new(), facts };
    let mut bytes = 0;
    while bytes < PAGE
        && let Some((first, lines)) = pieces.next().await?
    {
        bytes += lines.len();
        page.rows.extend(rows(&pieces.log, first, &lines)?);
    }
    Ok(page)
}

/// The last rows of the pieces that fill a page.
pub(super) async fn tail(mut pieces: Pieces, facts: LogFacts) -> Result<LogPage, LogError> {
    let (mut kept, mut bytes) = (VecDeque::<(u64, Bytes)>::new(), 0);
    while let Some((first, lines)) = pieces.next().await? {
        bytes += lines.len();
        // A piece is a view of what was read together; a copy lets that go.
        kept.push_back((first, Bytes::copy_from_slice(&lines)));
        while bytes > PAGE
            && kept.len() > 1
            && let Some((_, lines)) = kept.pop_front()
        {
            bytes -= lines.len();
        }
    }
    let mut page = LogPage { first: kept.front().map_or(pieces.row, |(first, _)| *first), rows: Vec::new(), facts };
    for (first, lines) in kept {
        page.rows.extend(rows(&pieces.log, first, &lines)?);
    }
    Ok(page)
}
