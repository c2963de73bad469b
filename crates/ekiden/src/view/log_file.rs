//! The whole output of jobs, kept in files when the view does not show all of it: one file a job, in a folder of the run.

use domain::{JobEvent, JobEventKind, JobId};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Folders of earlier runs that are kept.
const KEPT_RUNS: usize = 20;

/// The files of one run.
#[derive(Debug)]
pub(crate) struct LogFiles {
    directory: PathBuf,
    files: HashMap<JobId, JobLog>,
    /// Bytes that may still be written; a job must not fill the disk through its log.
    left: u64,
}

#[derive(Debug)]
struct JobLog {
    path: PathBuf,
    file: File,
}

impl LogFiles {
    /// A new folder for a run below `parent`; the oldest of earlier runs go. At most `most` bytes are written in all.
    pub(crate) fn create(parent: &Path, run: &str, most: u64) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        let mut earlier: Vec<PathBuf> = std::fs::read_dir(parent)?.flatten().map(|entry| entry.path()).collect();
        earlier.sort();
        let surplus = (earlier.len() + 1).saturating_sub(KEPT_RUNS);
        for old in earlier.into_iter().take(surplus) {
            // Another run may be removing it too.
            let _gone = std::fs::remove_dir_all(old);
        }
        let directory = parent.join(run);
        std::fs::create_dir_all(&directory)?;
        Ok(Self { directory, files: HashMap::new(), left: most })
    }

    /// Where the whole output of a job is.
    pub(crate) fn path(&self, job: &JobId) -> Option<&Path> {
        self.files.get(job).map(|log| log.path.as_path())
    }

    /// Keeps what an event says. When that fails, the first time, a line for people; a full disk is no reason to end a run.
    pub(crate) fn event(&mut self, event: &JobEvent) -> Option<String> {
        let written = match &event.kind {
            JobEventKind::StepStarted { name, .. } => self.write(&event.job, &format!("##[step]{name}\n")),
            JobEventKind::Output { text, .. } => self.write(&event.job, text),
            _ => Ok(()),
        };
        let error = written.err()?;
        self.left = 0;
        Some(format!("warning: the log in {} ends here: {error}", self.directory.display()))
    }

    fn write(&mut self, job: &JobId, text: &str) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let number = self.files.len();
        let log = match self.files.entry(job.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
                let name: String = job.as_str().chars().map(safe).take(100).collect();
                let path = self.directory.join(format!("{number:03}-{name}.log"));
                let file = File::create(&path)?;
                entry.insert(JobLog { path, file })
            }
        };
        let size = text.len() as u64;
        if size > self.left {
            self.left = 0;
            return log.file.write_all(b"##[warning]the log reached its limit on disk; the rest was not kept\n");
        }
        self.left -= size;
        log.file.write_all(text.as_bytes())
    }
}
