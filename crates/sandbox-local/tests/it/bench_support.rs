//! What the tests share: one runtime, one backend, and short ways to run a command in a sandbox.

use libtest_mimic::{Failed, Trial};
use sandbox::{
    Backend, Ended, Exec, Limits, Network, Profile, Root, Sandbox, SandboxError, SandboxSpec, Stdio, Workspace,
};
use sandbox_local::{HostVariables, Namespaces, Options, Protection, Zygote};
use std::future::Future;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the tests run on.
pub(crate) struct Machine {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) backend: Namespaces,
    pub(crate) state: tempfile::TempDir,
    next: AtomicU64,
}

impl Machine {
    pub(crate) fn new(zygote: Zygote) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        let place = if is_root { PathBuf::from("/var/tmp") } else { PathBuf::from(std::env::var_os("HOME").unwrap()) };
        let state = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in(place).unwrap();
        let options = Options { state: state.path().to_owned(), variables: HostVariables::Listed };
        let backend = Namespaces::new(zygote, &options).unwrap();
        Self { runtime, backend, state, next: AtomicU64::new(1) }
    }

    /// A spec with everything on.
    pub(crate) fn spec(&self) -> SandboxSpec {
        spec(&format!("it-{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// Whether the kernel enforces a protection here; if not, says SKIP, what, and why.
    pub(crate) async fn enforces(&self, name: &str) -> bool {
        let job = self.backend.prepare(self.spec()).await.unwrap();
        let receipt = job.destroy(false).await.unwrap();
        let found = receipt.isolation.into_iter().find(|isolation| isolation.name == name);
        match found.map(|isolation| isolation.enforcement) {
            Some(domain::Enforcement::On { .. }) => true,
            other => {
                println!("SKIP: {name} is not enforced here: {other:?}");
                false
            }
        }
    }

    /// A sandbox with protections switched off.
    pub(crate) async fn prepare_weak(&self, spec: SandboxSpec, off: &[Protection]) -> Box<dyn Sandbox> {
        self.backend.weakened(off.to_vec()).prepare(spec).await.unwrap()
    }

    pub(crate) async fn prepare(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        self.backend.prepare(spec).await
    }
}

/// A spec with everything on, of this name.
pub(crate) fn spec(name: &str) -> SandboxSpec {
    SandboxSpec {
        name: name.to_owned(),
        root: Root::Host,
        profile: Profile::Hardened,
        network: Network::Outbound { allow: Vec::new() },
        limits: Limits {
            memory: Some(512 << 20),
            processes: Some(512),
            cpu_millis: None,
            disk: Some(512 << 20),
            inodes: None,
        },
        repository_name: "repo".to_owned(),
        workspace: Workspace::Empty,
        expose: Vec::new(),
        path: Vec::new(),
        mounts: Vec::new(),
        views: Vec::new(),
        tool_cache: None,
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ended: Ended,
    pub(crate) text: String,
}

/// A command with both outputs in one pipe.
pub(crate) fn command(sandbox: &dyn Sandbox, argv: &[&str]) -> (Exec, OwnedFd) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let layout = sandbox.layout();
    let env = vec![("PATH".to_owned(), layout.path.clone()), ("HOME".to_owned(), layout.home.display().to_string())];
    let exec = Exec {
        argv: argv.iter().map(|text| (*text).to_owned()).collect(),
        env,
        cwd: layout.workspace.clone(),
        files: Vec::new(),
        collect: Vec::new(),
        collect_limit: 1 << 20,
        stdio: Stdio { stdout: write.try_clone().unwrap(), stderr: write },
    };
    (exec, read)
}

/// Runs a command to its end.
pub(crate) async fn finish(sandbox: &dyn Sandbox, exec: Exec, read: OwnedFd) -> Result<Output, SandboxError> {
    let reader = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        std::fs::File::from(read).read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let process = sandbox.exec(exec).await?;
    let ended = process.wait().await?;
    Ok(Output { ended, text: reader.await.unwrap() })
}

/// Runs a line of shell.
pub(crate) async fn sh(sandbox: &dyn Sandbox, line: &str) -> Output {
    let (exec, read) = command(sandbox, &["sh", "-c", line]);
    finish(sandbox, exec, read).await.unwrap()
}

/// A test with the machine.
pub(crate) fn trial<F, R>(machine: &Arc<Machine>, name: &str, test: F) -> Trial
where
    F: FnOnce(Arc<Machine>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let machine = machine.clone();
    Trial::test(name, move || {
        let runtime = machine.runtime.handle().clone();
        runtime.block_on(test(machine));
        Ok::<(), Failed>(())
    })
}

/// A path of a test's own.
pub(crate) fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}
