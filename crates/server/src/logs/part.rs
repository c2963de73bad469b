//! The parts of a log that are not in the object store yet: one file each, written at its end, in frames. Called by `log` (writes), `recover`
//! (finds them again), `seal` and `read`.
//!
//! The names of a log's files begin with the same path, its *stem*. A folder of its own would be one more thing to make and remove for a log
//! that mostly lives a moment.

use super::frame::{self, Frame};
use domain::TaskId;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A part takes no more frames from so many bytes on.
pub(super) const FULL: u64 = 2 * 1024 * 1024;
/// A frame takes no more rows from so many bytes on.
pub(super) const FRAME: usize = 256 * 1024;
/// Where in the file a row is, is known to so many bytes.
const MARK: u64 = 32 * 1024;
/// Read at once; a frame always fits.
const WINDOW: usize = 2 * FRAME;

/// A part, as its log knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The number of its first row.
    pub(super) first: u64,
    /// How many rows are in it.
    pub(super) rows: u64,
    /// How long the file is.
    pub(super) bytes: u64,
    /// How many bytes of text are in it.
    pub(super) text: u64,
    /// Where some of its frames begin: number of the first row, place in the file.
    marks: Vec<(u64, u64)>,
}

impl Part {
    pub(super) const fn new(first: u64) -> Self {
        Self { first, rows: 0, bytes: 0, text: 0, marks: Vec::new() }
    }

    /// The number of the row after its last.
    pub(super) const fn end(&self) -> u64 {
        self.first + self.rows
    }

    /// The number of its first row, and how long its file is.
    pub(super) const fn size(&self) -> (u64, u64) {
        (self.first, self.bytes)
    }

    pub(super) fn path(&self, stem: &Path) -> PathBuf {
        let mut path = stem.as_os_str().to_owned();
        path.push(format!(".{:012}.rows", self.first));
        path.into()
    }

    /// A frame was added.
    pub(super) fn grow(&mut self, rows: u64, text: usize) {
        if self.marks.last().is_none_or(|(_, place)| self.bytes - place >= MARK) {
            self.marks.push((self.end(), self.bytes));
        }
        self.rows += rows;
        self.text += text as u64;
        self.bytes += (frame::HEAD + text) as u64;
    }

    /// Where to begin to look for a row.
    fn place(&self, row: u64) -> u64 {
        let after = self.marks.partition_point(|(first, _)| *first <= row);
        after.checked_sub(1).and_then(|mark| self.marks.get(mark)).map_or(0, |(_, place)| *place)
    }

    /// The frames from about row `row` on: some of them, but the one with the row is among them.
    pub(super) fn frames_at(&self, stem: &Path, row: u64) -> io::Result<(Vec<u8>, Vec<Frame>)> {
        let file = fs_err::File::open(self.path(stem))?;
        let mut place = self.place(row);
        loop {
            let left = usize::try_from(self.bytes - place).unwrap_or(usize::MAX);
            let mut bytes = vec![0; WINDOW.min(left)];
            file.file().read_exact_at(&mut bytes, place)?;
            let frames = frames(&bytes);
            let Some(last) = frames.last() else {
                return Err(io::Error::other(format!("there is no sound frame at byte {place}")));
            };
            if last.first + last.rows > row {
                return Ok((bytes, frames));
            }
            place += last.text.end as u64;
        }
    }

    /// All lines of it.
    pub(super) fn all(&self, stem: &Path) -> io::Result<Vec<u8>> {
        let mut text = fs_err::read(self.path(stem))?;
        text.truncate(usize::try_from(self.bytes).unwrap_or(usize::MAX));
        let mut length = 0;
        let mut rows = 0;
        for frame in frames(&text) {
            let next = length + frame.text.len();
            text.copy_within(frame.text, length);
            length = next;
            rows += frame.rows;
        }
        text.truncate(length);
        if rows != self.rows {
            return Err(io::Error::other(format!("{rows} rows are in it, {} were written", self.rows)));
        }
        Ok(text)
    }
}

/// The frames that follow each other from the begin of a buffer on.
fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    while let Some(frame) = frame::read(bytes, frames.last().map_or(0, |frame| frame.text.end)) {
        if frames.last().is_some_and(|last| last.first + last.rows != frame.first) {
            break;
        }
        frames.push(frame);
    }
    frames
}

/// A part that was found on disk.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) part: Part,
    /// Whether the log ends with it.
    pub(super) end: domain::LogEnd,
}

/// The parts of a log, in the order of their rows. What a crash left half written at a file's end is cut off.
pub(super) fn find(stem: &Path) -> io::Result<Vec<Found>> {
    files(stem)?.into_iter().map(|(first, path)| look(&path, first)).collect()
}

/// Of each part of a log the number of its first row, and how long its file is.
pub(super) fn sizes(stem: &Path) -> io::Result<Vec<(u64, u64)>> {
    files(stem)?.into_iter().map(|(first, path)| Ok((first, fs_err::metadata(path)?.len()))).collect()
}

/// Removes the parts of a log.
pub(super) fn remove(stem: &Path) -> io::Result<()> {
    files(stem)?.into_iter().try_for_each(|(_, path)| fs_err::remove_file(path))
}

/// The tasks that have parts in a folder, each once.
pub(super) fn tasks(folder: &Path) -> io::Result<BTreeSet<TaskId>> {
    let mut tasks = BTreeSet::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".rows")?.split_once('.')?.0.parse().ok());
        tasks.extend(number.map(TaskId));
    }
    Ok(tasks)
}

/// Those of them whose files took nothing for so long.
pub(super) fn quiet(folder: &Path, time: Duration) -> io::Result<BTreeSet<TaskId>> {
    let (mut tasks, mut busy) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".rows")?.split_once('.')?.0.parse().ok());
        let Some(task) = number.map(TaskId) else { continue };
        // One that went meanwhile was sealed; one of the future was written before the clock was set.
        let Ok(written) = entry.metadata().and_then(|data| data.modified()) else { continue };
        match SystemTime::now().duration_since(written) {
            Ok(age) if age < time => busy.insert(task),
            _ => tasks.insert(task),
        };
    }
    Ok(&tasks - &busy)
}

fn files(stem: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (Some(folder), Some(task)) = (stem.parent(), stem.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let first = name.to_str().and_then(|name| name.strip_prefix(task)?.strip_prefix('.')?.strip_suffix(".rows"));
        if let Some(first) = first.and_then(|first| first.parse().ok()) {
            found.push((first, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn look(path: &Path, first: u64) -> io::Result<Found> {
    let bytes = fs_err::read(path)?;
    let mut found = Found { part: Part::new(first), end: domain::LogEnd::Open };
    for frame in frames(&bytes) {
        if frame.first != found.part.end() || found.end == domain::LogEnd::Last {
            break;
        }
        found.part.grow(frame.rows, frame.text.len());
        found.end = frame.end;
    }
    if found.part.bytes < bytes.len() as u64 {
        fs_err::OpenOptions::new().write(true).open(path)?.set_len(found.part.bytes)?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Part, find};
    use crate::logs::frame;
    use domain::{LogEnd, TaskId};

    fn put(path: &std::path::Path, part: &mut Part, lines: &[&str]) {
        let mut bytes = Vec::new();
        frame::begin(&mut bytes);
        bytes.extend_from_slice(lines.concat().as_bytes());
        frame::close(&mut bytes, part.end(), u32::try_from(lines.len()).unwrap(), LogEnd::Open);
        part.grow(lines.len() as u64, bytes.len() - frame::HEAD);
        let mut all = std::fs::read(path).unwrap_or_default();
        all.extend_from_slice(&bytes);
        std::fs::write(path, all).unwrap();
    }

    #[test]
    fn a_part_is_found_as_it_was_written_and_a_torn_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("7");
        let mut part = Part::new(5);
        let path = part.path(&stem);
        let long = "x".repeat(20_000) + "\n";
        for _ in 0..10 {
            put(&path, &mut part, &["a\n", &long]);
        }
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(find(&stem).unwrap()[0].part, part);
        assert_eq!(part.all(&stem).unwrap(), format!("a\n{long}").repeat(10).as_bytes());
        for row in 5..25 {
            let (bytes, frames) = part.frames_at(&stem, row).unwrap();
            let frame = frames.iter().find(|frame| (frame.first..frame.first + frame.rows).contains(&row)).unwrap();
            assert!(bytes[frame.text.clone()].starts_with(b"a\nxxx"));
        }
        // Another log whose number begins alike.
        put(&Part::new(0).path(&folder.path().join("70")), &mut Part::new(0), &["other\n"]);
        assert_eq!(find(&stem).unwrap().len(), 1);
        assert_eq!(super::tasks(folder.path()).unwrap().into_iter().collect::<Vec<_>>(), [TaskId(7), TaskId(70)]);
        let before = part.clone();
        put(&path, &mut part, &["torn\n"]);
        let longer = std::fs::read(&path).unwrap();
        for cut in whole.len()..longer.len() {
            std::fs::write(&path, &longer[..cut]).unwrap();
            assert_eq!(find(&stem).unwrap()[0].part, before);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        assert_eq!(find(&folder.path().join("none/7")).unwrap().len(), 0);
    }
}
