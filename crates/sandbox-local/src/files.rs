//! Files for the engine, as the job's user: no path of a job is followed through `/proc`, nothing blocks on a FIFO, nothing
//! but a plain file is read. Called by the init and by the host backend.

use crate::wire::Fault;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, unlinkat};
use rustix::io::Errno;
use sandbox::{Collected, InsideFile};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// Reads a file of at most `limit` bytes; `None` when there is none. Links are followed, those of `/proc` are not.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
    let shown = path.display();
    let failed = |error: io::Error| Fault::system(format!("read {shown}"), error);
    let file = match openat2(CWD, path, READ, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    let stat = fstat(&file).map_err(|error| failed(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || is_proc(file.as_fd()) {
        return Err(Fault::Invalid(format!("{shown} is not a file")));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > limit {
        return Err(Fault::Invalid(format!("{shown} has {size} bytes, more than the {limit} that are read")));
    }
    let mut content = Vec::new();
    std::fs::File::from(file).take(limit).read_to_end(&mut content).map_err(failed)?;
    Ok(Some(content))
}

/// The process that reads for the job is not the job: what `/proc/self` shows it is not the job's.
fn is_proc(file: std::os::fd::BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|stat| stat.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Reads a file that the engine made and the job wrote to: no link anywhere on the way, one name only.
pub(crate) fn collect(path: &Path, limit: u64) -> Collected {
    let Ok(file) = openat2(CWD, path, READ | OFlags::NOFOLLOW, Mode::empty(), ResolveFlags::NO_SYMLINKS) else {
        return Collected::Absent;
    };
    let Ok(stat) = fstat(&file) else { return Collected::Absent };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
        return Collected::Absent;
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    // Most are never written to; what `/proc` shows has no size either.
    if size == 0 {
        return Collected::Content(Vec::new());
    }
    let mut content = Vec::new();
    // A daemon may still be writing, so the size alone says nothing.
    if size > limit || std::fs::File::from(file).take(limit.saturating_add(1)).read_to_end(&mut content).is_err() {
        return Collected::TooLarge { size };
    }
    match u64::try_from(content.len()) {
        Ok(length) if length > limit => Collected::TooLarge { size: length },
        _ => Collected::Content(content),
    }
}

/// Writes a file, with its parent directories; what was in its place is replaced.
pub(crate) fn write(file: &InsideFile) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::system(format!("write {}", file.path.display()), error);
    let mode = Mode::from_raw_mode(if file.executable { 0o755 } else { 0o644 });
    let mut made = create(&file.path, mode);
    for _ in 0..3 {
        match &made {
            Err(Errno::NOENT) => {
                let parent = file.path.parent().unwrap_or(Path::new("/"));
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            Err(Errno::EXIST) => match unlinkat(CWD, &file.path, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error.into())),
            },
            _ => break,
        }
        made = create(&file.path, mode);
    }
    let mut open = std::fs::File::from(made.map_err(|error| failed(error.into()))?);
    open.write_all(&file.content).map_err(failed)
}

/// Always a new file: never one that a link leads to, never a FIFO.
fn create(path: &Path, mode: Mode) -> Result<std::os::fd::OwnedFd, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, mode)
}

/// Removes a file, or a directory with all it holds; an absent one is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Fault> {
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(Errno::ISDIR) => {
            remove_tree(path).map_err(|error| Fault::system(format!("remove {}", path.display()), error))
        }
        Err(error) => Err(Fault::system(format!("remove {}", path.display()), error)),
    }
}

/// Removes a directory with all it holds, as a job may have left it; an absent one is no error.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match rustix::fs::open(parent, flags, Mode::empty()) {
        Ok(parent) => parent,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let name = std::ffi::CString::new(name.as_bytes())?;
    match crate::disk::remove_tree(parent.as_fd(), &name) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, content: &str) -> InsideFile {
        InsideFile { path: path.to_owned(), content: content.as_bytes().to_vec(), executable: false }
    }

    #[test]
    fn a_link_or_a_second_name_is_not_collected() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, link, twin) = (dir.path().join("secret"), dir.path().join("link"), dir.path().join("twin"));
        write(&file(&secret, "x")).unwrap();
        std::os::unix::fs::symlink(&secret, &link).unwrap();
        assert_eq!(collect(&secret, 10), Collected::Content(b"x".to_vec()));
        assert_eq!(collect(&link, 10), Collected::Absent);
        assert_eq!(collect(Path::new("/proc/self/environ"), 1 << 20), Collected::Absent);
        std::fs::hard_link(&secret, &twin).unwrap();
        assert_eq!(collect(&secret, 10), Collected::Absent);
        assert_eq!(collect(&dir.path().join("none"), 10), Collected::Absent);
    }

    #[test]
    fn writing_replaces_links_and_fifos_and_makes_parents() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("a/b/link"));
        std::fs::write(&target, "kept").unwrap();
        write(&file(&link, "1")).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&file(&link, "2")).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "2");
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(read(&fifo, 10).is_err());
        assert_eq!(collect(&fifo, 10), Collected::Absent);
        write(&file(&fifo, "3")).unwrap();
        assert_eq!(read(&fifo, 10).unwrap(), Some(b"3".to_vec()));
    }

    #[test]
    fn limits_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write(&file(&path, "12345")).unwrap();
        assert_eq!(collect(&path, 4), Collected::TooLarge { size: 5 });
        assert!(read(&path, 4).is_err());
        assert_eq!(read(&path, 5).unwrap().unwrap(), b"12345");
        assert_eq!(read(&dir.path().join("none"), 5).unwrap(), None);
        assert!(read(Path::new("/proc/self/environ"), 1 << 20).is_err());
    }
}
