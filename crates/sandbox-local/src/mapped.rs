//! Work among files that belong to an ordinary user's subordinate ids: a job with the profile `root` leaves such files, and a
//! root directory for one consists of them. Their owner is not allowed to touch them but from a user namespace that holds those
//! ids, so the binary is run once more, as a process with one thread that enters such a namespace, does one thing and ends.
//! Called by `disk`, by the zygote's cleaning, and by the commands that make and remove root directories.

use crate::namespaces::{error_of, subordinate};
use crate::sys;
use crate::wire::IdMap;
use crate::zygote::write_map;
use rustix::fs::{Gid, Uid};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The worker's `argv[0]`.
pub(crate) const MARK: &str = "ekiden: mapped";
/// Says that a directory was made by [`unpack_root`].
const MADE: &str = ".ekiden-root";

/// What a worker does.
#[derive(Debug, Serialize, Deserialize)]
enum Work {
    /// Removes a tree.
    Remove(PathBuf),
    /// Unpacks an archive into a directory.
    Unpack { archive: PathBuf, directory: PathBuf },
}

/// A root directory could not be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct RootError {
    what: String,
    #[source]
    source: Option<io::Error>,
}

impl RootError {
    fn new(what: impl Into<String>, source: impl Into<Option<io::Error>>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

/// Unpacks an archive of a root file system (what `tar` reads) into a directory, which is made, for `--root`. Devices are left out.
/// Owners are kept: root's among root's ids, an ordinary user's among their subordinate ones.
///
/// # Errors
/// When the directory is there and holds something, the caller has no subordinate ids, or `tar` fails.
pub fn unpack_root(archive: &Path, directory: &Path) -> Result<(), RootError> {
    let shown = directory.display();
    std::fs::create_dir_all(directory).map_err(|error| RootError::new(format!("could not make {shown}"), error))?;
    let mut listed =
        std::fs::read_dir(directory).map_err(|error| RootError::new(format!("could not read {shown}"), error))?;
    if listed.next().is_some() {
        return Err(RootError::new(format!("{shown} holds something already; name a new directory"), None));
    }
    let absolute = |path: &Path| {
        path.canonicalize().map_err(|error| RootError::new(format!("could not open {}", path.display()), error))
    };
    let (archive, directory) = (absolute(archive)?, absolute(directory)?);
    let failed = |error| RootError::new(format!("could not unpack {} into {shown}", archive.display()), error);
    std::fs::write(directory.join(MADE), "").map_err(failed)?;
    let unpacked = if rustix::process::geteuid().is_root() {
        tar(&archive, &directory).status().and_then(|status| {
            if status.success() { Ok(()) } else { Err(io::Error::other(format!("tar ended with {status}"))) }
        })
    } else {
        let work = Work::Unpack { archive: archive.clone(), directory: directory.clone() };
        ranges().and_then(|map| work_in(&map, &work))
    };
    // An archive has a `.` of its own, and a mode for it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let unpacked = unpacked.and_then(|()| std::fs::set_permissions(&directory, mode));
    unpacked.map_err(|error| {
        let _ = remove_tree(&directory);
        failed(error)
    })
}

/// Removes a directory that [`unpack_root`] has made.
///
/// # Errors
/// When it was not made so, or something of it stays.
pub fn remove_root(directory: &Path) -> Result<(), RootError> {
    let shown = directory.display();
    if std::fs::symlink_metadata(directory.join(MADE)).is_err() {
        return Err(RootError::new(format!("{shown} was not made by `ekiden root unpack`, so it is left alone"), None));
    }
    remove_tree(directory).map_err(|error| RootError::new(format!("could not remove {shown}"), error))
}

/// Removes a tree with all it holds, whoever of the caller's ids it belongs to; an absent one is no error.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match crate::files::remove_tree(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !rustix::process::geteuid().is_root() => {
            let path = std::path::absolute(path)?;
            // Without such ids the first answer stands.
            ranges().map_err(|_| error).and_then(|map| work_in(&map, &Work::Remove(path)))
        }
        removed => removed,
    }
}

fn ranges() -> io::Result<IdMap> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (users, groups) = subordinate(uid).map_err(io::Error::other)?;
    Ok(IdMap::Helped { uid, gid, users, groups })
}

/// Runs the worker to its end.
fn work_in(map: &IdMap, work: &Work) -> io::Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .arg0(MARK)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let done = (|| {
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.as_mut()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        // It is in its namespace when it says so.
        output.read_exact(&mut [0; 1])?;
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        write_map(pid, map).map_err(|fault| io::Error::other(error_of(fault).to_string()))?;
        input.write_all(&serde_json::to_vec(work)?)
    })();
    if let Err(error) = done {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The worker's life.
pub(crate) fn run() -> ! {
    match live() {
        Ok(()) => sys::exit_now(0),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            sys::exit_now(1)
        }
    }
}

fn live() -> io::Result<()> {
    sys::unshare(sys::NEWUSER)?;
    io::stdout().write_all(b".")?;
    io::stdout().flush()?;
    let mut asked = Vec::new();
    io::stdin().read_to_end(&mut asked)?;
    let work: Work = serde_json::from_slice(&asked)?;
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
    match work {
        Work::Remove(path) => crate::files::remove_tree(&path),
        Work::Unpack { archive, directory } => Err(tar(&archive, &directory).stdin(Stdio::null()).exec()),
    }
}

fn tar(archive: &Path, directory: &Path) -> Command {
    let mut command = Command::new("tar");
    command.args(["--extract", "--numeric-owner", "--same-owner", "--preserve-permissions", "--warning=no-timestamp"]);
    // A sandbox brings its own.
    command.args(["--exclude=./dev/*", "--exclude=dev/*", "--file"]).arg(archive).arg("--directory").arg(directory);
    command
}

/// Whether this process was started to be a worker.
pub(crate) fn is_worker(name: &std::ffi::OsStr) -> bool {
    name == MARK
}
