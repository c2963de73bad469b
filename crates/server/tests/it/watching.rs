//! Pushes to a watched repository become runs; the first sight of a project makes none.

use domain::control::ProjectId;
use domain::{Clock, SystemClock, Timestamp};
use server::serve::{FOLDERS, Running, ServerSettings, start};
use server::watch::{WatchSettings, Watcher, first_look, hints};
use std::path::Path;
use std::time::{Duration, Instant};
use store::{AuditEntry, NewProject, Project, RunCause, RunFilter, StoredRun};
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
        sweep: server::sweep::SweepSettings::default(),
        actions: server::serve::ActionsFrom::default(),
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

/// As each forge signs its pushes, header by header.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_push_makes_its_run_at_once() {
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", WORKFLOW)]);
    let running = server(temp.around()).await;
    let project = project(&running, &temp).await;
    let admin = client(&running, temp.around());
    let name: api::ProjectName = "own/repo".parse().unwrap();
    let body = r#"{"ref":"refs/heads/main"}"#;
    let none = admin.hook(&name).await.unwrap();
    assert_eq!(none.url, format!("http://{}/api/v1/repos/own/repo/hooks/push", running.address));
    assert_eq!(none.secret_made_at, None);
    let empty = format!("sha256={}", signed("", body));
    assert!(post(&running, "repo", ("X-Hub-Signature-256", &empty), body).await.starts_with("HTTP/1.1 401"));
    let first = admin.make_hook(&name).await.unwrap();
    assert!(first.secret.starts_with("ekiden_hook_") && first.hook.secret_made_at.is_some(), "{first:?}");
    assert!(!format!("{first:?}").contains(&first.secret));
    let digits = signed(&first.secret, body);
    for (header, signature) in [
        ("X-Gitea-Signature", digits.clone()),
        ("X-Forgejo-Signature", digits.clone()),
        ("X-Hub-Signature-256", format!("sha256={digits}")),
    ] {
        let commit = temp.commit("next", &[("a", header)]);
        let answer = post(&running, "repo", (header, &signature), body).await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{header}: {answer}");
        let end = Instant::now() + Duration::from_secs(20);
        while !runs(&running, project.id).await.iter().any(|run| run.commit == commit) {
            assert!(Instant::now() < end, "{header}");
            tokio::task::yield_now().await;
        }
    }
    let refused = async |name: &str, signature: &str| {
        let answer = post(&running, name, ("X-Gitea-Signature", signature), body).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("ekiden project hook"), "{answer}");
    };
    refused("repo", &digits.replace('a', "b").replace('1', "2")).await;
    refused("none", &digits).await;
    // Another secret: what the first one signs is refused, also after a restart.
    let second = admin.make_hook(&name).await.unwrap();
    assert_ne!(second.secret, first.secret);
    refused("repo", &digits).await;
    running.stop().await;
    let running = server(temp.around()).await;
    let answer = post(&running, "repo", ("X-Gitea-Signature", &signed(&second.secret, body)), body).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    client(&running, temp.around()).remove_hook(&name).await.unwrap();
    let answer = post(&running, "repo", ("X-Gitea-Signature", &signed(&second.secret, body)), body).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    running.stop().await;
}

/// A server that was killed after it noted a push: the next one makes the runs that are missing, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_outlives_the_server_that_noted_it() {
    let other = (".github/workflows/other.yml", WORKFLOW);
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", WORKFLOW), other]);
    let running = server(temp.around()).await;
    let project = project(&running, &temp).await;
    running.stop().await;
    let commit = temp.commit("second", &[("a", "2")]);
    // What a server that dies in between leaves: the refs and the push are noted, one of the runs is made.
    let store =
        store::Store::open(&format!("sqlite:{}", temp.around().join("server/ekiden.db").display())).await.unwrap();
    let refs = vec![("refs/heads/main".to_owned(), commit.clone())];
    let queue = store::Queue::UpTo { most: 9, due: Timestamp(0) };
    assert_eq!(store.note_moves(project.id, &refs, queue).await.unwrap().len(), 1);
    let push = store.take_pushes(Timestamp(1), Timestamp(2), 9).await.unwrap().pop().unwrap();
    let half = store::NewRun {
        project: project.id,
        workflow: ".github/workflows/ci.yml".to_owned(),
        title: "made by the one that died".to_owned(),
        event: "push".to_owned(),
        reference: "refs/heads/main".to_owned(),
        commit: commit.clone(),
        actor: "a".to_owned(),
        facts: serde_json::json!({}),
        jobs: Err("cut off".to_owned()),
    };
    let reserved = store.reserve_run(project.id).await.unwrap();
    store.create_reserved_run(reserved, &half, &RunCause::Push(push.id), SystemClock.now()).await.unwrap();
    store.close().await;

    let running = server(temp.around()).await;
    let end = Instant::now() + Duration::from_secs(20);
    let made = loop {
        let made = runs(&running, project.id).await;
        let left =
            running.plane.store.take_pushes(Timestamp(i64::MAX.cast_unsigned() / 2), Timestamp(1), 9).await.unwrap();
        if made.len() > 1 && left.is_empty() {
            break made;
        }
        assert!(Instant::now() < end, "{made:?} {left:?}");
    };
    let mut workflows: Vec<_> = made.iter().map(|run| (run.workflow.as_str(), run.commit.as_str())).collect();
    workflows.sort_unstable();
    let commit = commit.as_str();
    assert_eq!(workflows, [(".github/workflows/ci.yml", commit), (".github/workflows/other.yml", commit)]);
    running.stop().await;
}

fn client(running: &Running, at: &Path) -> api::Client {
    let file = std::fs::read_to_string(at.join("server/admin-token"));
    api::Client::new(&api::ClientSettings {
        url: format!("http://{}", running.address),
        token: Some(domain::Secret::new(file.unwrap().trim())),
        authority: api::Authority::System,
        timeout: Duration::from_secs(20),
        version: "test".to_owned(),
    })
    .unwrap()
}

fn signed(secret: &str, body: &str) -> String {
    use aws_lc_rs::hmac;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request by hand, as a forge sends it.
async fn post(running: &Running, name: &str, (header, signature): (&str, &str), body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let text = format!(
        "POST /api/v1/repos/own/{name}/hooks/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{header}: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
