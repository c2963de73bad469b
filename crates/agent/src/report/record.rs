//! How a task stood, in a file, so that the agent that starts after a crash can end it. Called by `reporter`, which writes it before the forge
//! hears of a step and before it hears of the end, and by `abandon`.

use super::folder::TaskFolder;
use domain::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

pub(super) const FILE: &str = "state.json";
const NEW_FILE: &str = "state.new";
/// What a file without records holds.
const CLEARED: &[u8] = b"\n";
/// So long a file may get before another takes its place.
const LONG: usize = 64 * 1024;

/// How a task stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) started: Timestamp,
    /// How many rows its log had, those included that the forge did not have.
    pub(super) rows: u64,
    pub(super) steps: Vec<StepRecord>,
    /// How the job ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<JobEnd>,
}

/// How a job ended. What the log says of it is among its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobEnd {
    /// By its own word.
    Concluded { at: Timestamp, conclusion: Conclusion, outputs: BTreeMap<String, String> },
    /// The platform failed it.
    Fault { at: Timestamp },
}

impl JobEnd {
    /// When it ended.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Concluded { at, .. } | Self::Fault { at } => *at,
        }
    }
}

/// How a step stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepRecord {
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Ended>,
    pub(super) log_index: u64,
    pub(super) log_length: u64,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) conclusion: Conclusion,
    pub(super) at: Timestamp,
}

/// The file of a task's records: each adds a line, and the last whole one holds. A new file for each would cost the file system more than the line.
#[derive(Debug)]
pub(super) struct Records {
    folder: TaskFolder,
    end: FileEnd,
}

/// Where the next record goes.
#[derive(Debug)]
enum FileEnd {
    /// Into a file of its own: there is none yet, it has grown long, or a write failed in its middle.
    New,
    /// Behind so many bytes.
    Old { file: fs_err::File, length: usize },
}

impl Records {
    /// Those of a task in a folder; nothing is written yet.
    pub(super) const fn new(folder: TaskFolder) -> Self {
        Self { folder, end: FileEnd::New }
    }

    /// Writes a record.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.end = match std::mem::replace(&mut self.end, FileEnd::New) {
            FileEnd::Old { mut file, length } if length + line.len() <= LONG => {
                file.write_all(&line)?;
                FileEnd::Old { file, length: length + line.len() }
            }
            FileEnd::New | FileEnd::Old { .. } => {
                let file = self.begin(&line)?;
                FileEnd::Old { file, length: line.len() }
            }
        };
        Ok(())
    }

    /// A file with one record: that of the folder while it has none, else one in its place.
    fn begin(&self, line: &[u8]) -> io::Result<fs_err::File> {
        let place = self.folder.path().join(FILE);
        let mut file = match open(&place) {
            Ok(file) => file,
            Err(_) => {
                self.folder.make()?;
                open(&place)?
            }
        };
        match file.metadata()?.len() {
            0 => file.write_all(line)?,
            1 => file.write_all(&[CLEARED, line].concat())?,
            _ => return self.replace(line),
        }
        Ok(file)
    }

    fn replace(&self, line: &[u8]) -> io::Result<fs_err::File> {
        let new = self.folder.path().join(NEW_FILE);
        let mut file = open(&new)?;
        file.set_len(0)?;
        file.write_all(line)?;
        fs_err::rename(new, self.folder.path().join(FILE))?;
        Ok(file)
    }
}

/// Leaves nothing of a task in a file of records but an empty line. ext4 writes a file that had no length to the disk when it is closed next.
pub(super) fn clear(place: &Path) -> io::Result<()> {
    let file = fs_err::OpenOptions::new().write(true).open(place)?;
    file.file().write_all_at(CLEARED, 0)?;
    file.set_len(CLEARED.len() as u64)
}

/// A file as it is, made where there is none.
fn open(path: &Path) -> io::Result<fs_err::File> {
    let mut options = std::fs::OpenOptions::new();
    // Outputs are the job's own business.
    options.write(true).create(true).truncate(false).mode(0o600);
    fs_err::OpenOptions::from_options(options).open(path)
}

impl Record {
    /// Reads the last one that was written whole; `None` where there is none.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let text = fs_err::read(folder.join(FILE)).ok()?;
        text.split(|byte| *byte == b'\n').rev().find_map(|line| serde_json::from_slice(line).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::Spares;
    use super::{BTreeMap, FILE, JobEnd, LONG, Record, Records, TaskFolder, Timestamp, clear};
    use domain::Conclusion;
    use std::io::Write as _;

    fn record(rows: u64) -> Record {
        Record { started: Timestamp(1), rows, steps: Vec::new(), end: None }
    }

    #[test]
    fn the_last_whole_record_holds() {
        let dir = tempfile::tempdir().unwrap();
        let task = TaskFolder::new(Spares::of(dir.path().to_owned()), "task");
        let folder = task.path().to_owned();
        let mut records = Records::new(task.clone());
        assert_eq!(Record::read(&folder), None);
        for rows in 0..3 {
            records.write(&record(rows)).unwrap();
            assert_eq!(Record::read(&folder), Some(record(rows)));
        }
        let mut file = fs_err::OpenOptions::new().append(true).open(folder.join(FILE)).unwrap();
        file.write_all(br#"{"started":1,"rows":9,"st"#).unwrap();
        assert_eq!(Record::read(&folder), Some(record(2)), "a crash cut it off");
        // Whoever comes after a crash begins a file of its own.
        Records::new(task.clone()).write(&record(3)).unwrap();
        assert_eq!(Record::read(&folder), Some(record(3)));
    }

    #[test]
    fn a_cleared_file_says_nothing_and_takes_the_next_record() {
        let dir = tempfile::tempdir().unwrap();
        let task = TaskFolder::new(Spares::of(dir.path().to_owned()), "task");
        let place = task.path().join(FILE);
        for rows in 0..3 {
            let mut records = Records::new(task.clone());
            records.write(&record(rows)).unwrap();
            records.write(&record(rows + 10)).unwrap();
            assert_eq!(Record::read(task.path()), Some(record(rows + 10)));
            assert!(!task.path().join(super::NEW_FILE).exists());
            clear(&place).unwrap();
            assert_eq!(Record::read(task.path()), None);
        }
        fs_err::write(&place, "{").unwrap();
        Records::new(task.clone()).write(&record(4)).unwrap();
        assert_eq!(Record::read(task.path()), Some(record(4)), "behind a record that was cut off at once");
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let task = TaskFolder::new(Spares::of(dir.path().to_owned()), "task");
        let mut records = Records::new(task.clone());
        let outputs = BTreeMap::from([("a".to_owned(), "b".repeat(LONG / 3))]);
        let end = JobEnd::Concluded { at: Timestamp(2), conclusion: Conclusion::Success, outputs };
        for rows in 0..7 {
            let written = Record { end: Some(end.clone()), ..record(rows) };
            records.write(&written).unwrap();
            assert_eq!(Record::read(task.path()), Some(written));
            assert!(fs_err::metadata(task.path().join(FILE)).unwrap().len() <= LONG as u64);
        }
    }
}
