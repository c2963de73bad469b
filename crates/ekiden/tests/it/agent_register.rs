//! `ekiden agent register` and `unregister` against a forge over real sockets.

use crate::support::{Ran, ekiden, run};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::{FakeForge, Mischief};

use protocol::Dialect;

struct Setting {
    forge: FakeForge,
    data: tempfile::TempDir,
}

impl Setting {
    async fn new(dialect: Dialect) -> Self {
        Self { forge: FakeForge::start(dialect).await.unwrap(), data: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.data.path().join("agent")
    }

    fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = ekiden(&["agent", verb, "--data"]);
        command.arg(self.folder()).args(more);
        command
    }

    fn register(&self, more: &[&str]) -> Ran {
        let url = self.forge.url();
        let known = ["--instance", &url, "--token", FakeForge::TOKEN, "--name", "r1", "--labels", "linux,box:host"];
        // A flag that is given again takes the place of ours.
        let known = known.chunks(2).filter(|pair| !more.contains(&pair[0])).flatten().copied();
        let arguments: Vec<&str> = known.chain(more.iter().copied()).collect();
        run(self.command("register", &arguments))
    }

    /// What was said, without what differs between runs.
    fn talk(&self, ran: &Ran) -> String {
        let text = ran.stdout.clone() + &ran.stderr;
        text.replace(&self.forge.url(), "[FORGE]")
            .replace(&*self.folder().to_string_lossy(), "[DATA]")
            .replace(&*self.data.path().to_string_lossy(), "[TMP]")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_registers_with_both_forges() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let setting = Setting::new(dialect).await;
        let ran = setting.register(&[]).exits(0);
        insta::assert_snapshot!("registered", setting.talk(&ran));
        let runner = &setting.forge.runners()[0];
        assert_eq!((runner.name.as_str(), &runner.labels[..]), ("r1", &["linux".to_owned(), "box".to_owned()][..]));
        let again = setting.register(&[]).exits(2);
        insta::assert_snapshot!("registered_already", setting.talk(&again));
        assert_eq!(setting.forge.runners().len(), 1);
        let ran = run(setting.command("unregister", &[])).exits(0);
        insta::assert_snapshot!("unregistered", setting.talk(&ran));
        run(setting.command("unregister", &[])).exits(5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_come_by_file_by_stdin_and_by_the_variables_of_giteas_images() {
    let setting = Setting::new(Dialect::Gitea).await;
    let file = setting.data.path().join("token");
    std::fs::write(&file, format!("{}\n", FakeForge::TOKEN)).unwrap();
    let url = setting.forge.url();
    let common = ["--instance", &url, "--labels", "linux", "--name", "r1"];
    let by_file = [&common[..], &["--token-file", file.to_str().unwrap()]].concat();
    run(setting.command("register", &by_file)).exits(0);
    std::fs::remove_dir_all(setting.folder()).unwrap();

    let mut child = setting
        .command("register", &[&common[..], &["--token-file", "-"]].concat())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(FakeForge::TOKEN.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    std::fs::remove_dir_all(setting.folder()).unwrap();

    let mut command = setting.command("register", &[]);
    command
        .env("GITEA_INSTANCE_URL", &url)
        .env("GITEA_RUNNER_REGISTRATION_TOKEN_FILE", &file)
        .env("GITEA_RUNNER_NAME", "from the image")
        .env("GITEA_RUNNER_LABELS", "a,b:host")
        .env("GITEA_RUNNER_EPHEMERAL", "1");
    let ran = run(command).exits(0);
    assert!(ran.stderr.contains("taken from the environment: GITEA_INSTANCE_URL, "), "{}", ran.stderr);
    assert!(setting.forge.runners().iter().any(|runner| runner.name == "from the image"));
    let kept = std::fs::read_to_string(setting.folder().join("registration.json")).unwrap();
    assert!(kept.contains("\"ephemeral\"") && kept.contains("\"b:host\""), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_slip_is_told_with_its_fix() {
    let setting = Setting::new(Dialect::Gitea).await;
    let url = setting.forge.url();
    let (deep, long) = (format!("{url}/owner/repo"), "x".repeat(256));
    let file = setting.data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below_a_file = file.join("agent");
    let mut said = String::new();
    for (what, more, code) in [
        ("wrong token", &["--token", "wrong"][..], 4),
        ("no scheme", &["--instance", "forge.example.org"], 2),
        ("page of the instance", &["--instance", "https://forge.example.org/-/admin/actions/runners"], 2),
        ("page of a repository", &["--instance", &deep], 5),
        ("nobody there", &["--instance", "http://127.0.0.1:1", "--attempts", "1"], 6),
        ("no TLS there", &["--instance", &url.replace("http:", "https:"), "--attempts", "1"], 6),
        ("name too long", &["--name", &long], 2),
        ("a container", &["--labels", "ubuntu:docker://node:20"], 2),
        ("two backends", &["--labels", "a,a:host"], 2),
        ("no label", &["--labels", ","], 2),
        ("a slip in a label", &["--labels", "a:hots", "--token", "wrong"], 4),
        ("no certificate", &["--ca-file", "/nowhere/ca.pem"], 5),
        ("no folder", &["--data", below_a_file.to_str().unwrap()], 8),
    ] {
        let data: Vec<&str> =
            if more[0] == "--data" { Vec::new() } else { vec!["--data", setting.data.path().to_str().unwrap()] };
        let known = ["--instance", &url, "--token", FakeForge::TOKEN, "--name", "r1", "--labels", "linux"];
        let known = known.chunks(2).filter(|pair| !more.contains(&pair[0])).flatten().copied();
        let arguments: Vec<&str> =
            ["agent", "register"].into_iter().chain(data).chain(known).chain(more.iter().copied()).collect();
        let ran = run(ekiden(&arguments));
        assert_eq!(ran.code, Some(code), "{what}: {ran:#?}");
        said.push_str(&format!(
            "== {what}\n{}\n",
            setting.talk(&ran).replace(&long, "xxx…").replace(&url.replace("http:", "https:"), "[FORGE-TLS]")
        ));
    }
    insta::assert_snapshot!("slips", said);
    assert!(setting.forge.runners().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_safe_is_tried_again() {
    let setting = Setting::new(Dialect::Gitea).await;
    setting.forge.misbehave("Ping", Mischief::Status(503), 2);
    setting.register(&["--attempts", "3"]).exits(0);
    run(setting.command("unregister", &[])).exits(0);

    setting.forge.misbehave("Register", Mischief::LoseReply, 1);
    let ran = setting.register(&[]).exits(6);
    assert!(ran.stderr.contains("its answer was lost") && ran.stderr.contains("register again"), "{}", ran.stderr);
    assert_eq!(setting.forge.calls().iter().filter(|call| *call == "Register").count(), 2);
    assert!(!setting.folder().join("registration.json").exists());

    setting.forge.misbehave("Ping", Mischief::Page, 1);
    let ran = setting.register(&[]).exits(5);
    assert!(ran.stderr.contains("is no instance with Actions"), "{}", ran.stderr);
}

/// Answers one request with a status; its first line and its authorisation.
fn answer_once(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    (url, thread)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_redirects_is_named_by_where_it_leads() {
    let setting = Setting::new(Dialect::Gitea).await;
    let (url, asked) =
        answer_once("308 Permanent Redirect\r\nlocation: https://git.example/sub/api/actions/ping.v1.PingService/Ping");
    let more = ["--instance", &url, "--token", FakeForge::TOKEN, "--labels", "linux", "--attempts", "1"];
    let ran = run(setting.command("register", &more)).exits(5);
    assert!(ran.stderr.contains("--instance https://git.example/sub\n"), "{}", ran.stderr);
    // The token went nowhere else.
    assert!(!asked.join().unwrap().contains(FakeForge::TOKEN));
    assert!(!setting.folder().join("registration.json").exists());
}

#[test]
fn the_forge_is_told_to_forget_where_a_token_is_given_for_that() {
    for (status, code, is_kept) in
        [("204 No Content", 0, false), ("404 Not Found", 0, false), ("403 Forbidden", 4, true)]
    {
        let (url, forge) = answer_once(status);
        let data = tempfile::tempdir().unwrap();
        let kept = format!(
            r#"{{"version": 1, "instance": "{url}", "id": 7, "name": "r1", "uuid": "u", "token": "t", "labels": ["a"], "life": "lasting"}}"#
        );
        let file = data.path().join("registration.json");
        std::fs::write(&file, kept).unwrap();
        let token = data.path().join("token");
        std::fs::write(&token, "secret\n").unwrap();
        let mut command = ekiden(&["agent", "unregister", "--scope", "own/repo"]);
        command.args([Path::new("--data"), data.path(), Path::new("--admin-token-file"), &token]);
        run(command).exits(code).never_says("secret");
        let head = forge.join().unwrap();
        assert!(head.starts_with("DELETE /api/v1/repos/own/repo/actions/runners/7 "), "{head}");
        assert!(head.to_ascii_lowercase().contains("authorization: token secret"), "{head}");
        assert_eq!(file.exists(), is_kept, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn start_registers_by_the_variables_of_giteas_images() {
    let setting = Setting::new(Dialect::Gitea).await;
    setting
        .forge
        .add(testkit::bare_task(1, "jobs:\n  a:\n    runs-on: lab\n    if: false\n    steps: [{run: x}]\n"), &["lab"]);
    let mut command = setting.command("start", &[]);
    command
        .env("GITEA_INSTANCE_URL", setting.forge.url())
        .env("GITEA_RUNNER_REGISTRATION_TOKEN", FakeForge::TOKEN)
        .env("GITEA_RUNNER_LABELS", "lab")
        .env("GITEA_RUNNER_ONCE", "true");
    let ran = run(command).exits(0);
    assert!(setting.forge.result(domain::TaskId(1)).is_some(), "{ran:#?}");
    assert_eq!(setting.forge.runners().len(), 1);
}
