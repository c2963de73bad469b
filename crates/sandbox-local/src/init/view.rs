//! Prepares a view: an overlay of a host tree, out of the job's sight until `place` puts it somewhere.

use super::place::{directory, find};
use super::tree::{Builder, Upper};
use crate::sys;
use crate::wire::{Content, Fault, Owner, ViewSetup};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, mknodat, openat2, statat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Builds a view and gives it as a detached mount.
pub(super) fn prepare(builder: &mut Builder<'_>, view: &ViewSetup) -> Result<OwnedFd, Fault> {
    let failed = |error: io::Error| Fault::system(format!("prepare the view {}", view.name), error);
    let (place, path) = builder.scratch.directory(&format!("v-{}", view.name))?;
    // The shallow parts first: the deep ones are mounted in them.
    let mut parts: Vec<&(usize, PathBuf)> = view.parts.iter().collect();
    parts.sort_by_key(|(_, at)| at.components().count());
    if parts.first().is_none_or(|(_, at)| !at.as_os_str().is_empty()) {
        return Err(Fault::Invalid(format!("the view {} has no tree at its top", view.name)));
    }
    let mut root: Option<OwnedFd> = None;
    for (source, at) in parts {
        let upper = builder.fresh_upper(Owner::Job, 0o755)?;
        let hides = view.hidden.iter().filter(|_| builder.frame.content == Content::Fresh);
        for hidden in hides.filter(|hidden| part_of(view, hidden) == at) {
            let below = hidden.strip_prefix(at).unwrap_or(hidden);
            hide(builder, &upper, *source, below).map_err(failed)?;
        }
        let place = match &root {
            None => rustix::io::fcntl_dupfd_cloexec(&place, 3).map_err(|error| failed(error.into()))?,
            Some(root) => job_directory(builder, root.as_fd(), at).map_err(failed)?,
        };
        builder.overlay(&place, &upper, &[(*source, PathBuf::new())])?;
        if root.is_none() {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            root = Some(rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| failed(error.into()))?);
        }
    }
    // What was kept has them, as the job left them.
    if let (Some(root), Content::Fresh) = (&root, builder.frame.content) {
        for (at, content) in &view.files {
            write(builder, root.as_fd(), at, content).map_err(failed)?;
        }
    }
    sys::detached(&path, true).map_err(failed)
}

/// The deepest part that a path of the view lies in.
fn part_of<'a>(view: &'a ViewSetup, path: &Path) -> &'a Path {
    let parts = view.parts.iter().map(|(_, at)| at.as_path()).filter(|at| path.starts_with(at) && path != *at);
    parts.max_by_key(|at| at.components().count()).unwrap_or(Path::new(""))
}

/// Covers a path with a whiteout. Its parents appear in the upper layer, so they take over the lower ones' modes.
fn hide(builder: &Builder<'_>, upper: &Upper, source: usize, path: &Path) -> io::Result<()> {
    let lower = builder.source(source).map_err(|_| io::ErrorKind::InvalidInput)?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let open =
        |path: &Path| openat2(lower, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), resolve);
    if open(path).is_err() {
        return Ok(());
    }
    let mut done = PathBuf::new();
    let parent = path.parent().unwrap_or(Path::new(""));
    for component in parent.components() {
        let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
        done.push(name);
        let mode = rustix::fs::fstat(open(&done)?)?.st_mode & 0o7777;
        match mkdirat(&upper.directory, &done, Mode::from_raw_mode(mode)) {
            Ok(()) => builder.give_to_job(upper.directory.as_fd(), &done)?,
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match mknodat(&upper.directory, path, FileType::CharacterDevice, Mode::empty(), 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A directory in a view, made for the job when absent.
fn job_directory(builder: &Builder<'_>, root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let mut done = PathBuf::new();
    for component in path.components() {
        let Component::Normal(name) = component else { return Err(io::ErrorKind::InvalidInput.into()) };
        done.push(name);
        if statat(root, &done, AtFlags::SYMLINK_NOFOLLOW).is_err() {
            drop(directory(root, &done)?);
            builder.give_to_job(root, &done)?;
        }
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?)
}

fn write(builder: &Builder<'_>, root: BorrowedFd<'_>, path: &Path, content: &[u8]) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = job_directory(builder, root, parent)?;
    // What is there is replaced, not written through: it may be a link.
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644))?;
    if builder.frame.job != builder.frame.init {
        builder.give_to_job(parent.as_fd(), Path::new(name))?;
    }
    let mut file = std::fs::File::from(file);
    io::Write::write_all(&mut file, content)?;
    // Only to be sure that the place is found again.
    drop(find(root, path)?);
    Ok(())
}
