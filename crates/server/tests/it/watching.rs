//! Pushes to a watched repository become runs; the first sight of a project makes none.

use domain::control::ProjectId;
use domain::{Clock, SystemClock, Timestamp};
use server::serve::{FOLDERS, Running, ServerSettings, start};
use server::watch::{WatchSettings, Watcher, first_look, hints, hook_secret};
use std::path::Path;
use std::time::{Duration, Instant};
use store::{AuditEntry, NewProject, Project, RunFilter, StoredRun};
use testkit::TempRepository;

const WORKFLOW: &str = "on: push\njobs:\n  j:\n    runs-on: nobody\n    steps:\n      - run: 'true'\n";

async fn server(at: &Path) -> Running {
    let settings = ServerSettings {
        data: at.join("server"),
        database: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        url: None,
        trust: server::access::Trust::Network,
        tls: None,
        connections: 1024,
        pace: server::serve::Pace::default(),
        folders: FOLDERS.map(str::to_owned).to_vec(),
        version: "test",
    };
    start(settings).await.unwrap()
}

async fn project(running: &Running, temp: &TempRepository) -> Project {
    let new = NewProject { owner: "own".into(), name: "repo".into(), git: temp.path().to_str().unwrap().into() };
    // As if it had been there for a minute: the watcher leaves very young ones alone.
    let then = Timestamp(SystemClock.now().0 - 60_000);
    let entry = AuditEntry {
        actor: "test".into(),
        action: "project.add".into(),
        object: "own/repo".into(),
        origin: "test".into(),
        detail: serde_json::Value::Null,
    };
    let project = running.plane.store.add_project(&new, then, &entry).await.unwrap();
    first_look(&running.plane, &project).await.unwrap();
    project
}

async fn runs(running: &Running, project: ProjectId) -> Vec<StoredRun> {
    let filter = RunFilter { project: Some(project), limit: 50, ..RunFilter::default() };
    running.plane.store.runs(&filter).await.unwrap()
}

/// Looks until so many runs are there: the server's own watcher may be the one who makes them.
async fn look_until(watcher: &mut Watcher, running: &Running, project: ProjectId, count: usize) -> Vec<StoredRun> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        watcher.tick(SystemClock.now()).await.unwrap();
        let found = runs(running, project).await;
        if found.len() >= count || Instant::now() > end {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_after_the_first_look_makes_runs() {
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", WORKFLOW)]);
    temp.git(["branch", "other"]);
    let running = server(temp.around()).await;
    let project = project(&running, &temp).await;
    let (_hints, hinted) = hints();
    let mut watcher = Watcher::new(running.plane.clone(), WatchSettings::default(), hinted);
    watcher.tick(SystemClock.now()).await.unwrap();
    assert_eq!(runs(&running, project.id).await.len(), 0, "what was there starts nothing");
    let commit = temp.commit("second", &[("a", "2")]);
    let found = look_until(&mut watcher, &running, project.id, 1).await;
    let facts: Vec<_> =
        found.iter().map(|run| (run.event.as_str(), run.reference.as_str(), run.commit.as_str())).collect();
    assert_eq!(facts, [("push", "refs/heads/main", commit.as_str())]);
    temp.git(["branch", "-D", "other"]);
    temp.git(["tag", "v1"]);
    let found = look_until(&mut watcher, &running, project.id, 2).await;
    let names: Vec<_> = found.iter().map(|run| run.reference.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"refs/tags/v1"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_goes_away_does_not_keep_others() {
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", WORKFLOW)]);
    let gone = TempRepository::with(&[("a", "1")]);
    let running = server(temp.around()).await;
    let good = project(&running, &temp).await;
    let new = NewProject { owner: "own".into(), name: "gone".into(), git: gone.path().to_str().unwrap().into() };
    let entry = AuditEntry {
        actor: "test".into(),
        action: "project.add".into(),
        object: "own/gone".into(),
        origin: "test".into(),
        detail: serde_json::Value::Null,
    };
    running.plane.store.add_project(&new, Timestamp(1), &entry).await.unwrap();
    drop(gone);
    let (_hints, hinted) = hints();
    let mut watcher = Watcher::new(running.plane.clone(), WatchSettings::default(), hinted);
    let ticked = watcher.tick(SystemClock.now()).await.unwrap();
    assert_eq!(ticked.failed, 1);
    temp.commit("second", &[("a", "2")]);
    assert_eq!(look_until(&mut watcher, &running, good.id, 1).await.len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_post_is_taken_and_another_is_not() {
    use aws_lc_rs::hmac;
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", WORKFLOW)]);
    let running = server(temp.around()).await;
    let project = project(&running, &temp).await;
    let secret = hook_secret(&running.plane.keys, project.id);
    let body = r#"{"ref":"refs/heads/main"}"#;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), body.as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let send = async |name: &str, signature: &str| post(&running, name, signature, body).await;
    assert!(send("repo", &format!("sha256={digits}")).await.starts_with("HTTP/1.1 202"));
    assert!(send("repo", &digits.replace('a', "b").replace('1', "2")).await.starts_with("HTTP/1.1 401"));
    assert!(send("none", &digits).await.starts_with("HTTP/1.1 401"));
    running.stop().await;
}

/// A request by hand: there is no client for it.
async fn post(running: &Running, name: &str, signature: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let text = format!(
        "POST /api/v1/repos/own/{name}/hooks/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Gitea-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
