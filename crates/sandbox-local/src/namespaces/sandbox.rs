//! One prepared sandbox, as the engine drives it.

use super::ids::Ids;
use super::link::{Link, Ready, error_of, gone, io_error, kill};
use super::process::{NamespaceProcess, number_of};
use super::receipt::{Facts, Used};
use super::watch::{Watched, Watcher};
use super::{Held, Shared};
use crate::cgroup::Usage;
use crate::channel::{self, Receiver};
use crate::disk::{Disk, Watch};
use crate::wire::{ExecRequest, Reply, Request, ToZygote};
use crate::writable::make_writable;
use async_trait::async_trait;
use domain::{LimitReached, Receipt};
use rustix::fs::{FileType, Gid, Uid};
use sandbox::{Exec, InsideFile, Layout, Process, Sandbox, SandboxError, SandboxSpec, Signal};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// How long the end waits for the last process.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a sandbox is made of.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) spec: SandboxSpec,
    pub(super) layout: Layout,
    pub(super) ids: Ids,
    pub(super) held: Held,
    pub(super) link: Link,
    pub(super) ready: Ready,
    pub(super) relay: Option<egress::Handle>,
    pub(super) start: Duration,
}

/// A sandbox of namespaces.
#[derive(Debug)]
pub(super) struct NamespaceSandbox {
    shared: Arc<Shared>,
    name: String,
    layout: Layout,
    expose: Vec<PathBuf>,
    outside: (u32, u32),
    link: Arc<Link>,
    life: Arc<Life>,
    views: Mutex<HashMap<String, OwnedFd>>,
    /// Where views were placed.
    placed: Mutex<Vec<PathBuf>>,
    facts: Facts,
    /// The job's way out; ends with the sandbox.
    relay: Mutex<Option<egress::Handle>>,
    end: tokio::sync::Mutex<Option<Receipt>>,
}

/// What ends with the sandbox.
#[derive(Debug)]
pub(super) struct Life {
    pidfd: AsyncFd<OwnedFd>,
    held: Mutex<Option<Held>>,
    /// The counters when a limit was last looked at.
    seen: Mutex<Usage>,
    /// What a watcher of the disk saw.
    watched: Arc<Mutex<Option<LimitReached>>>,
    watch: Mutex<(Option<Watch>, Option<Watcher>)>,
    /// Given back last.
    ids: Mutex<Option<Ids>>,
}

impl NamespaceSandbox {
    pub(super) fn new(parts: Parts) -> Result<Self, SandboxError> {
        let Parts { shared, spec, layout, ids, held, link, ready, relay, start } = parts;
        let limits = Watched::of(&spec.limits, held.group.as_ref());
        let facts =
            Facts::new(&spec, shared.caller, &ids, &ready.protections, held.group.as_ref(), held.disk.as_ref(), start);
        let views = spec.views.iter().map(|view| view.name.clone()).zip(ready.views).collect();
        let pidfd = crate::sys::watched(ready.pidfd).map_err(|error| io_error("watch the sandbox", error))?;
        let outside = ids.outside;
        let life = Arc::new(Life {
            pidfd,
            held: Mutex::new(Some(held)),
            seen: Mutex::default(),
            watched: Arc::default(),
            watch: Mutex::default(),
            ids: Mutex::new(Some(ids)),
        });
        life.watch_disk()?;
        life.watch_limits(limits)?;
        Ok(Self {
            shared,
            name: spec.name,
            layout,
            expose: spec.expose,
            outside,
            link: Arc::new(link),
            life,
            views: Mutex::new(views),
            placed: Mutex::default(),
            facts,
            relay: Mutex::new(relay),
            end: tokio::sync::Mutex::default(),
        })
    }

    /// Sends the zygote a message with a socket for the answer, and waits for it.
    async fn ask_zygote(&self, message: ToZygote, first: Option<OwnedFd>) -> Result<(), SandboxError> {
        let (answer, theirs) = channel::pair().map_err(|error| io_error("make a socket", error))?;
        self.shared.tell(&message, first.into_iter().chain([theirs]).collect())?;
        let said = tokio::task::spawn_blocking(move || Receiver::default().wait(&answer))
            .await
            .map_err(|error| SandboxError::Invalid(error.to_string()))?
            .map_err(|error| io_error("change the mounts of the sandbox", error))?;
        match said.map(|message| message.decode()) {
            Some(Ok(Reply::Done)) => Ok(()),
            Some(Ok(Reply::Failed(fault))) => Err(error_of(fault)),
            _ => Err(SandboxError::Gone),
        }
    }

    /// The job reopens its output as `/dev/stdout`; so a pipe belongs to the job's user, as far as the caller may give it.
    fn hand_over(&self, fd: &OwnedFd) {
        let is_pipe = rustix::fs::fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        if is_pipe && rustix::process::geteuid().as_raw() != self.outside.0 {
            let (uid, gid) = (Uid::from_raw(self.outside.0), Gid::from_raw(self.outside.1));
            // Without it only the reopening fails.
            let _ = rustix::fs::fchown(fd, Some(uid), Some(gid));
        }
    }

    async fn done(&self, request: Request) -> Result<(), SandboxError> {
        match self.link.ask(&request, Vec::new()).await? {
            Reply::Done => Ok(()),
            _ => Err(SandboxError::Gone),
        }
    }
}

#[async_trait]
impl Sandbox for NamespaceSandbox {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError> {
        self.hand_over(&exec.stdio.stdout);
        self.hand_over(&exec.stdio.stderr);
        let Exec { argv, env, cwd, files, collect, collect_limit, stdio } = exec;
        let request = Request::Exec(ExecRequest { argv, env, cwd, files, collect, collect_limit });
        let (number, mut answers) = self.link.send(&request, vec![stdio.stdout, stdio.stderr]).await?;
        match super::link::answer(&mut answers).await {
            Ok(Reply::Started) => Ok(Box::new(NamespaceProcess {
                link: self.link.clone(),
                life: self.life.clone(),
                number,
                answers: tokio::sync::Mutex::new(answers),
            })),
            Ok(_) => Err(SandboxError::Gone),
            Err(SandboxError::NotFound { program, .. }) => {
                let hint = self.shared.environment.hint(&program, &self.expose);
                Err(SandboxError::NotFound { program, hint })
            }
            Err(error) => Err(error),
        }
    }

    async fn place(&self, view: &str, at: &Path) -> Result<(), SandboxError> {
        let mount = {
            let views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            let mount =
                views.get(view).ok_or_else(|| SandboxError::Invalid(format!("the sandbox has no view {view:?}")))?;
            mount.try_clone().map_err(|error| io_error("open the view", error))?
        };
        let mount = tokio::task::spawn_blocking(move || make_writable(mount.as_fd()).map(|()| mount))
            .await
            .map_err(|_| SandboxError::Gone)?
            .map_err(|error| io_error("make the files of the view writable", error))?;
        let message = ToZygote::Place { name: self.name.clone(), at: at.to_owned() };
        self.ask_zygote(message, Some(mount)).await?;
        // A mount can be attached once.
        self.views.lock().unwrap_or_else(PoisonError::into_inner).remove(view);
        self.placed.lock().unwrap_or_else(PoisonError::into_inner).push(at.components().collect());
        Ok(())
    }

    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        match self.link.ask(&Request::Read { path: path.to_owned(), limit }, Vec::new()).await? {
            Reply::Content(content) => Ok(content),
            _ => Err(SandboxError::Gone),
        }
    }

    async fn write(&self, files: Vec<InsideFile>) -> Result<(), SandboxError> {
        self.done(Request::Write { files }).await
    }

    async fn remove(&self, paths: Vec<PathBuf>) -> Result<(), SandboxError> {
        // A placed view is a mount, which no removal enters; those inside others come first.
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        placed.retain(|at| paths.iter().any(|path| at.starts_with(path)));
        placed.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
        for at in placed {
            self.ask_zygote(ToZygote::TakeOut { name: self.name.clone(), at: at.clone() }, None).await?;
            self.placed.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| *known != at);
        }
        self.done(Request::Remove { paths }).await
    }

    async fn hash(&self, patterns: &[String]) -> Result<String, SandboxError> {
        let (workspace, home) = (self.layout.workspace.clone(), self.layout.home.clone());
        match self.link.ask(&Request::Hash { patterns: patterns.to_vec(), workspace, home }, Vec::new()).await? {
            Reply::Digest(digest) => Ok(digest),
            _ => Err(SandboxError::Gone),
        }
    }

    async fn signal_all(&self, signal: Signal) -> Result<(), SandboxError> {
        self.done(Request::SignalAll { signal: number_of(signal) }).await
    }

    async fn destroy(&self, keep: bool) -> Result<Receipt, SandboxError> {
        let mut end = self.end.lock().await;
        if let Some(receipt) = &*end {
            return Ok(receipt.clone());
        }
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clear();
        kill(self.life.pidfd.get_ref());
        if tokio::time::timeout(PATIENCE, gone(&self.life.pidfd)).await.is_err() {
            return Err(SandboxError::Invalid(format!(
                "the processes of the sandbox {} do not end; the kernel holds one of them",
                self.name
            )));
        }
        drop(self.relay.lock().unwrap_or_else(PoisonError::into_inner).take());
        let life = self.life.clone();
        let kept_at = keep.then(|| self.shared.masks.with_file_name("kept").join(&self.name));
        let used = tokio::task::spawn_blocking(move || life.end(kept_at))
            .await
            .map_err(|error| SandboxError::Invalid(error.to_string()))??;
        let receipt = self.facts.receipt(used);
        *end = Some(receipt.clone());
        Ok(receipt)
    }
}

impl Life {
    /// Starts the watcher where no file system bounds the job: it stops everything, then kills it.
    fn watch_disk(self: &Arc<Self>) -> Result<(), SandboxError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Disk::Directory(directory, _)) = held.as_ref().and_then(|held| held.disk.as_ref()) else {
            return Ok(());
        };
        let pidfd = self.pidfd.get_ref().try_clone().map_err(|error| io_error("watch the job's disk", error))?;
        let seen = self.watched.clone();
        let watch = directory
            .watch(move |limit| {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(limit);
                kill(pidfd.as_fd());
            })
            .map_err(|error| SandboxError::Invalid(error.to_string()))?;
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(watch);
        Ok(())
    }

    /// Starts the watcher where no control group bounds the job.
    fn watch_limits(&self, watched: Watched) -> Result<(), SandboxError> {
        let failed = |error| io_error("watch the job's limits", error);
        let pidfd = self.pidfd.get_ref().try_clone().map_err(failed)?;
        let seen = self.watched.clone();
        let reached = move |limit| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(limit);
            kill(pidfd.as_fd());
        };
        let watcher = watched.start(self.pidfd.get_ref().as_fd(), reached).map_err(failed)?;
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).1 = watcher;
        Ok(())
    }

    /// A limit that was run into since it was last asked.
    pub(super) fn limit_of_step(&self) -> Option<LimitReached> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref()?;
        if let Some(group) = &held.group {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let reached = group.limit_reached(&seen);
            *seen = group.counters();
            // A refused fork ends nothing by itself: the program said so, and its exit code stands.
            if let Some(limit @ LimitReached::Memory { .. }) = reached {
                return Some(limit);
            }
        }
        held.disk.as_ref()?.limit_reached()
    }

    /// A limit that was run into at any time.
    pub(super) fn limit_reached(&self) -> Option<LimitReached> {
        if let Some(limit) = self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Some(limit);
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref()?;
        let disk = || held.disk.as_ref().and_then(Disk::limit_reached);
        held.group.as_ref().and_then(|group| group.limit_reached(&Usage::default())).or_else(disk)
    }

    /// After the init is gone: counts, proves that nothing is left, gives everything back.
    fn end(&self, keep: Option<PathBuf>) -> Result<Used, SandboxError> {
        drop(std::mem::take(&mut *self.watch.lock().unwrap_or_else(PoisonError::into_inner)));
        let limit_reached = self.limit_reached();
        let mut used = Used { limit_reached, ..Used::default() };
        let Some(mut held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(used) };
        if let Some(group) = &held.group {
            used.usage = group.usage();
            // The init's end has ended its process namespace; that the group is empty is the proof.
            let emptied = group.kill(PATIENCE).and_then(|()| group.remove());
            emptied.map_err(|error| SandboxError::Invalid(error.to_string()))?;
            held.group = None;
        }
        if let (Some(keep), Some(disk)) = (keep, &held.disk) {
            used.kept = Some(kept(disk, &keep)?);
            if let Some(Disk::Directory(directory, reason)) = held.disk.take() {
                // Not discarded: it stays where it was moved to.
                drop((directory, reason));
            }
        }
        if let Some(disk) = held.disk.take() {
            disk.discard().map_err(|error| SandboxError::Invalid(error.to_string()))?;
        }
        drop(held);
        drop(self.ids.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(used)
    }
}

/// Puts the job's disk where a person finds it.
fn kept(disk: &Disk, place: &Path) -> Result<String, SandboxError> {
    let failed = |error: std::io::Error| io_error(format!("keep the job's files in {}", place.display()), error);
    match disk {
        Disk::Image(image) => {
            std::fs::create_dir_all(place).map_err(failed)?;
            let at = rustix::fs::open(place, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
                .map_err(|error| failed(error.into()))?;
            // The one that the job had went with its namespace; this is another view of the same file system.
            crate::sys::cloned(image.mount()).and_then(|mount| crate::sys::attach(mount, at)).map_err(failed)?;
            Ok(format!("{place} (give it back with: umount {place})", place = place.display()))
        }
        Disk::Directory(directory, _) => {
            let parent = place.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(parent).and_then(|()| std::fs::rename(directory.path(), place)).map_err(failed)?;
            Ok(place.display().to_string())
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        kill(self.pidfd.get_ref());
        drop(std::mem::take(&mut *self.watch.lock().unwrap_or_else(PoisonError::into_inner)));
        // What is held is given back by its own drop, in the order of the fields: group, disk.
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
