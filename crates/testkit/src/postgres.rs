//! A real PostgreSQL in a temporary folder, reached by a socket in it. Called by tests of what is kept in a database.

use crate::scrubbed;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A server that is shared by the tests of a process and ends with the last of them.
#[derive(Debug)]
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    /// `None` while it is stopped.
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
}

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

impl Postgres {
    /// The server of this process, started where none runs; `None` where PostgreSQL is not installed.
    ///
    /// # Errors
    /// When it is installed and does not start.
    pub fn shared() -> io::Result<Option<Arc<Self>>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(Some(server));
        }
        let Some(programs) = programs() else { return Ok(None) };
        let server = Arc::new(Self::start(programs)?);
        *shared = Arc::downgrade(&server);
        Ok(Some(server))
    }

    fn start(programs: PathBuf) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("ekiden-postgres-").tempdir()?;
        let owner = unprivileged()?;
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group))?;
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
        let data = folder.path().join("data");
        let run = |program: &str| {
            let mut command = scrubbed(programs.join(program), folder.path());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command.current_dir("/").stdin(Stdio::null());
            command
        };
        let made = run("initdb")
            .args(["--auth=trust", "--username=ekiden", "--no-sync", "--encoding=UTF8", "--no-locale", "-D"])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr))));
        }
        let postgres = Self { folder, programs, owner, server: Mutex::new(None), databases: AtomicU32::new(0) };
        postgres.go_on()?;
        Ok(postgres)
    }

    /// Starts it again after [`Self::stop`], with what it held.
    ///
    /// # Errors
    /// When it does not start.
    pub fn go_on(&self) -> io::Result<()> {
        let said = self.folder.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(&said)?;
        let mut command = scrubbed(self.programs.join("postgres"), self.folder.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let server = command
            .current_dir("/")
            .stdin(Stdio::null())
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200", "-k"])
            .arg(self.folder.path())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        let begun = Instant::now();
        while !self.tool("pg_isready").args(["-q"]).status()?.success() {
            if begun.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(said).unwrap_or_default();
                return Err(io::Error::other(format!("PostgreSQL did not start: {said}")));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Stops it; connections break off.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn stop(&self) -> io::Result<()> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut server) = server else { return Ok(()) };
        // Killed, it would leave its processes to find that out; "fast" breaks connections off, and writes what it holds.
        scrubbed("/bin/kill", self.folder.path()).args(["-INT", &server.id().to_string()]).status()?;
        server.wait().map(drop)
    }

    /// The address of a new, empty database.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.tool("createdb").args(["-U", "ekiden", &name]).output()?;
        if !made.status.success() {
            return Err(io::Error::other(format!("createdb failed: {}", String::from_utf8_lossy(&made.stderr))));
        }
        Ok(format!("postgres://ekiden@localhost/{name}?host={}", self.folder.path().display()))
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = scrubbed(self.programs.join(name), self.folder.path());
        command.arg("-h").arg(self.folder.path()).stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(server) = self.server.get_mut().unwrap_or_else(PoisonError::into_inner) else { return };
        // "Immediate" asks nothing of the disk.
        let id = server.id().to_string();
        let _unused = scrubbed("/bin/kill", self.folder.path()).args(["-QUIT", &id]).status();
        let _unused = server.wait();
    }
}

/// Where PostgreSQL's programs are: on the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let has =
        |folder: &Path| ["initdb", "postgres", "pg_isready", "createdb"].iter().all(|name| folder.join(name).is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(debian).find(|folder| has(folder))
}

/// The user that the server runs as where root starts it, which it refuses.
fn unprivileged() -> io::Result<Option<(u32, u32)>> {
    let number = |arguments: &[&str]| -> io::Result<u32> {
        let said = scrubbed("/usr/bin/id", Path::new("/")).args(arguments).output()?;
        String::from_utf8_lossy(&said.stdout).trim().parse().map_err(io::Error::other)
    };
    if number(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((number(&["-u", "postgres"])?, number(&["-g", "postgres"])?)))
}
