//! Starting and ending the program, and how it is configured.

use crate::Rest;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that names the program, and the one for the folder with its `options` and `templates`.
const PROGRAM: &str = "EKIDEN_GITEA";
const ASSETS: &str = "EKIDEN_GITEA_ASSETS";

/// A Gitea that is installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiteaProgram {
    /// The program.
    pub program: PathBuf,
    /// The folder with `options`, `templates` and `public`; a program that holds them itself needs none.
    pub assets: Option<PathBuf>,
}

/// How patient it is with runners that say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweeps {
    /// Ten minutes, as it is delivered.
    Usual,
    /// Twenty seconds, looked for every five.
    Quick,
}

/// A Gitea; ended when dropped. It has one user, an administrator.
#[derive(Debug)]
pub struct Gitea {
    pub(super) address: String,
    /// The header that lets its user in. A token: a password costs the forge a tenth of a second each time.
    pub(super) authorization: String,
    folder: PathBuf,
    program: PathBuf,
    server: Child,
}

impl GiteaProgram {
    /// What the variables `EKIDEN_GITEA` and `EKIDEN_GITEA_ASSETS` name; `None` when the first is not set.
    ///
    /// # Errors
    /// When what they name is not there.
    pub fn from_env() -> io::Result<Option<Self>> {
        let Some(program) = std::env::var_os(PROGRAM).map(PathBuf::from) else { return Ok(None) };
        let assets = std::env::var_os(ASSETS).map(PathBuf::from);
        let missing =
            |name: &str, path: &Path| io::Error::other(format!("{name} names {}, which is not there", path.display()));
        if !program.is_file() {
            return Err(missing(PROGRAM, &program));
        }
        match assets {
            Some(assets) if !assets.join("templates").is_dir() => Err(missing(ASSETS, &assets.join("templates"))),
            assets => Ok(Some(Self { program, assets })),
        }
    }
}

impl Gitea {
    /// Name and password of its user.
    pub const USER: (&'static str, &'static str) = ("lab", "lablab123");

    /// Starts one that keeps all of its own below `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, or not within a minute; its words lie in `gitea.log` of the folder.
    pub fn start(installed: &GiteaProgram, folder: &Path, sweeps: Sweeps) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        for name in ["options", "templates", "public"] {
            if let Some(from) = installed.assets.as_ref().map(|assets| assets.join(name)).filter(|from| from.is_dir()) {
                std::os::unix::fs::symlink(std::path::absolute(from)?, folder.join(name))?;
            }
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        std::fs::write(folder.join("app.ini"), configuration(&folder, port, sweeps)?)?;
        let log = std::fs::File::create(folder.join("gitea.log"))?;
        let program = std::path::absolute(&installed.program)?;
        let server = command(&program, &folder).arg("web").stdout(log.try_clone()?).stderr(log).spawn()?;
        let authorization = String::new();
        let mut gitea = Self { address: format!("127.0.0.1:{port}"), authorization, folder, program, server };
        let end = Instant::now() + Duration::from_secs(60);
        let rest = Rest { address: gitea.address.clone(), authorization: String::new() };
        // It listens once its database is made. Somebody else may have the port by now: then it ends.
        while !rest.get("/api/v1/version").is_ok_and(|answer| answer.status() == 200) {
            let ended = gitea.server.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let log = gitea.folder.join("gitea.log");
                return Err(io::Error::other(format!("no answer (ended: {ended:?}); see {}", log.display())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let (name, password) = Self::USER;
        gitea.admin(&[
            "admin",
            "user",
            "create",
            "--admin",
            "--username",
            name,
            "--password",
            password,
            "--email",
            "lab@lab.invalid",
            "--must-change-password=false",
        ])?;
        gitea.authorization = gitea.sign_in()?;
        Ok(gitea)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `HOST:PORT`, for a proxy in front of it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it calls itself: `1.27.3`, or `11.0.1+gitea-1.22.0` for a Forgejo.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn version(&self) -> io::Result<String> {
        let answer = self.call("GET", "/version", None)?;
        Ok(answer["version"].as_str().unwrap_or_default().to_owned())
    }

    /// A token for one runner after the other.
    ///
    /// # Errors
    /// When it gives none.
    pub fn token(&self) -> io::Result<String> {
        let said = self.admin(&["actions", "generate-runner-token"])?;
        Ok(said.lines().last().unwrap_or_default().trim().to_owned())
    }

    fn admin(&self, arguments: &[&str]) -> io::Result<String> {
        let output = command(&self.program, &self.folder).args(arguments).stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("{} failed: {said}", arguments.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Gitea {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("HOME", folder).env("GITEA_WORK_DIR", folder).env("FORGEJO_WORK_DIR", folder);
    command.arg("--config").arg(folder.join("app.ini")).stdin(Stdio::null());
    command
}

fn configuration(work: &Path, port: u16, sweeps: Sweeps) -> io::Result<String> {
    let user = String::from_utf8_lossy(&Command::new("id").arg("-un").output()?.stdout).trim().to_owned();
    let work = work.display();
    let (zombies, sweep) = match sweeps {
        Sweeps::Usual => ("", ""),
        Sweeps::Quick => ("ZOMBIE_TASK_TIMEOUT = 20s\n", "[cron.stop_zombie_tasks]\nSCHEDULE = @every 5s\n"),
    };
    Ok(format!(
        "RUN_MODE = prod\nRUN_USER = {user}\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {work}\n\
         [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = http://127.0.0.1:{port}/\nDISABLE_SSH = true\n\
         OFFLINE_MODE = true\n[database]\nDB_TYPE = sqlite3\nPATH = {work}/gitea.db\nSQLITE_JOURNAL_MODE = WAL\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = testtesttest\n[service]\nDISABLE_REGISTRATION = true\n\
         [actions]\nENABLED = true\nDEFAULT_ACTIONS_URL = self\n{zombies}{sweep}\
         [log]\nMODE = console\nLEVEL = Warn\n[repository]\nROOT = {work}/repos\n"
    ))
}
