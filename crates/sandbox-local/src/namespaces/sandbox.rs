//! One prepared sandbox, as the engine drives it.

use super::ids::Ids;
use super::link::{Link, Ready, error_of, gone, io_error, kill};
use super::process::{NamespaceProcess, number_of};
use super::receipt::{Facts, Used};
use super::watch::{Watched, Watcher};
use super::{Held, Shared, kept};
use crate::cgroup::Usage;
use crate::channel::{self, Receiver};
use crate::disk::{Disk, Watch};
use crate::wire::{ExecRequest, Protection, Reply, Request, ToZygote};
use crate::writable::make_writable;
use async_trait::async_trait;
use domain::{LimitReached, Receipt};
use rustix::fs::{FileType, Gid, Uid};
use sandbox::{Entrance, Exec, InsideFile, Layout, Process, Sandbox, SandboxError, SandboxSpec, Signal};
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
    spec: SandboxSpec,
    /// The zygote's name for it.
    init: String,
    layout: Layout,
    outside: (u32, u32),
    link: Arc<Link>,
    life: Arc<Life>,
    views: Mutex<HashMap<String, OwnedFd>>,
    /// Views, and where they were placed.
    placed: Mutex<Vec<(String, PathBuf)>>,
    /// For a person, when it is kept.
    entrance: Mutex<Option<Entrance>>,
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
        let init = held.name.clone();
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
            spec,
            init,
            layout,
            outside,
            link: Arc::new(link),
            life,
            views: Mutex::new(views),
            placed: Mutex::default(),
            entrance: Mutex::default(),
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

    /// Starts a command; its standard input is empty unless one is given.
    pub(super) async fn exec_with(&self, exec: Exec, stdin: Option<OwnedFd>) -> Result<Box<dyn Process>, SandboxError> {
        self.hand_over(&exec.stdio.stdout);
        self.hand_over(&exec.stdio.stderr);
        let Exec { argv, mut env, cwd, files, collect, collect_limit, stdio } = exec;
        if self.shared.off.contains(&Protection::Environment) {
            env.extend(std::env::vars());
        }
        let request = Request::Exec(ExecRequest { argv, env, cwd, files, collect, collect_limit });
        let (number, mut answers) =
            self.link.send(&request, [stdio.stdout, stdio.stderr].into_iter().chain(stdin).collect()).await?;
        match super::link::answer(&mut answers).await {
            Ok(Reply::Started) => Ok(Box::new(NamespaceProcess {
                link: self.link.clone(),
                life: self.life.clone(),
                number,
                answers: tokio::sync::Mutex::new(answers),
            })),
            Ok(_) => Err(SandboxError::Gone),
            Err(SandboxError::NotFound { program, .. }) => {
                let hint = self.shared.environment.hint(&program, &self.spec.expose);
                Err(SandboxError::NotFound { program, hint })
            }
            Err(error) => Err(error),
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

    fn prepare_entrance(&self, entrance: Entrance) {
        *self.entrance.lock().unwrap_or_else(PoisonError::into_inner) = Some(entrance);
    }

    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError> {
        match self.exec_with(exec, None).await {
            // A watched limit has ended the sandbox under an earlier command.
            Err(SandboxError::Gone) => Err(self.life.limit_reached().map_or(SandboxError::Gone, SandboxError::Limit)),
            started => started,
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
        let message = ToZygote::Place { name: self.init.clone(), at: at.to_owned() };
        self.ask_zygote(message, Some(mount)).await?;
        // A mount can be attached once.
        self.views.lock().unwrap_or_else(PoisonError::into_inner).remove(view);
        self.placed.lock().unwrap_or_else(PoisonError::into_inner).push((view.to_owned(), at.components().collect()));
        Ok(())
    }

    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        match self.link.ask(&Request::Read { path: path.to_owned(), limit }, Vec::new()).await? {
            Reply::Content(content) => Ok(content),
            _ => Err(SandboxError::Gone),
        }
    }

    async fn first_of(&self, paths: &[PathBuf]) -> Option<PathBuf> {
        match self.link.ask(&Request::First { paths: paths.to_vec() }, Vec::new()).await {
            Ok(Reply::First(Some(place))) => paths.get(place).cloned(),
            _ => None,
        }
    }

    async fn write(&self, files: Vec<InsideFile>) -> Result<(), SandboxError> {
        self.done(Request::Write { files }).await
    }

    async fn remove(&self, paths: Vec<PathBuf>) -> Result<(), SandboxError> {
        // A placed view is a mount, which no removal enters; those inside others come first.
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        placed.retain(|(_, at)| paths.iter().any(|path| at.starts_with(path)));
        placed.sort_by_key(|(_, at)| std::cmp::Reverse(at.components().count()));
        for (_, at) in placed {
            self.ask_zygote(ToZygote::TakeOut { name: self.init.clone(), at: at.clone() }, None).await?;
            self.placed.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, known)| *known != at);
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
        if self.shared.off.contains(&Protection::End) {
            return Ok(self.facts.receipt(Used::default()));
        }
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clear();
        kill(self.life.pidfd.get_ref());
        if tokio::time::timeout(PATIENCE, gone(&self.life.pidfd)).await.is_err() {
            return Err(SandboxError::Invalid(format!(
                "the processes of the sandbox {} do not end; the kernel holds one of them",
                self.spec.name
            )));
        }
        let relay = self.relay.lock().unwrap_or_else(PoisonError::into_inner).take();
        let refused = relay.map(|relay| relay.refusals()).unwrap_or_default();
        let life = self.life.clone();
        let keeping = keep.then(|| {
            let entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner).take();
            let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            kept::Record::new(&self.spec, entrance, placed)
        });
        // On another thread also where one job is served: it may take many seconds, and the agent, cancellations and time go on.
        let used = tokio::task::spawn_blocking(move || life.end(keeping)).await;
        let used = used.map_err(|error| SandboxError::Invalid(error.to_string()))??;
        let refused = refused.into_iter().map(|refusal| refusal.target).collect();
        let receipt = Receipt { refused, ..self.facts.receipt(used) };
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
    fn end(&self, keep: Option<kept::Record>) -> Result<Used, SandboxError> {
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
        if let (Some(record), Some(disk)) = (keep, &held.disk) {
            let state = held.shared.masks.parent().unwrap_or(Path::new("/"));
            used.kept = Some(kept::keep(disk, record, state)?);
            // Not discarded: a file system would forget what it has not written yet.
            drop(held.disk.take());
        }
        if let Some(disk) = held.disk.take() {
            held.shared.pool.give_back(disk).map_err(|error| SandboxError::Invalid(error.to_string()))?;
        }
        drop(held);
        drop(self.ids.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(used)
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
