//! A hidden folder to work in, its user's alone, which goes when it is dropped. Called by `make` and `place`.
//!
//! Who works in one holds a lock on it. One without a lock was left by a process that was killed, and the next room in the same place takes it away: it holds keys.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A room of this process.
#[derive(Debug)]
pub(super) struct Room {
    folder: TempDir,
    /// Says to others that the room is used.
    _lock: File,
}

/// A room of before, whose process is gone, or somebody's who works.
#[derive(Debug)]
pub(super) enum Other {
    /// Somebody works in it.
    Used,
    /// Nobody does.
    Left(PathBuf),
}

impl Room {
    /// Makes one in a folder, and takes away those that were left there.
    pub(super) fn make(parent: &Path, prefix: &str) -> io::Result<Self> {
        let room = Self::alone(parent, prefix)?;
        let user = room.path().metadata()?.uid();
        for other in others(parent, prefix)? {
            if let Other::Left(path) = other
                && path.symlink_metadata().is_ok_and(|left| left.uid() == user)
                && let Err(error) = take_away(&path)
            {
                tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "what was left stays");
            }
        }
        Ok(room)
    }

    fn alone(parent: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let mut builder = tempfile::Builder::new();
            let folder = builder.prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(parent)?;
            let lock = File::open(folder.path())?;
            // Where files have no locks nobody can take it for one that was left.
            let _ = lock.lock();
            // Somebody may have done so before there was a lock.
            if folder.path().exists() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The rooms in a folder; one of this process is one that is used.
pub(super) fn others(parent: &Path, prefix: &str) -> io::Result<Vec<Other>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(prefix) || entry.file_type()?.is_symlink() {
            continue;
        }
        let lock = match File::open(entry.path()) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(match lock.try_lock() {
            Ok(()) => Other::Left(entry.path()),
            Err(_) => Other::Used,
        });
    }
    Ok(found)
}

/// Removes a file, or a folder with all that is in it.
pub(super) fn take_away(path: &Path) -> io::Result<()> {
    if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::Room;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_a_killed_one_left_goes_and_what_is_used_stays() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(".x-killed");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("master-keys"), "1 x").unwrap();
        fs::write(parent.path().join(".x-file"), "x").unwrap();
        fs::create_dir(parent.path().join(".y-other")).unwrap();
        let used = Room::make(parent.path(), ".x-").unwrap();
        assert!(!left.exists() && !parent.path().join(".x-file").exists() && parent.path().join(".y-other").exists());
        assert_eq!(used.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let second = Room::make(parent.path(), ".x-").unwrap();
        assert!(used.path().exists() && second.path().exists());
        drop((used, second));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
