//! Against a real Gitea, where `EKIDEN_GITEA` names its program and `EKIDEN_GITEA_ASSETS` the folder with its `options` and `templates`.

use crate::{anything, registration};
use domain::{RunnerLife, Secret};
use protocol::{CallError, Client, ClientSettings, Codec, Compression, Declaration, Fetch, Registration};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Gitea {
    url: String,
    folder: tempfile::TempDir,
    program: PathBuf,
    server: Child,
}

impl Drop for Gitea {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("GITEA_WORK_DIR", folder).env("HOME", folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn link(assets: &Path, folder: &Path) {
    for name in ["options", "templates", "public"] {
        if assets.join(name).is_dir() {
            std::os::unix::fs::symlink(assets.join(name), folder.join(name)).unwrap();
        }
    }
}

impl Gitea {
    /// `None` when no program is named.
    async fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("EKIDEN_GITEA").map(PathBuf::from) else {
            println!("SKIP: EKIDEN_GITEA does not name a Gitea to test against");
            return None;
        };
        assert!(program.is_file(), "EKIDEN_GITEA names {}, which is no file", program.display());
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path();
        if let Some(assets) = std::env::var_os("EKIDEN_GITEA_ASSETS") {
            link(Path::new(&assets), work);
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let config = format!(
            "RUN_MODE = prod\nRUN_USER = {}\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {w}\n\
             [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = {url}/\nDISABLE_SSH = true\nOFFLINE_MODE = true\n\
             [database]\nDB_TYPE = sqlite3\nPATH = {w}/gitea.db\n[security]\nINSTALL_LOCK = true\nSECRET_KEY = testtesttest\n\
             [actions]\nENABLED = true\n[log]\nMODE = console\nLEVEL = Error\n[repository]\nROOT = {w}/repos\n",
            user.trim(),
            w = work.display()
        );
        std::fs::write(work.join("app.ini"), config).unwrap();
        let server = command(&program, work).args(["web", "--config", "app.ini"]).spawn().unwrap();
        let gitea = Self { url, folder, program, server };
        // There is nothing to wait on but the port of another program.
        let begun = Instant::now();
        let client = gitea.client(Codec::Proto, Compression::None);
        while let Err(error) = client.ping("x").await {
            assert!(begun.elapsed() < Duration::from_secs(60), "the Gitea did not start: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(gitea)
    }

    fn client(&self, codec: Codec, compression: Compression) -> Client {
        Client::new(&ClientSettings { codec, compression, ..ClientSettings::new(&self.url, "0.0.0") }).unwrap()
    }

    fn token(&self) -> Secret {
        let mut command = command(&self.program, self.folder.path());
        let output = command
            .args(["actions", "generate-runner-token", "--config", "app.ini"])
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "no registration token: {}", output.status);
        Secret::new(String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().trim())
    }
}

#[tokio::test]
async fn a_real_gitea_answers_each_call() {
    let Some(gitea) = Gitea::start().await else { return };
    let token = gitea.token();
    for (codec, compression) in [(Codec::Proto, Compression::None), (Codec::Json, Compression::Gzip)] {
        let client = gitea.client(codec, compression);
        assert_eq!(client.ping("r1").await.unwrap().greeting, "Hello, r1!");

        let wanted = Registration { token: token.clone(), ..registration("", RunnerLife::Ephemeral) };
        let runner = client.register(wanted).await.unwrap();
        assert_eq!((runner.name.as_str(), runner.life), ("r1", RunnerLife::Ephemeral));
        assert_eq!(runner.labels, ["linux", "big"]);
        let key = runner.key();
        assert_eq!((key.uuid.0.len(), key.token.expose().len()), (36, 40));

        let labels = vec!["linux".to_owned(), "new".to_owned()];
        let declaration = Declaration { version: "0.0.1".to_owned(), labels: labels.clone(), capabilities: Vec::new() };
        let declared = client.declare(&key, declaration).await.unwrap();
        let noted = declared.runner.unwrap();
        assert_eq!((noted.labels, noted.version.as_str()), (labels, "0.0.1"));
        println!("capabilities: {:?}", declared.capabilities);

        let nothing = client.fetch(&key, anything()).await.unwrap();
        assert!(nothing.tasks.is_empty() && nothing.version.0 > 0);
        let same = client.fetch(&key, Fetch { version: nothing.version, ..anything() }).await.unwrap();
        assert_eq!(same.version, nothing.version);

        let stranger = domain::RunnerKey { token: Secret::new("0".repeat(40)), ..key };
        let error = client.fetch(&stranger, anything()).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{error:?}");
        let error = client.register(registration("no-such-token", RunnerLife::Lasting)).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{error:?}");
    }
}
