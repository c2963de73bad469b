//! Deleting a tree that a job wrote: by descriptors, never following a link, never entering another file system.

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, fstat, openat, unlinkat};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// Deletes a directory with all it holds. An absent one is no error.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let directory = match openat(CWD, path, DIRECTORY, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let device = fstat(&directory)?.st_dev;
    empty(directory, device)?;
    match rustix::fs::rmdir(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes what a directory holds, with a stack of its own: a job may nest deeper than a thread's stack reaches.
fn empty(top: OwnedFd, device: u64) -> io::Result<()> {
    let mut open: Vec<(OwnedFd, std::ffi::CString)> = vec![(top, std::ffi::CString::default())];
    while let Some((directory, _)) = open.last() {
        match next_directory(directory.as_fd(), device)? {
            Some((child, name)) => open.push((child, name)),
            None => {
                let Some((_, name)) = open.pop() else { break };
                if let Some((parent, _)) = open.last() {
                    unlinkat(parent, &name, AtFlags::REMOVEDIR)?;
                }
            }
        }
    }
    Ok(())
}

/// Deletes the entries of a directory up to the first non-empty directory, which it opens.
fn next_directory(
    directory: std::os::fd::BorrowedFd<'_>,
    device: u64,
) -> io::Result<Option<(OwnedFd, std::ffi::CString)>> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        if entry.file_type() != FileType::Directory {
            match unlinkat(directory, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                Err(Errno::ISDIR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
        let opened = match openat(directory, name, DIRECTORY, Mode::empty()) {
            // The overlay's work directory has mode 000; a job may take its own rights away too.
            Err(Errno::ACCESS) => {
                chmodat(directory, name, Mode::RWXU, AtFlags::empty())?;
                openat(directory, name, DIRECTORY, Mode::empty())
            }
            opened => opened,
        }?;
        if fstat(&opened)?.st_dev != device {
            return Err(io::Error::other("something is mounted in the directory of a sandbox"));
        }
        // Without write or search permission its entries could not be deleted.
        rustix::fs::fchmod(&opened, Mode::RWXU)?;
        return Ok(Some((opened, name.to_owned())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn deletes_deep_and_locked_trees_and_spares_what_links_point_to() {
        let outer = tempfile::tempdir().unwrap();
        let kept = outer.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("file"), "x").unwrap();
        let tree = outer.path().join("tree");
        let mut deep = tree.clone();
        for _ in 0..200 {
            deep = deep.join("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        std::os::unix::fs::symlink(&kept, deep.join("link")).unwrap();
        std::fs::create_dir_all(tree.join("locked/inner")).unwrap();
        std::fs::set_permissions(tree.join("locked"), std::fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists() && kept.join("file").exists());
    }
}
