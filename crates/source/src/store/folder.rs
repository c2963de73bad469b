//! The store's folder on disk: sub-folders, temporary folders, locks between processes, atomic appearance.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A mirror has not the form.
    #[error(
        "'{0}' is no mirror: write a URL template with {{owner}} and {{repo}}, or {{repository}}, whose scheme is https, http, git, ssh or file, such as https://gitea.example/{{owner}}/{{repo}}"
    )]
    Mirror(String),
    /// The folder cannot be written or read.
    #[error("the action store at {} cannot be used; choose another with --action-store DIR", root.display())]
    Folder {
        /// The store's folder.
        root: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Another process holds a lock for too long.
    #[error("another process is busy with {} for more than {seconds} s", lock.display())]
    Busy {
        /// The lock's file.
        lock: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
}

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    number: AtomicU64,
}

/// A lock between processes, given back when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, number: AtomicU64::new(0) }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    pub(crate) fn failed(&self, source: std::io::Error) -> StoreError {
        StoreError::Folder { root: self.root.clone(), source }
    }

    /// A sub-folder, made when absent, that every user of the machine may read whatever the caller's umask: jobs run as others.
    pub(crate) fn shared(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.path(name);
        if !path.is_dir() {
            fs_err::create_dir_all(&path).and_then(|()| readable_folder(&path)).map_err(|error| self.failed(error))?;
        }
        Ok(path)
    }

    /// A new folder that nobody else writes; its lock file beside it tells that its maker lives.
    pub(crate) fn temporary(&self) -> Result<Temporary, StoreError> {
        let tmp = self.shared("tmp")?;
        loop {
            let name = format!("{}-{}", std::process::id(), self.number.fetch_add(1, Ordering::Relaxed));
            let path = tmp.join(&name);
            let alive = tmp.join(format!("{name}.lock"));
            // Locked before the folder appears, so that no clean-up takes it between the two.
            let lock = File::create(&alive).map_err(|error| self.failed(error))?;
            if lock.try_lock().is_err() {
                continue;
            }
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Temporary { path, alive, _lock: lock }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    // Left by a process with our id that is gone.
                    remove_tree(&path).map_err(|error| self.failed(error))?;
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Removes temporary folders of processes that are gone.
    pub(crate) fn clear_leftovers(&self) -> std::io::Result<()> {
        let entries = std::fs::read_dir(self.path("tmp")).into_iter().flatten().flatten();
        for alive in entries.map(|entry| entry.path()) {
            if alive.extension().is_some_and(|extension| extension == "lock")
                && let Ok(file) = File::open(&alive)
                && file.try_lock().is_ok()
            {
                remove_tree(&alive.with_extension(""))?;
                std::fs::remove_file(&alive)?;
            }
        }
        Ok(())
    }

    /// Waits for the lock of this name.
    pub(crate) fn lock(&self, name: &str, patience: Duration) -> Result<Lock, StoreError> {
        let path = self.shared("locks")?.join(name);
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| self.failed(error))?;
        let end = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Busy { lock: path, seconds: patience.as_secs() });
                }
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    /// Writes a file so that others see the old content or the new, whole.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        let temporary = self.temporary()?;
        let new = temporary.path.join("new");
        fs_err::write(&new, content).and_then(|()| fs_err::rename(&new, path)).map_err(|error| self.failed(error))
    }
}

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    alive: PathBuf,
    _lock: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = remove_tree(&self.path);
        let _ = std::fs::remove_file(&self.alive);
    }
}

pub(crate) fn readable_folder(path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// Removes a tree whose folders may be read-only; links are removed, not followed.
pub(super) fn remove_tree(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.is_dir() => return std::fs::remove_file(path),
        Ok(found) if found.permissions().mode() & 0o700 != 0o700 => {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(_) => {}
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_dir(path)
}
