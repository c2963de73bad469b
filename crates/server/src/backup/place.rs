//! The folder that a restore fills. Called by `restore`; the server asks `is_half_restored` before it starts.
//!
//! All is unpacked within the folder itself, under a hidden name: it may be a mount point or a link. What is whole is moved up, the keys last: a folder without keys
//! that has such a name in it is half restored, and no server starts on it.

use super::archive::FILES;
use super::error::RestoreError;
use super::room::{Other, Room, others, take_away};
use crate::folder::{DATABASE, KEYS, LOGS, MIRRORS, OBJECTS};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".ekiden-restore-";
/// Where it is unpacked, in the room.
const UNPACKED: &str = "server";
/// Its name from when on its parts move up.
const MOVING: &str = "moving";
/// What a fresh file system of its own has.
const FRESH: &str = "lost+found";

/// A folder that is being filled; as it was before when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    data: PathBuf,
    // Dropped before the folder that it is in.
    room: Room,
    made: Made,
}

/// A folder that was made for it, and goes with it.
#[derive(Debug)]
struct Made(Option<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // One that is not empty is somebody's.
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// Whether a restore into a folder did not come to its end.
pub(crate) fn is_half_restored(data: &Path) -> bool {
    !data.join(KEYS).exists() && others(data, PREFIX).is_ok_and(|others| !others.is_empty())
}

impl Place {
    /// Takes a folder that is not there, holds nothing, or what a restore that was killed left.
    pub(super) fn take(data: &Path) -> Result<Self, RestoreError> {
        let failed = |source| RestoreError::Io { verb: "make", path: data.to_owned(), source };
        if let Some(parent) = data.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let made = match std::fs::DirBuilder::new().mode(0o700).create(data) {
            Ok(()) => Made(Some(data.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Made(None),
            Err(error) => return Err(failed(error)),
        };
        let moved = free(data)?;
        for path in moved {
            take_away(&path).map_err(|source| RestoreError::Io { verb: "remove", path, source })?;
        }
        let room = Room::make(data, PREFIX).map_err(|source| RestoreError::Io {
            verb: "write to",
            path: data.to_owned(),
            source,
        })?;
        // Two that came at once leave it both.
        if others(data, PREFIX).map_err(failed)?.len() > 1 {
            return Err(RestoreError::Restoring { path: data.to_owned() });
        }
        let place = Self { data: data.to_owned(), room, made };
        std::fs::DirBuilder::new().mode(0o700).create(place.inner()).map_err(failed)?;
        Ok(place)
    }

    /// Where the server's files are unpacked.
    pub(super) fn inner(&self) -> PathBuf {
        self.room.path().join(UNPACKED)
    }

    /// Puts all files on the disk, then into the folder, and that on the disk.
    pub(super) fn fill(mut self) -> Result<(), RestoreError> {
        let (data, moving) = (self.data.clone(), self.room.path().join(MOVING));
        let failed = |source| RestoreError::Io { verb: "write to", path: data.clone(), source };
        sync_all(&self.inner()).map_err(failed)?;
        std::fs::rename(self.inner(), &moving).map_err(failed)?;
        sync(self.room.path()).map_err(failed)?;
        let mut names = names(&moving).map_err(failed)?;
        names.sort_by_key(|name| name == KEYS);
        let mut moved = Vec::new();
        let up = names.iter().try_for_each(|name| {
            if name == KEYS {
                sync(&data)?;
            }
            std::fs::rename(moving.join(name), data.join(name))?;
            moved.push(name);
            Ok(())
        });
        if let Err(error) = up {
            for name in moved {
                // Back, to go with the room. What stays has no keys beside it.
                let _ = std::fs::rename(data.join(name), moving.join(name));
            }
            return Err(failed(error));
        }
        self.made.0 = None;
        drop(self.room);
        // As the server's own: its user's alone. Another's folder keeps its mode.
        let _ = std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700));
        sync(&data).map_err(failed)?;
        data.parent().map_or(Ok(()), sync).map_err(failed)
    }
}

/// Whether a folder can be filled, and what a restore that was killed put there.
fn free(data: &Path) -> Result<Vec<PathBuf>, RestoreError> {
    let failed = |source| RestoreError::Io { verb: "read", path: data.to_owned(), source };
    let mut came = Vec::new();
    if !data.join(KEYS).exists() {
        for other in others(data, PREFIX).map_err(failed)? {
            let Other::Left(room) = other else { return Err(RestoreError::Restoring { path: data.to_owned() }) };
            let moving = room.join(MOVING);
            let known = FILES.into_iter().chain([DATABASE, LOGS, OBJECTS, MIRRORS]);
            came.extend(known.filter(|name| moving.is_dir() && !moving.join(name).exists()));
        }
    }
    let is_ours = |name: &OsString| {
        name == FRESH || name.to_string_lossy().starts_with(PREFIX) || came.iter().any(|came| name == came)
    };
    if names(data).map_err(failed)?.iter().all(is_ours) {
        return Ok(came.into_iter().map(|name| data.join(name)).filter(|path| path.exists()).collect());
    }
    let lock = File::open(data.join(LOGS).join("lock"));
    if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock))) {
        return Err(RestoreError::Used { path: data.to_owned() });
    }
    Err(RestoreError::NotEmpty { path: data.to_owned() })
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Puts a folder and all that is in it on the disk.
fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { sync_all(&entry.path())? } else { sync(&entry.path())? }
    }
    sync(folder)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{KEYS, MOVING, PREFIX, Place, RestoreError, is_half_restored};
    use std::fs;

    fn unpacked(place: &Place) {
        fs::write(place.inner().join("ekiden.db"), "new").unwrap();
        fs::create_dir(place.inner().join("logs")).unwrap();
        fs::write(place.inner().join(KEYS), "new").unwrap();
    }

    #[test]
    fn what_a_killed_restore_moved_goes_and_what_is_anothers_stays() {
        let room = tempfile::tempdir().unwrap();
        let data = room.path().join("data");
        // Killed between the database and the keys.
        let left = data.join(format!("{PREFIX}killed")).join(MOVING);
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join(KEYS), "old").unwrap();
        fs::write(data.join("ekiden.db"), "old").unwrap();
        assert!(is_half_restored(&data));
        fs::write(data.join("letter"), "mine").unwrap();
        let refused = Place::take(&data).unwrap_err();
        assert!(matches!(refused, RestoreError::NotEmpty { .. }), "{refused:?}");
        assert!(left.join(KEYS).exists() && data.join("ekiden.db").exists(), "nothing is changed");
        fs::remove_file(data.join("letter")).unwrap();
        let place = Place::take(&data).unwrap();
        assert!(!left.exists() && !data.join("ekiden.db").exists());
        let second = Place::take(&data).unwrap_err();
        assert!(matches!(second, RestoreError::Restoring { .. }), "{second:?}");
        unpacked(&place);
        assert!(is_half_restored(&data));
        place.fill().unwrap();
        assert!(!is_half_restored(&data));
        assert_eq!(fs::read_to_string(data.join(KEYS)).unwrap(), "new");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 3);
        let full = Place::take(&data).unwrap_err();
        assert!(matches!(full, RestoreError::NotEmpty { .. }), "{full:?}");
    }

    #[test]
    fn a_fresh_file_system_is_as_good_as_an_empty_folder() {
        let room = tempfile::tempdir().unwrap();
        fs::create_dir(room.path().join("lost+found")).unwrap();
        let place = Place::take(room.path()).unwrap();
        unpacked(&place);
        place.fill().unwrap();
        assert!(room.path().join(KEYS).exists() && room.path().join("lost+found").exists());
    }

    #[test]
    fn a_folder_that_was_made_for_nothing_goes() {
        let room = tempfile::tempdir().unwrap();
        let data = room.path().join("data");
        drop(Place::take(&data).unwrap());
        assert!(!data.exists());
    }
}
