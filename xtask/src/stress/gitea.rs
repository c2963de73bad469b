//! A real Gitea on loopback, told what to do by its own API, with `curl`. Its sweeps are set to be quick.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const USER: &str = "lab:lablab123";

/// A Gitea; ended when dropped.
pub(super) struct Gitea {
    child: Child,
    pub(super) url: String,
}

impl Gitea {
    pub(super) fn start(program: &Path, assets: &Path, work: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}");
        std::fs::create_dir_all(work.join("custom/conf"))?;
        for folder in ["options", "templates", "public"] {
            if assets.join(folder).is_dir() {
                crate::run(Command::new("cp").arg("-r").arg(assets.join(folder)).arg(work))?;
            }
        }
        let config = work.join("custom/conf/app.ini");
        std::fs::write(&config, configuration(work, &url, port))?;
        let log = std::fs::File::create(work.join("gitea.log"))?;
        let mut gitea = Command::new(program);
        gitea.current_dir(work).env("GITEA_WORK_DIR", work);
        let child = gitea.arg("web").arg("--config").arg(&config).stdout(log.try_clone()?).stderr(log).spawn()?;
        let this = Self { child, url };
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < end, "Gitea does not answer; see {}", work.join("gitea.log").display());
            std::thread::sleep(Duration::from_millis(50));
        }
        let (name, password) = USER.split_once(':').unwrap_or_default();
        crate::run(
            Command::new(program)
                .current_dir(work)
                .env("GITEA_WORK_DIR", work)
                .args(["admin", "user", "create", "--admin", "--username", name, "--password", password])
                .args(["--email", "lab@lab.invalid", "--must-change-password=false", "--config"])
                .arg(&config)
                .stdout(Stdio::null()),
        )?;
        Ok(this)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--user", USER, "--request", method]);
        curl.args(["--header", "Content-Type: application/json"]);
        if !body.is_null() {
            curl.args(["--data-binary", "@-"]);
        }
        let mut child = curl
            .arg(format!("{}/api/v1{path}", self.url))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("curl cannot be started")?;
        if let Some(mut stdin) = child.stdin.take()
            && !body.is_null()
        {
            stdin.write_all(body.to_string().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{method} {path}: {text}");
        if text.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    pub(super) fn repository(&mut self, name: &str) -> Result<()> {
        self.call("POST", "/user/repos", &json!({"name": name, "auto_init": true, "default_branch": "main"}))?;
        Ok(())
    }

    pub(super) fn put(&mut self, repository: &str, path: &str, text: &str) -> Result<()> {
        let body = json!({"content": base64(text.as_bytes()), "message": "put", "branch": "main"});
        self.call("POST", &format!("/repos/lab/{repository}/contents/{path}"), &body)?;
        Ok(())
    }

    pub(super) fn token(&mut self) -> Result<String> {
        let answer = self.call("POST", "/admin/actions/runners/registration-token", &Value::Null)?;
        Ok(answer["token"].as_str().context("no token")?.to_owned())
    }

    /// The workflow may not be known yet: a push is worked on aside.
    pub(super) fn dispatch(&mut self, repository: &str, workflow: &str) -> Result<()> {
        let path = format!("/repos/lab/{repository}/actions/workflows/{workflow}/dispatches");
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match self.call("POST", &path, &json!({"ref": "main", "inputs": {}})) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// Every job of a repository and its status.
    pub(super) fn jobs(&mut self, repository: &str) -> Result<BTreeMap<i64, String>> {
        let mut found = BTreeMap::new();
        for page in 1.. {
            let path = format!("/repos/lab/{repository}/actions/jobs?limit=50&page={page}");
            let answer = self.call("GET", &path, &Value::Null)?;
            let jobs = answer["jobs"].as_array().cloned().unwrap_or_default();
            if jobs.is_empty() {
                break;
            }
            for job in jobs {
                let status = job["status"].as_str().unwrap_or_default().to_owned();
                found.insert(job["id"].as_i64().unwrap_or_default(), status);
            }
        }
        Ok(found)
    }
}

impl Drop for Gitea {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(work: &Path, url: &str, port: u16) -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let work = work.display();
    format!(
        "RUN_MODE = prod\nRUN_USER = {user}\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {work}\n\
         [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = {url}/\nDISABLE_SSH = true\nOFFLINE_MODE = true\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {work}/gitea.db\nSQLITE_JOURNAL_MODE = WAL\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = stress\n[service]\nDISABLE_REGISTRATION = true\n\
         [actions]\nENABLED = true\nDEFAULT_ACTIONS_URL = self\nZOMBIE_TASK_TIMEOUT = 20s\n\
         [cron.stop_zombie_tasks]\nSCHEDULE = @every 5s\n[log]\nMODE = console\nLEVEL = Warn\n[repository]\nROOT = {work}/repos\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain([0, 0].iter()).take(3).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        for place in 0..4 {
            let is_padding = place > three.len();
            let letter = LETTERS[number >> (18 - 6 * place) & 63];
            text.push(if is_padding { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_has_its_padding() {
        for (plain, coded) in [("", ""), ("M", "TQ=="), ("Ma", "TWE="), ("Man", "TWFu"), ("Many", "TWFueQ==")] {
            assert_eq!(super::base64(plain.as_bytes()), coded);
        }
    }
}
