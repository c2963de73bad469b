//! A backend of plain processes in a temporary folder: real shells and real files, no isolation.

use async_trait::async_trait;
use domain::{Enforcement, Isolation, Receipt};
use sandbox::{
    Backend, Collected, Ended, Exec, ExecEnd, InsideFile, Layout, Process, Sandbox, SandboxError, SandboxSpec, Signal,
};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Plain;

#[derive(Debug)]
struct PlainSandbox {
    layout: Layout,
    spec: SandboxSpec,
    folder: Mutex<Option<tempfile::TempDir>>,
}

#[derive(Debug)]
struct PlainProcess {
    group: u32,
    ended: Mutex<Option<oneshot::Receiver<Ended>>>,
}

fn failed(what: &str, source: io::Error) -> SandboxError {
    SandboxError::Io { what: what.to_owned(), source }
}

#[async_trait]
impl Backend for Plain {
    fn name(&self) -> &'static str {
        // Its trees lie where they lie on the host.
        "host"
    }

    async fn prepare(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let folder = tempfile::tempdir().map_err(|e| failed("make a folder", e))?;
        let top = folder.path().canonicalize().map_err(|e| failed("find a folder", e))?;
        let layout = Layout {
            work: top.join("work/repo"),
            workspace: top.join("work/repo/repo"),
            temp: top.join("work/_temp"),
            tool_cache: top.join("tools"),
            home: top.join("home"),
            user: "runner".to_owned(),
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
            env: Vec::new(),
        };
        for made in [&layout.workspace, &layout.temp, &layout.tool_cache, &layout.home] {
            fs::create_dir_all(made).map_err(|e| failed("make a folder", e))?;
        }
        Ok(Box::new(PlainSandbox { layout, spec, folder: Mutex::new(Some(folder)) }))
    }
}

fn write(file: &InsideFile) -> io::Result<()> {
    if let Some(parent) = file.path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&file.path, &file.content)?;
    if file.executable {
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn find(program: &str, env: &[(String, String)]) -> Option<PathBuf> {
    if program.contains('/') {
        return Path::new(program).is_file().then(|| program.into());
    }
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str()).unwrap_or_default();
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|file| file.is_file())
}

#[async_trait]
impl Sandbox for PlainSandbox {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError> {
        let Exec { argv, env, cwd, files, collect, collect_limit, stdio } = exec;
        let Some(program) = find(&argv[0], &env) else {
            return Err(SandboxError::NotFound { program: argv[0].clone(), hint: String::new() });
        };
        for file in &files {
            write(file).map_err(|e| failed("write a file", e))?;
        }
        let began = Instant::now();
        // Whoever runs the tests in the background may have them ignore the interrupt that a cancelled step shall hear.
        let child = Command::new("/usr/bin/env")
            .arg("--default-signal=INT,QUIT,TERM")
            .arg("--")
            .arg(program)
            .args(&argv[1..])
            .env_clear()
            .envs(env)
            .current_dir(&cwd)
            .stdin(Stdio::null())
            .stdout(stdio.stdout)
            .stderr(stdio.stderr)
            .process_group(0)
            .spawn();
        let mut child = child.map_err(|e| failed(&format!("start {} in {}", argv[0], cwd.display()), e))?;
        let group = child.id();
        let (sender, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            let end = match status.code() {
                Some(code) => ExecEnd::Exited(code),
                None => ExecEnd::Signalled(status.signal().unwrap_or(0)),
            };
            let read = |path: &PathBuf| match fs::read(path) {
                Ok(content) if content.len() as u64 > collect_limit => {
                    Collected::TooLarge { size: content.len() as u64 }
                }
                Ok(content) => Collected::Content(content),
                Err(_) => Collected::Absent,
            };
            let collected = collect.iter().map(read).collect();
            for path in files.iter().map(|file| &file.path).chain(&collect) {
                let _absent = fs::remove_file(path);
            }
            let _gone = sender.send(Ended { end, collected, wall: began.elapsed() });
        });
        Ok(Box::new(PlainProcess { group, ended: Mutex::new(Some(ended)) }))
    }

    async fn place(&self, view: &str, at: &Path) -> Result<(), SandboxError> {
        let Some(view) = self.spec.views.iter().find(|known| known.name == view) else {
            return Err(SandboxError::Invalid(format!("no view {view}")));
        };
        if at.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(SandboxError::Invalid(format!("{} is taken", at.display())));
        }
        fs::create_dir_all(at).map_err(|e| failed("make a folder", e))?;
        for part in &view.parts {
            let from = format!("{}/.", part.host.display());
            let copied = Command::new("cp").args(["-a", &from]).arg(at.join(&part.at)).status();
            assert!(copied.is_ok_and(|status| status.success()));
        }
        Ok(())
    }

    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        match fs::read(path) {
            Ok(content) if content.len() as u64 > limit => Err(SandboxError::Invalid("too large".to_owned())),
            Ok(content) => Ok(Some(content)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failed(&format!("read {}", path.display()), e)),
        }
    }

    async fn write(&self, files: Vec<InsideFile>) -> Result<(), SandboxError> {
        files.iter().try_for_each(write).map_err(|e| failed("write a file", e))
    }

    async fn remove(&self, paths: Vec<PathBuf>) -> Result<(), SandboxError> {
        for path in paths {
            let _absent = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        Ok(())
    }

    /// Not the real digest: a text that names the files that match a name at the end of each pattern.
    async fn hash(&self, patterns: &[String]) -> Result<String, SandboxError> {
        if patterns.iter().any(|pattern| pattern == "!!") {
            return Err(SandboxError::Invalid("bad pattern".to_owned()));
        }
        let mut found: Vec<String> = fs::read_dir(&self.layout.workspace)
            .map_err(|e| failed("read the workspace", e))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| {
                patterns.iter().any(|pattern| pattern.rsplit('*').next().is_some_and(|end| name.ends_with(end)))
            })
            .collect();
        found.sort();
        Ok(found.join("+"))
    }

    async fn signal_all(&self, _: Signal) -> Result<(), SandboxError> {
        Ok(())
    }

    async fn destroy(&self, _: bool) -> Result<Receipt, SandboxError> {
        drop(self.folder.lock().unwrap().take());
        Ok(Receipt {
            backend: "plain".to_owned(),
            profile: "none".to_owned(),
            network: "host".to_owned(),
            root: "host".to_owned(),
            machine: "test".to_owned(),
            isolation: vec![Isolation {
                name: "everything".to_owned(),
                enforcement: Enforcement::Off { reason: "a test".to_owned() },
            }],
            start_micros: 0,
            peak_memory: None,
            cpu_micros: None,
            refused: Vec::new(),
            limit_reached: None,
            kept: None,
        })
    }
}

#[async_trait]
impl Process for PlainProcess {
    async fn wait(&self) -> Result<Ended, SandboxError> {
        let receiver = self.ended.lock().unwrap().take().ok_or(SandboxError::Gone)?;
        receiver.await.map_err(|_| SandboxError::Gone)
    }

    async fn signal(&self, signal: Signal) -> Result<(), SandboxError> {
        let name = match signal {
            Signal::Interrupt => "-INT",
            Signal::Terminate => "-TERM",
            Signal::Kill => "-KILL",
        };
        let _gone = Command::new("kill").args([name, "--", &format!("-{}", self.group)]).stderr(Stdio::null()).status();
        Ok(())
    }
}
