//! Sandboxes that were kept for a person (`exec --keep`): their disk, and what is needed to make a sandbox over it again. Each is
//! a folder of the state directory that no sweep touches; it goes when somebody removes it.

use super::environment;
use super::link::io_error;
use super::sandbox::NamespaceSandbox;
use super::terminal::Terminal;
use super::{Namespaces, Options};
use crate::disk::{Disk, DiskLimit, KeptDisk};
use crate::mapped::remove_tree;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use sandbox::{Entrance, Exec, ExecEnd, Sandbox as _, SandboxError, SandboxSpec, Stdio};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const RECORD: &str = "kept.json";
const DISK: &str = "disk";
const VERSION: u32 = 1;

/// What is written down.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    spec: SandboxSpec,
    entrance: Option<Entrance>,
    /// Views and where they were placed.
    placed: Vec<(String, PathBuf)>,
    disk: KeptDisk,
    bytes: u64,
    inodes: u64,
    /// Seconds since 1970.
    at: u64,
}

impl Record {
    pub(super) fn new(spec: &SandboxSpec, entrance: Option<Entrance>, placed: Vec<(String, PathBuf)>) -> Self {
        let mut spec = spec.clone();
        // They lie on the disk already.
        spec.views.iter_mut().for_each(|view| view.files.clear());
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { version: VERSION, spec, entrance, placed, disk: KeptDisk::Directory, bytes: 0, inodes: 0, at }
    }
}

/// A sandbox that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// By which it is entered and removed.
    pub name: String,
    /// The job's name.
    pub title: String,
    /// The profile, as in receipts.
    pub profile: &'static str,
    /// When it was kept.
    pub at: SystemTime,
    /// Where its files lie.
    pub folder: PathBuf,
}

/// The folder of all kept sandboxes.
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join("kept")
}

/// Puts a job's disk aside with what is known of it; gives the name.
pub(super) fn keep(disk: &Disk, mut record: Record, state: &Path) -> Result<String, SandboxError> {
    let (folder, name) = (folder(state), record.spec.name.clone());
    let place = folder.join(&name);
    let failed = |error: io::Error| io_error(format!("keep the sandbox in {}", place.display()), error);
    // Whoever may look in could run what the job's root has left as set-uid programs.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    std::fs::DirBuilder::new().mode(0o700).create(&place).map_err(failed)?;
    let limit = disk.limit();
    (record.bytes, record.inodes) = (limit.bytes, limit.inodes);
    match disk {
        Disk::Image(image) => {
            record.disk = KeptDisk::Image;
            std::fs::create_dir(place.join(DISK)).map_err(failed)?;
            let at = rustix::fs::open(place.join(DISK), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            let at = at.map_err(|error| failed(error.into()))?;
            image.mounted_again().and_then(|mount| crate::sys::attach(mount, at)).map_err(failed)?;
        }
        Disk::Directory(directory, _) => std::fs::rename(directory.path(), place.join(DISK)).map_err(failed)?,
    }
    let text = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
    std::fs::write(place.join(RECORD), text).map_err(failed)?;
    Ok(name)
}

fn read(place: &Path) -> Option<Record> {
    let record: Record = serde_json::from_slice(&std::fs::read(place.join(RECORD)).ok()?).ok()?;
    (record.version == VERSION).then_some(record)
}

/// The sandboxes of this user that were kept, the oldest first.
#[must_use]
pub fn kept(state: &Path) -> Vec<Kept> {
    let Ok(listed) = std::fs::read_dir(folder(state)) else { return Vec::new() };
    let mut all: Vec<Kept> = listed
        .filter_map(Result::ok)
        .map(|entry| {
            let record = read(&entry.path());
            let at = record.as_ref().map_or(UNIX_EPOCH, |record| UNIX_EPOCH + Duration::from_secs(record.at));
            let root = record.as_ref().is_some_and(|record| record.spec.profile == sandbox::Profile::Root);
            Kept {
                name: entry.file_name().to_string_lossy().into_owned(),
                title: record.and_then(|record| record.entrance).map(|entrance| entrance.title).unwrap_or_default(),
                profile: if root { "root" } else { "hardened" },
                at,
                folder: entry.path(),
            }
        })
        .collect();
    all.sort_by_key(|kept| kept.at);
    all
}

/// The folder of one, locked: two sandboxes must not be made over one disk, and none that is in use must be removed.
fn lock(state: &Path, name: &str) -> Result<(PathBuf, OwnedFd), SandboxError> {
    let place = folder(state).join(name);
    let is_name = Path::new(name).components().count() == 1 && !matches!(name, "." | "..");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let opened = if is_name { rustix::fs::open(&place, flags, Mode::empty()) } else { Err(rustix::io::Errno::NOENT) };
    let missing = |_| SandboxError::Invalid(format!("no sandbox {name:?} is kept; `ekiden sandbox list` names them"));
    let opened = opened.map_err(missing)?;
    flock(&opened, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| SandboxError::Invalid(format!("somebody is in the sandbox {name} now")))?;
    Ok((place, opened))
}

/// Removes a kept sandbox with all its files.
///
/// # Errors
/// When there is none of that name, somebody is in it, or something of it stays.
pub fn remove_kept(state: &Path, name: &str) -> Result<(), SandboxError> {
    let (place, _lock) = lock(state, name)?;
    // After a restart of the machine nothing is mounted there.
    let _ = rustix::mount::unmount(place.join(DISK), rustix::mount::UnmountFlags::NOFOLLOW);
    remove_tree(&place).map_err(|error| io_error(format!("remove {}", place.display()), error))
}

impl Namespaces {
    /// Makes a sandbox over the disk of a kept one, as it was: the same root, mounts, workspace, network and limits; runs a command
    /// in it (a shell when none is given) on the caller's standard streams, and ends it again. What the command changed stays.
    /// Gives the command's exit code.
    ///
    /// # Errors
    /// When there is none of that name, somebody is in it, or it cannot be made.
    pub async fn enter(&self, name: &str, command: Vec<String>) -> Result<i32, SandboxError> {
        let state = self.shared.masks.parent().map_or_else(Options::default_state, Path::to_owned);
        let (place, _lock) = lock(&state, name)?;
        let (sandbox, entrance) = self.over(&place).await?;
        let entered = run(&sandbox, entrance, command).await;
        // What still runs in it ends with it.
        sandbox.destroy(false).await?;
        entered
    }

    async fn over(&self, place: &Path) -> Result<(NamespaceSandbox, Option<Entrance>), SandboxError> {
        let shown = place.display();
        let record = read(place).ok_or_else(|| {
            SandboxError::Invalid(format!("{shown}/{RECORD} cannot be read; remove the sandbox: nothing can enter it"))
        })?;
        let disk = place.join(DISK);
        if record.disk == KeptDisk::Image && !is_mounted(&disk) {
            let text = "its disk did not outlive the restart of the machine; remove it: ekiden sandbox remove";
            return Err(SandboxError::Invalid(format!("{shown} cannot be entered: {text}")));
        }
        let limit = DiskLimit { bytes: record.bytes, inodes: record.inodes };
        let disk = Disk::kept(&disk, limit, record.disk).map_err(|error| SandboxError::Invalid(error.to_string()))?;
        let mut spec = record.spec;
        spec.name = format!("{}-entered-{}", spec.name, std::process::id());
        let sandbox = self.prepare_over(spec, Some(disk)).await?;
        for (view, at) in &record.placed {
            sandbox.place(view, at).await?;
        }
        Ok((sandbox, record.entrance))
    }
}

fn is_mounted(place: &Path) -> bool {
    let device = |path: &Path| std::fs::symlink_metadata(path).map(|meta| meta.dev()).ok();
    device(place) != place.parent().and_then(device)
}

async fn run(
    sandbox: &NamespaceSandbox,
    entrance: Option<Entrance>,
    command: Vec<String>,
) -> Result<i32, SandboxError> {
    let layout = sandbox.layout();
    let (mut env, cwd) = match entrance {
        Some(entrance) => (entrance.env, entrance.cwd),
        None => (vec![("PATH".to_owned(), layout.path.clone())], layout.workspace.clone()),
    };
    for (name, value) in [("HOME", layout.home.display().to_string()), ("PATH", layout.path.clone())] {
        if !env.iter().any(|(known, _)| known == name) {
            env.push((name.to_owned(), value));
        }
    }
    let terminal = Terminal::open().map_err(|error| io_error("open a terminal for the sandbox", error))?;
    if let Some(kind) = terminal.as_ref().and_then(|_| environment::terminal()) {
        env.push(("TERM".to_owned(), kind));
    }
    let shell = ["sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi"];
    let argv = if command.is_empty() { shell.map(str::to_owned).to_vec() } else { command };
    let streams = match &terminal {
        Some(terminal) => terminal.streams(),
        None => super::terminal::own_streams(),
    };
    let [stdin, stdout, stderr] = streams.map_err(|error| io_error("open the streams of the command", error))?;
    let exec = Exec {
        argv,
        env,
        cwd,
        files: Vec::new(),
        collect: Vec::new(),
        collect_limit: 0,
        stdio: Stdio { stdout, stderr },
    };
    let process = sandbox.exec_with(exec, Some(stdin)).await?;
    let _relayed = terminal.map(Terminal::relay).transpose().map_err(|error| io_error("use the terminal", error))?;
    match process.wait().await?.end {
        ExecEnd::Exited(code) => Ok(code),
        ExecEnd::Signalled(signal) => Ok(128 + signal),
        ExecEnd::Limit(limit) => Err(SandboxError::Limit(limit)),
    }
}
