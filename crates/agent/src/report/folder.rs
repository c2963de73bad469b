//! The folder of a task: what it leaves on disk while it runs. Called by `record`, `hearing` and `abandon`; the agent makes one for each task.
//!
//! A folder and its files are used again when their task is over, emptied: most jobs live for a moment, and a file system has more work with a
//! file that comes and goes than with the few lines in it.

use super::record;
use super::reporter::MEMORY_FILE;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What the name of a folder without a task begins with.
const SPARE: &str = "spare-";
/// So many are kept.
const MOST: usize = 32;

/// The folder of one task. Clones mean the same one.
#[derive(Debug, Clone)]
pub struct TaskFolder {
    path: PathBuf,
    spares: Arc<Spares>,
}

/// Folders that have no task now.
#[derive(Debug)]
pub struct Spares {
    /// Where the folders of all tasks are.
    folder: PathBuf,
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    free: Vec<PathBuf>,
    next: u64,
}

impl Spares {
    /// For tasks whose folders are in this one; what a process before left without a task is removed.
    #[must_use]
    pub fn of(folder: PathBuf) -> Arc<Self> {
        for entry in fs_err::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(SPARE)) {
                // What cannot be removed harms nobody.
                let _unused = fs_err::remove_dir_all(entry.path());
            }
        }
        Arc::new(Self { folder, names: Mutex::default() })
    }

    fn take(&self) -> Option<PathBuf> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).free.pop()
    }

    /// A name for one more; none when there are enough.
    fn name(&self) -> Option<PathBuf> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.next += 1;
        (names.free.len() < MOST).then(|| self.folder.join(format!("{SPARE}{}", names.next)))
    }

    fn put(&self, spare: PathBuf) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).free.push(spare);
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        while let Some(spare) = self.take() {
            // The next process does it.
            let _unused = fs_err::remove_dir_all(spare);
        }
    }
}

impl TaskFolder {
    /// The folder of that name among those of all tasks; it is made when something is written.
    #[must_use]
    pub fn new(spares: Arc<Spares>, name: &str) -> Self {
        Self { path: spares.folder.join(name), spares }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it.
    pub(super) fn make(&self) -> io::Result<()> {
        if let Some(spare) = self.spares.take() {
            if fs_err::rename(&spare, &self.path).is_ok() {
                return Ok(());
            }
            self.spares.put(spare);
        }
        fs_err::create_dir_all(&self.path)
    }

    /// The task is over, and nothing of it is needed. What cannot be removed harms nobody.
    pub(super) fn let_go(&self) {
        let is_kept = || -> io::Result<bool> {
            empty(&self.path)?;
            let Some(spare) = self.spares.name() else { return Ok(false) };
            fs_err::rename(&self.path, &spare)?;
            self.spares.put(spare);
            Ok(true)
        };
        if !is_kept().unwrap_or(false) {
            let _unused = fs_err::remove_dir_all(&self.path);
        }
    }
}

/// Leaves the files that nearly every task has, without anything in them.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == record::FILE {
            record::clear(&entry.path())?;
        } else if name == MEMORY_FILE {
            fs_err::OpenOptions::new().write(true).open(entry.path())?.set_len(0)?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MEMORY_FILE, Spares, TaskFolder, record};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_is_used_again_and_nothing_of_the_task_before_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let all = root.path().join("spool");
        let spares = Spares::of(all.clone());
        let first = TaskFolder::new(spares.clone(), "1");
        first.make().unwrap();
        for name in [record::FILE, MEMORY_FILE, "rows", "held-job"] {
            std::fs::write(first.path().join(name), "of the first").unwrap();
        }
        let inode = std::fs::metadata(first.path().join(record::FILE)).unwrap().ino();
        first.let_go();
        assert_eq!(names(&all), ["spare-1"]);
        let second = TaskFolder::new(spares.clone(), "2");
        second.make().unwrap();
        assert_eq!(names(&all), ["2"]);
        assert_eq!(names(second.path()), [MEMORY_FILE, record::FILE]);
        assert_eq!(std::fs::read(second.path().join(record::FILE)).unwrap(), b"\n");
        assert_eq!(std::fs::read(second.path().join(MEMORY_FILE)).unwrap(), b"");
        assert_eq!(std::fs::metadata(second.path().join(record::FILE)).unwrap().ino(), inode);
        // Two at once have each their own; a task that never wrote has none to give.
        let third = TaskFolder::new(spares.clone(), "3");
        third.make().unwrap();
        TaskFolder::new(spares.clone(), "4").let_go();
        second.let_go();
        third.let_go();
        assert_eq!(names(&all).len(), 2);
        drop((first, second, third, spares));
        assert!(names(&all).is_empty(), "nothing is left at the end");
    }

    #[test]
    fn what_a_killed_process_left_without_a_task_is_removed_and_tasks_stay() {
        let root = tempfile::tempdir().unwrap();
        for name in ["spare-7", "7"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join(record::FILE), "").unwrap();
        }
        let spares = Spares::of(root.path().to_owned());
        assert_eq!(names(root.path()), ["7"]);
        // In its place is something else: the fault is heard, and the spare is not lost.
        let other = TaskFolder::new(spares.clone(), "8");
        other.make().unwrap();
        other.let_go();
        std::fs::write(root.path().join("9"), "no folder").unwrap();
        assert!(TaskFolder::new(spares.clone(), "9").make().is_err());
        assert_eq!(names(root.path()), ["7", "9", "spare-1"]);
        assert!(TaskFolder::new(spares, "10").make().is_ok());
        assert_eq!(names(root.path()), ["10", "7", "9"]);
    }
}
