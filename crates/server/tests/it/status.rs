//! The forge of a project hears how its runs go, once each, whatever happens in between.

use crate::plane::World;
use api::{ProjectName, SetForge};
use domain::Conclusion;
use domain::control::CancelCause;
use serde_json::Value;
use server::status::{TellSettings, Teller};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const WORKFLOW: &str = "name: Build\non: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n  b: {name: second, needs: a, runs-on: lab, steps: [{run: 'true'}]}\n";
pub(crate) const TOKEN: &str = "f0rge-t0ken";

/// What a forge was told, in order: the commit's path, and the body.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    said: Vec<(String, Value)>,
    /// What it answers with; 201 where it is nothing.
    answers: Option<u16>,
    refused: usize,
    /// Whether its token may only read.
    reads: bool,
    /// Commits that it does not have: of their statuses Gitea says that it is at fault itself.
    lacks: Vec<String>,
    /// Commits that it has and stumbles over.
    stumbles: Vec<String>,
}

pub(crate) type Shared = Arc<Mutex<Heard>>;

/// A forge that takes statuses, over a real socket.
pub(crate) async fn forge() -> (String, Shared) {
    use axum::extract::{Path, State};
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::{get, post};
    let heard = Shared::default();
    let is_let_in = |headers: &HeaderMap| headers["authorization"] == format!("token {TOKEN}").as_str();
    let look = move |headers: HeaderMap| async move {
        if is_let_in(&headers) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    };
    let take = move |State(heard): State<Shared>, Path(sha): Path<String>, headers: HeaderMap, body: String| async move {
        let mut heard = heard.lock().unwrap();
        if let Some(answer) = heard.answers {
            heard.refused += 1;
            return (StatusCode::from_u16(answer).unwrap(), r#"{"message": "not\nnow"}"#);
        }
        if heard.reads {
            return (StatusCode::FORBIDDEN, r#"{"message": "required=[write:repository]"}"#);
        }
        if body == "[" {
            return (StatusCode::UNPROCESSABLE_ENTITY, "{}");
        }
        if heard.lacks.contains(&sha) || heard.stumbles.contains(&sha) {
            return (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message": ""}"#);
        }
        assert!(is_let_in(&headers));
        heard.said.push((sha, serde_json::from_str(&body).unwrap()));
        (StatusCode::CREATED, "{}")
    };
    let has = move |State(heard): State<Shared>, Path(sha): Path<String>| async move {
        let heard = heard.lock().unwrap();
        match heard.answers {
            Some(answer @ 500..) => StatusCode::from_u16(answer).unwrap(),
            _ if heard.lacks.contains(&sha) => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    };
    let router = axum::Router::new()
        .route("/git/api/v1/repos/acme/shop/git/commits/{sha}", get(has))
        .route("/git/api/v1/repos/acme/shop", get(look))
        .route("/git/api/v1/repos/acme/shop/statuses/{sha}", post(take))
        .with_state(Arc::clone(&heard));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/git/acme/shop", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

/// A server whose own teller is not waited for, and one that does as the test says.
fn teller(world: &World) -> Teller {
    let (first_pause, late_pause, late) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let settings = TellSettings { first_pause, tries: 5, late_pause, late, ..TellSettings::default() };
    Teller::new(world.server.plane.clone(), settings)
}

/// The newest word of each context.
pub(crate) fn states(heard: &Shared) -> BTreeMap<String, String> {
    let heard = heard.lock().unwrap();
    let pair = |(_, body): &(String, Value)| {
        (body["context"].as_str().unwrap().to_owned(), body["state"].as_str().unwrap().to_owned())
    };
    heard.said.iter().map(pair).collect()
}

/// How much was said.
pub(crate) fn count(heard: &Shared) -> usize {
    heard.lock().unwrap().said.len()
}

pub(crate) async fn set(world: &World, url: &str, token: &str) -> Result<api::Project, api::ClientError> {
    let admin = std::fs::read_to_string(world.data.path().join("admin-token")).unwrap();
    let client = crate::rest::client(world, Some(admin.trim()));
    let name: ProjectName = "lab/p".parse().unwrap();
    client.set_forge(&name, &SetForge { url: url.to_owned(), kind: None, token: token.to_owned() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_hears_how_its_runs_go() {
    let world = World::with(&[
        (".github/workflows/ci.yml", WORKFLOW),
        (".github/workflows/bad.yml", "on: workflow_dispatch\njobs: 7\n"),
    ])
    .await;
    let (url, heard) = forge().await;
    let before = world.dispatch("bad").await;
    for (url, token) in
        [(url.as_str(), "another"), ("http://127.0.0.1:1/acme/shop", TOKEN), ("acme/shop", TOKEN), (url.as_str(), " ")]
    {
        let refused = crate::rest::refused(set(&world, url, token).await);
        assert_eq!(refused.0, 422, "{refused:?}");
        assert!(!refused.1.contains(TOKEN), "{refused:?}");
    }
    heard.lock().unwrap().reads = true;
    let refused = crate::rest::refused(set(&world, &url, TOKEN).await);
    assert!(refused.0 == 422 && refused.1.contains("write:repository"), "{refused:?}");
    heard.lock().unwrap().reads = false;
    let project = set(&world, &format!("{url}.git"), &format!("{TOKEN}\n")).await.unwrap();
    assert_eq!(project.forge.unwrap().url, url);
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("ci").await;
    let mut teller = teller(&world);
    teller.tick().await.unwrap();
    let of = |name: &str| format!("Build / {name} (workflow_dispatch)");
    let is = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, state)| (of(name), (*state).to_owned())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(states(&heard), is(&[("a", "pending")]), "what is held may become many, and what was over is history");
    let a = hand.take().await.id;
    hand.start(a).await;
    hand.end(a, Conclusion::Success, &[]).await;
    let b = hand.take().await.id;
    hand.start(b).await;
    teller.tick().await.unwrap();
    assert_eq!(states(&heard), is(&[("a", "success"), ("second", "pending")]));
    // The forge goes away, and the server too: nothing is lost, and nothing is said twice.
    heard.lock().unwrap().answers = Some(503);
    hand.end(b, Conclusion::Failure, &[]).await;
    world.finished(&run).await;
    let told = teller.tick().await.unwrap();
    assert!((told.told, told.given_up) == (0, 0), "{told:?}");
    // It holds the folder of the server that goes.
    drop(teller);
    let world = world.again().await;
    heard.lock().unwrap().answers = None;
    let mut teller = self::teller(&world);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while states(&heard) != is(&[("a", "success"), ("second", "failure")]) {
        assert!(std::time::Instant::now() < end, "{:?}", states(&heard));
        teller.tick().await.unwrap();
    }
    let (count, last) = {
        let heard = heard.lock().unwrap();
        (heard.said.len(), heard.said.last().unwrap().clone())
    };
    assert_eq!(last.0, run.commit);
    let page = format!("{}/lab/p/runs/{}/jobs/", world.server.plane.site.url, run.id);
    assert!(last.1["target_url"].as_str().unwrap().starts_with(&page), "{last:?}");
    assert!(last.1["description"].as_str().unwrap().starts_with("Failing after "), "{last:?}");
    while !world.server.plane.store.untold_runs(world.project.id, 9).await.unwrap().is_empty() {
        teller.tick().await.unwrap();
    }
    assert_eq!(teller.tick().await.unwrap().told, 0);
    assert_eq!(heard.lock().unwrap().said.len(), count);
    assert!(!heard.lock().unwrap().said.iter().any(|(_, body)| body["context"].as_str().unwrap().contains("bad.yml")));
    // Run again, it is told again; a workflow that cannot be used is told too.
    let bad = world.dispatch("bad").await;
    assert_ne!(bad.id, before.id);
    while !states(&heard).contains_key("bad.yml (workflow_dispatch)") {
        assert!(std::time::Instant::now() < end, "{:?}", states(&heard));
        teller.tick().await.unwrap();
    }
    assert_eq!(states(&heard)["bad.yml (workflow_dispatch)"], "error");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_forge_does_not_have_holds_up_nothing() {
    let world = World::with(&[(".github/workflows/ci.yml", WORKFLOW)]).await;
    let (url, heard) = forge().await;
    set(&world, &url, TOKEN).await.unwrap();
    heard.lock().unwrap().answers = Some(404);
    let lost = world.dispatch("ci").await;
    let mut teller = teller(&world);
    // As long as it goes on, there is something to tell.
    for _ in 0..9 {
        let told = teller.tick().await.unwrap();
        assert_eq!((told.faults, told.given_up), (1, 0));
    }
    let plane = &world.server.plane;
    server::run::cancel(plane, lost.id, CancelCause::Person("lab".to_owned()), store::Ending::Again, None)
        .await
        .unwrap();
    world.finished(&lost).await;
    let mut tries = 0;
    while !plane.store.untold_runs(world.project.id, 9).await.unwrap().is_empty() {
        assert_eq!(teller.tick().await.unwrap().told, 0);
        tries += 1;
    }
    assert!((4..=6).contains(&tries), "{tries}");
    heard.lock().unwrap().answers = None;
    let next = world.dispatch("ci").await;
    assert_ne!(lost.id, next.id);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while states(&heard).is_empty() {
        assert!(std::time::Instant::now() < end);
        teller.tick().await.unwrap();
    }
    // The token is nowhere in the open.
    let World { server, data, .. } = world;
    server.stop().await;
    for file in crate::support::files(data.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_that_stumbles_over_some_commits_hears_of_the_others() {
    let world = World::with(&[(".github/workflows/ci.yml", WORKFLOW)]).await;
    let (url, heard) = forge().await;
    set(&world, &url, TOKEN).await.unwrap();
    let mut teller = teller(&world);
    let mut runs = Vec::new();
    for more in ["b", "c", "d", "e", "f"] {
        runs.push(world.dispatch("ci").await);
        world.repository.commit(more, &[("more", more)]);
    }
    {
        let mut heard = heard.lock().unwrap();
        heard.lacks = runs[..2].iter().map(|run| run.commit.clone()).collect();
        heard.stumbles = runs[2..4].iter().map(|run| run.commit.clone()).collect();
    }
    // Two that it lacks are put off at once; after two that it stumbles over it may be away, and the next is tried first.
    for _ in 0..3 {
        teller.tick().await.unwrap();
    }
    let said: Vec<String> = heard.lock().unwrap().said.iter().map(|(sha, _)| sha.clone()).collect();
    assert_eq!(said, [runs[4].commit.clone()]);
    // They are pushed, and all is told.
    {
        let mut heard = heard.lock().unwrap();
        (heard.lacks, heard.stumbles) = (Vec::new(), Vec::new());
    }
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while count(&heard) < runs.len() {
        assert!(std::time::Instant::now() < end);
        teller.tick().await.unwrap();
    }
    // One that fails in all is away: nothing is put off.
    heard.lock().unwrap().answers = Some(503);
    let last = world.dispatch("ci").await;
    for _ in 0..9 {
        assert_eq!(teller.tick().await.unwrap().given_up, 0);
    }
    heard.lock().unwrap().answers = None;
    while count(&heard) <= runs.len() {
        assert!(std::time::Instant::now() < end);
        teller.tick().await.unwrap();
    }
    assert_eq!(heard.lock().unwrap().said.last().unwrap().0, last.commit);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_tells_what_the_one_before_could_not() {
    let world = World::with(&[(".github/workflows/ci.yml", WORKFLOW)]).await;
    let (url, heard) = forge().await;
    set(&world, &url, TOKEN).await.unwrap();
    let mut teller = teller(&world);
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("ci").await;
    let a = hand.take().await.id;
    teller.tick().await.unwrap();
    heard.lock().unwrap().answers = Some(401);
    hand.end(a, Conclusion::Failure, &[]).await;
    world.finished(&run).await;
    for _ in 0..3 {
        assert_eq!(teller.tick().await.unwrap().told, 0);
    }
    // Whoever owns the project sees why, once.
    let audit = world
        .server
        .plane
        .store
        .audit(&store::AuditFilter { limit: 50, ..store::AuditFilter::default() })
        .await
        .unwrap();
    let refused: Vec<_> = audit.iter().filter(|record| record.entry.action == "project.forge.refused").collect();
    assert_eq!(refused.len(), 1, "{audit:?}");
    assert!(refused[0].entry.object == "lab/p" && refused[0].entry.detail["why"].as_str().unwrap().contains("401"));
    heard.lock().unwrap().answers = None;
    set(&world, &url, TOKEN).await.unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while states(&heard).get("Build / a (workflow_dispatch)").map(String::as_str) != Some("failure") {
        assert!(std::time::Instant::now() < end, "{:?}", states(&heard));
        teller.tick().await.unwrap();
    }
    world.server.stop().await;
}
