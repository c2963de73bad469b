//! A checkout gives its owner the right to write each file; a working tree that was copied from a read-only place may not.
//! Called when a view is placed, before a job can see it.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chmodat, openat, statat};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// After so many entries without a read-only one the rest is taken to be like them: placing a view must not depend on its size.
const SAMPLE: usize = 1024;

/// Gives the owner the right to write what lies in the tree, but for what git keeps read-only for itself.
pub(crate) fn make_writable(root: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut open: VecDeque<OwnedFd> = VecDeque::from([openat(root, ".", flags, Mode::empty())?]);
    let mut first = true;
    let (mut seen, mut changed) = (0_usize, 0_usize);
    // Breadth first, so that the sample holds files of many folders.
    while let Some(folder) = open.pop_front() {
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || first && name.to_bytes() == b".git" {
                continue;
            }
            let kind = entry.file_type();
            if !matches!(kind, FileType::RegularFile | FileType::Directory) {
                continue;
            }
            seen += 1;
            let mode = Mode::from_raw_mode(statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
            if !mode.contains(Mode::WUSR) {
                changed += 1;
                chmodat(&folder, name, mode | Mode::WUSR, AtFlags::empty())?;
            }
            if kind == FileType::Directory {
                // Too many folders at once would use up the handles of the process.
                if let Ok(below) = openat(&folder, name, flags, Mode::empty())
                    && open.len() < 512
                {
                    open.push_back(below);
                }
            }
        }
        first = false;
        if seen > SAMPLE && changed == 0 {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::make_writable;
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn read_only_files_become_writable_and_links_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("sub/.git")).unwrap();
        std::fs::create_dir_all(path(".git")).unwrap();
        for name in ["a", "sub/b", ".git/object"] {
            std::fs::write(path(name), "x").unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o555)).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", path("link")).unwrap();
        let root = std::fs::File::open(folder.path()).unwrap();
        make_writable(root.as_fd()).unwrap();
        let mode = |name: &str| std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("sub/b"), mode(".git/object")), (0o755, 0o755, 0o555));
    }
}
