//! The pages: who gets in, what they show, what they do, and that nothing that others wrote becomes markup.

use crate::browse::{Browser, tags};
use crate::plane::{World, audit, settings};
use api::Right;
use domain::control::{JobPhase, RunPhase, Scope, TokenUse};
use domain::{Conclusion, LogEnd, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};
use protocol::Report;
use server::access::{Actor, Person, Rights, UserOpens, make_link};
use std::collections::BTreeMap;
use store::{NewProject, NewToken, StoredRun, TokenKind};

const BUILD: &str = ".github/workflows/build.yml";
const SIMPLE: &str = "on: [push, workflow_dispatch]\njobs:\n  a:\n    runs-on: lab\n    steps: [{name: first, run: 'true'}, {name: second, run: 'false'}]\n  b:\n    needs: a\n    runs-on: lab\n    steps: [{run: 'true'}]\n";

/// The first token of all.
pub(crate) fn admin(world: &World) -> String {
    std::fs::read_to_string(world.data.path().join("admin-token")).unwrap().trim().to_owned()
}

/// A token that may do this, there.
pub(crate) async fn token(world: &World, rights: &[Right], scope: Scope) -> String {
    let plane = &world.server.plane;
    let token = TokenUse::User.text(server::keys::random().unwrap());
    let opens = UserOpens { rights: rights.to_vec(), session: None };
    let new = NewToken {
        kind: TokenKind::User,
        hash: plane.keys.hash(&token),
        name: "somebody".to_owned(),
        opens: serde_json::to_value(opens).unwrap(),
        scope,
        phase: domain::control::TokenPhase::live(domain::control::Uses::Unlimited, domain::control::Expiry::Never),
        by: "test".to_owned(),
    };
    plane.store.add_token(&new, plane.now(), &audit()).await.unwrap();
    token.expose().to_owned()
}

pub(crate) async fn other_project(world: &World) -> store::Project {
    let plane = &world.server.plane;
    let new = NewProject { owner: "else".to_owned(), name: "q".to_owned(), git: "/nowhere".to_owned() };
    plane.store.add_project(&new, plane.now(), &audit()).await.unwrap()
}

pub(crate) fn run_path(run: &StoredRun) -> String {
    format!("/lab/p/runs/{}", run.id)
}

/// The page of a run's first job.
pub(crate) async fn job_path(world: &World, run: &StoredRun) -> String {
    format!("{}/jobs/{}", run_path(run), world.jobs(run).await.remove(0).number)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_there_is_a_door_and_nothing_else() {
    let world = World::with(&[(BUILD, SIMPLE)]).await;
    let run = world.dispatch("build").await;
    let job = world.jobs(&run).await.remove(0).number;
    let nobody = Browser::new(&world);
    let run = run_path(&run);
    for path in ["/queue", "/runners", "/lab/p", "/no/such", "/nowhere", &run, &format!("{run}/jobs/{job}")] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        let to = answer.header("location").unwrap();
        assert!(to.starts_with("/login?next=%2F"), "{path}: {to}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
    }
    assert_eq!(nobody.get("/").await.header("location"), Some("/login"));
    assert_eq!(nobody.get("/api/v1/nothing-like-that").await.header("location"), None);
    for path in [format!("{run}/cancel"), "/logout".to_owned()] {
        assert_eq!(nobody.post(&path, "").await.status, 401, "{path}");
    }
    let stream = nobody.send("GET", &format!("{run}/jobs/{job}/events"), &[("accept", "text/event-stream")], "").await;
    assert_eq!(stream.status, 401);
    let door = nobody.get("/login").await;
    assert_eq!(door.status, 200);
    for link in door.links().iter().filter(|link| link.contains("/assets/")) {
        let asset = nobody.get(link).await;
        assert_eq!((asset.status, asset.header("x-content-type-options")), (200, Some("nosniff")), "{link}");
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
    }
    // A name that somebody made lead here is not ours.
    let rebound = Browser { host: "evil.example:80".to_owned(), ..nobody.clone() };
    assert_eq!(rebound.get("/login").await.status, 421);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_token_or_a_link_and_ends() {
    let world = World::with(&[(BUILD, SIMPLE)]).await;
    let plane = &world.server.plane;
    let mut browser = Browser::new(&world);
    let wrong = browser.login("eku_0000").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    assert!(wrong.text.contains("This does not sign you in"));
    let entered = browser.login(&admin(&world)).await;
    let cookie = entered.header("set-cookie").unwrap().to_owned();
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age=") && !cookie.contains("Secure"), "{cookie}");
    assert!(!cookie.contains(&admin(&world)));
    let page = browser.get("/").await;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    // A login form of another site logs nobody in.
    let foreign = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let body = format!("token={}", admin(&world));
    assert_eq!(browser.send("POST", "/login", &foreign, &body).await.status, 403);
    // Out, and the cookie opens nothing any more.
    assert_eq!(browser.post("/logout", "form=wrong").await.status, 403);
    assert_eq!(browser.post("/logout", &format!("form={}", page.form())).await.status, 303);
    assert_eq!(browser.get("/").await.status, 303);

    let person = Person {
        token: plane.store.tokens(TokenKind::User).await.unwrap()[0].id,
        name: "admin".to_owned(),
        rights: Rights::all(),
        scope: Scope::Instance,
        ends: domain::control::Expiry::Never,
    };
    let link = make_link(plane, &person, &Actor::server("test")).await.unwrap();
    let address = server::page::link_address(&plane.site, &link);
    let path = address.expose().strip_prefix(&plane.site.url).unwrap().to_owned();
    let nobody = Browser::new(&world);
    // Who looks ahead, or is led by another page, does not use it up.
    assert_eq!(nobody.send("HEAD", &path, &[], "").await.status, 503);
    assert_eq!(nobody.send("GET", &path, &[("sec-purpose", "prefetch;prerender")], "").await.status, 503);
    let asked = nobody.send("GET", &path, &[("sec-fetch-site", "cross-site")], "").await;
    assert!(asked.status == 200 && asked.header("set-cookie").is_none() && asked.text.contains("method=\"post\""));
    let entered = nobody.get(&path).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(Browser { cookie: Some(cookie), ..nobody.clone() }.get("/").await.status, 200);
    assert_eq!(nobody.get(&path).await.status, 410);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_looks_like_what_is_not_there() {
    let world = World::with(&[(BUILD, SIMPLE)]).await;
    let run = world.dispatch("build").await;
    let job = world.jobs(&run).await.remove(0).number;
    let elsewhere = other_project(&world).await;
    let run_at = run_path(&run);
    let stranger =
        Browser::with(&world, &token(&world, &[Right::WriteRuns], Scope::Repository(elsewhere.id)).await).await;
    let missing = stranger.get("/no/such").await;
    assert_eq!(missing.status, 404);
    for path in [
        "/lab/p".to_owned(),
        run_at.clone(),
        format!("{run_at}/jobs/{job}"),
        format!("{run_at}/jobs/{job}/events"),
        "/runners".to_owned(),
    ] {
        let answer = stranger.get(&path).await;
        assert_eq!((answer.status, &answer.text), (404, &missing.text), "{path}");
    }
    // A run under another project's name is not there either, nor a job under another run's.
    assert_eq!(stranger.get(&format!("/else/q/runs/{}", run.id)).await.status, 404);
    let list = stranger.get("/").await;
    assert!(list.status == 200 && !list.text.contains("lab/p") && list.text.contains("else/q"));
    assert!(!stranger.get("/queue").await.text.contains("lab/p"));
    // Who may look may not do.
    let reader = Browser::with(&world, &token(&world, &[Right::ReadRuns], Scope::Instance).await).await;
    let page = reader.get(&run_at).await;
    assert!(page.status == 200 && !page.text.contains("/cancel"));
    let body = format!("form={}", page.form());
    assert_eq!(reader.post(&format!("{run_at}/cancel"), &body).await.status, 404);
    assert_eq!(world.run(&run).await.cancelled, None);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_cancelled_and_run_again_by_forms_of_the_session_alone() {
    let world = World::with(&[(BUILD, SIMPLE)]).await;
    let run = world.dispatch("build").await;
    let path = run_path(&run);
    let browser = Browser::with(&world, &admin(&world)).await;
    let page = browser.get(&path).await;
    let waits = "it needs &#39;a&#39;, which has not ended · runs on lab";
    assert!(page.text.contains("no_matching_label") && page.text.contains(waits), "{}", page.text);
    let body = format!("form={}", page.form());
    let cancel = format!("{path}/cancel");
    assert_eq!(browser.post(&cancel, "").await.status, 403);
    for foreign in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(browser.send("POST", &cancel, &[foreign], &body).await.status, 403, "{foreign:?}");
    }
    assert_eq!(world.run(&run).await.cancelled, None);
    let own = format!("http://{}", world.server.address);
    let done = browser.send("POST", &cancel, &[("origin", &own), ("sec-fetch-site", "same-origin")], &body).await;
    assert_eq!((done.status, done.header("location")), (303, Some(path.as_str())));
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    assert!(browser.get(&path).await.text.contains("Cancelled: by admin"));
    assert_eq!(browser.post(&cancel, &body).await.status, 409);
    let again = browser.post(&format!("{path}/rerun"), &format!("{body}&what=all")).await;
    assert_eq!(again.status, 303);
    world
        .until(&run, |run, jobs| {
            run.attempt.get() == 2 && jobs.iter().any(|job| matches!(job.phase, JobPhase::Queued { .. }))
        })
        .await;
    let page = browser.get(&path).await;
    assert!(page.text.contains("?attempt=1\"") && page.text.contains("try 2"));
    assert!(browser.get(&format!("{path}?attempt=1")).await.text.contains("cancelled by admin before it started"));
    assert_eq!(browser.get(&format!("{path}?attempt=7")).await.status, 404);
    assert_eq!(browser.post(&format!("{path}/rerun"), &format!("{body}&what=all")).await.status, 409);
    world.server.stop().await;
}

const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)//</title><svg/onload=alert(1)>",
    "{{7*7}}&lt;b&gt;\u{202e}<!--",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// No tag, attribute or address that we did not write.
fn assert_ours(path: &str, text: &str) {
    for (name, attributes) in tags(text) {
        let known = [
            "!doctype", "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "form",
            "input", "span", "button", "main", "footer", "h1", "h2", "p", "code", "section", "ul", "ol", "li", "div",
            "label", "select", "option", "time", "svg", "path", "circle", "bdi", "dl", "dt", "dd", "details",
            "summary", "pre", "noscript", "b",
        ];
        assert!(known.contains(&name.trim_start_matches('/')), "{path}: <{name}>");
        for (key, value) in attributes {
            assert!(
                !key.starts_with("on") && key != "style" && !key.contains(['\'', '"', '`']),
                "{path}: <{name} {key}>"
            );
            assert_ne!(value, "without quotes", "{path}: <{name} {key}>");
            if ["href", "src", "action"].contains(&key.as_str()) {
                assert!(value.starts_with(['/', '?', '#']) && !value.starts_with("//"), "{path}: {key}={value}");
            }
            assert!(name != "script" || value.starts_with("/assets/") || key == "defer", "{path}");
        }
    }
    assert!(!text.contains('\u{202e}'), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_others_wrote_becomes_markup() {
    for hostile in HOSTILE {
        let quoted = serde_json::to_string(hostile).unwrap();
        let workflow = format!(
            "name: {quoted}\non: workflow_dispatch\njobs:\n  a:\n    name: {quoted}\n    runs-on: [lab, {quoted}]\n    steps: [{{name: {quoted}, run: 'x'}}, {{run: 'y'}}]\n"
        );
        let broken = format!(
            "name: {quoted}\non: workflow_dispatch\njobs:\n  a:\n    {quoted}: {quoted}\n    runs-on: {quoted}\n"
        );
        let world = World::with(&[(BUILD, workflow.as_str()), (".github/workflows/'\"<b>.yml", broken.as_str())]).await;
        world.repository.commit(hostile, &[("a", "b")]);
        let branch = format!(
            "x/{}",
            hostile.replace([' ', '{', '\u{202e}', '*', ':'], "").replace("<!--", "<!").replace("//", "/")
        );
        world.repository.git(["branch", "--", &branch]);
        let plane = &world.server.plane;
        let inputs = serde_json::Map::new;
        let run = server::event::dispatch(plane, &world.project, "build", &branch, inputs(), hostile).await.unwrap();
        let bad =
            server::event::dispatch(plane, &world.project, "'\"<b>.yml", "main", inputs(), hostile).await.unwrap();
        let browser = Browser::with(&world, &token(&world, &[Right::Admin], Scope::Instance).await).await;
        let job = world.jobs(&run).await.remove(0);
        let job_at = format!("{}/jobs/{}", run_path(&run), job.number);
        let waits = browser.get(&job_at).await;
        assert!(waits.text.contains("Why it waits"), "{}", waits.text);
        let queue = browser.get("/queue").await;
        assert_ours(&job_at, &waits.text);
        assert_ours("/queue", &queue.text);
        let hand = world.runner(&["lab", hostile]).await;
        let task = hand.take().await;
        hand.start(task.id).await;
        let rows =
            [hostile, &format!("##[error]{hostile}"), &format!("::group::{hostile}"), &format!("\u{1b}[31m{hostile}")];
        hand.log(task.id, 0, &rows, LogEnd::Open).await.unwrap();
        let query =
            format!("?workflow={0}&branch={0}&state={0}&project={0}&from={0}&line={0}&next={0}", encoded(hostile));
        for path in [
            "/".to_owned(),
            format!("/{query}"),
            "/lab/p".to_owned(),
            format!("/lab/p{query}"),
            run_path(&run),
            run_path(&bad),
            job_at.clone(),
            format!("{job_at}{query}"),
            format!("{job_at}/rows?from=0&to=4"),
            "/queue".to_owned(),
            "/runners".to_owned(),
            format!("/login{query}"),
            format!("/x{query}"),
        ] {
            let answer = browser.get(&path).await;
            assert!(answer.status == 200 || path.starts_with("/x"), "{path}: {}", answer.status);
            assert_ours(&path, &answer.text);
        }
        let bad = browser.get(&run_path(&bad)).await;
        assert!(bad.text.contains("This run could not be planned"));
        world.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_every_link_leads_somewhere() {
    let world = World::with_settings(&[(BUILD, SIMPLE)], |data| server::serve::ServerSettings {
        url: Some("https://ci.test/deep/ci".to_owned()),
        ..settings(data)
    })
    .await;
    let run = world.dispatch("build").await;
    let job = world.jobs(&run).await.remove(0).number;
    let mut browser = Browser { host: "ci.test".to_owned(), ..Browser::new(&world) };
    let entered = browser.login(&admin(&world)).await;
    assert_eq!(entered.header("location"), Some("/deep/ci/"));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-ekiden=") && cookie.ends_with("; Secure") && cookie.contains("; Path=/;"),
        "{cookie}"
    );
    assert!(entered.header("strict-transport-security").is_some());
    let mut seen = std::collections::BTreeSet::new();
    let mut next = vec![
        "/deep/ci/".to_owned(),
        "/deep/ci/runners".to_owned(),
        format!("/deep/ci/lab/p/runs/{}/jobs/{job}", run.id),
    ];
    while let Some(path) = next.pop() {
        let path = path.split('#').next().unwrap().to_owned();
        if path.is_empty()
            || path.ends_with("/changes")
            || path.contains("/changes?")
            || path.ends_with("/events")
            || !seen.insert(path.clone())
        {
            continue;
        }
        assert!(path.starts_with("/deep/ci/"), "{path}");
        let posts = path.ends_with("/cancel") || path.ends_with("/logout") || path.ends_with("/rows");
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, if posts { 404 } else { 200 }, "{path}");
        // A proxy may take the path away.
        assert_eq!(browser.get(&path["/deep/ci".len()..]).await.status, answer.status, "{path}");
        next.extend(answer.links());
    }
    assert!(seen.len() > 12, "{seen:?}");
    // The path itself is the home page's, whatever stands behind it.
    assert_eq!(browser.get("/deep/ci?state=failure").await.header("location"), Some("/deep/ci/?state=failure"));
    let nobody = Browser { cookie: None, ..browser };
    for path in ["/deep/ci", "/deep/ci/", "/"] {
        let to = nobody.get(path).await;
        assert!(matches!(to.header("location"), Some("/deep/ci/" | "/deep/ci/login")), "{path} {to:?}");
    }
    for path in ["/deep/ci/queue", "/queue"] {
        assert_eq!(nobody.get(path).await.header("location"), Some("/deep/ci/login?next=%2Fqueue"));
    }
    world.server.stop().await;
}

/// A state with steps: where each stands, and its rows.
pub(crate) fn state(id: domain::TaskId, steps: &[(TaskPhase, u64, u64)]) -> TaskState {
    let steps = steps.iter().zip(0..).map(|((phase, log_index, log_length), index)| TaskStep {
        index,
        phase: *phase,
        log_index: *log_index,
        log_length: *log_length,
    });
    TaskState { id, phase: TaskPhase::Running { started: Timestamp(1_000) }, steps: steps.collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_read_in_parts_without_a_script() {
    let world = World::with(&[(BUILD, SIMPLE)]).await;
    let run = world.dispatch("build").await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await;
    hand.start(task.id).await;
    let rows: Vec<String> = (0..12_000).map(|row| format!("row {row} of many")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for (at, some) in rows.chunks(2_000).enumerate() {
        hand.log(task.id, at as u64 * 2_000, some, LogEnd::Open).await.unwrap();
    }
    hand.log(task.id, 12_000, &["::group::G", "\u{1b}[31mred\u{1b}[m", "::endgroup::", "##[error]bad"], LogEnd::Last)
        .await
        .unwrap();
    let over = |conclusion| TaskPhase::Ended {
        result: TaskResult::Concluded(conclusion),
        started: Some(Timestamp(1_000)),
        stopped: Timestamp(5_000),
    };
    let steps = state(task.id, &[(over(Conclusion::Success), 10, 11_000), (over(Conclusion::Failure), 11_010, 994)]);
    hand.client.report(&hand.key, Report { state: steps, outputs: BTreeMap::new() }).await.unwrap();
    hand.end(task.id, Conclusion::Failure, &[]).await;
    world.until(&run, |run, _| matches!(run.phase, RunPhase::Finished(_))).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let job = job_path(&world, &run).await;

    let page = browser.get(&job).await;
    assert!(page.text.len() < 600_000, "{}", page.text.len());
    assert!(page.text.contains("12,004 lines"));
    let step = |key: &str| {
        page.text.split(&format!("id=\"{key}\"")).nth(1).unwrap().split("</summary>").next().unwrap().to_owned()
    };
    assert!(
        step("s1").contains(" open>") && step("s1").contains("second") && step("s1").contains("4.0 s"),
        "{}",
        step("s1")
    );
    assert!(
        !step("s0").contains(" open>")
            && page.text.contains("href=\"?from=10#L11\" data-from=\"10\" data-to=\"11010\">11,000 more lines")
    );
    // The step that failed, from its first row to its last; and what lies before the steps.
    for has in [
        "row 0 of many",
        "row 11010 of many",
        "row 11999 of many",
        "id=\"L12004\"",
        "<span class=\"f1\">red</span>",
        "<b>Error:</b> bad",
    ] {
        assert!(page.text.contains(has), "{has}");
    }
    assert!(!page.text.contains("row 5000 of many"));
    let part = browser.get(&format!("{job}?line=4321")).await;
    assert!(
        part.text.contains("id=\"L4321\"")
            && part.text.contains("row 4000 of many")
            && part.text.contains("row 4999 of many")
    );
    assert!(!part.text.contains("row 5000 of many") && part.text.contains("href=\"?from=5000#L5001\""));
    assert!(part.text.contains("href=\"?from=3000#L3001\"") && part.text.contains("All steps"));
    let more = browser.get(&format!("{job}/rows?from=10&to=11010")).await;
    assert!(
        more.text.starts_with("<div class=\"r\" id=\"L11\"")
            && more.text.contains("data-from=\"1010\" data-to=\"11010\">10,000 more lines")
    );
    let raw = browser.get(&format!("{job}/log.txt")).await;
    assert_eq!(raw.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(raw.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(raw.text.lines().count(), 12_004);
    let run_page = browser.get(&run_path(&run)).await;
    assert!(run_page.text.contains("Failed first:") && run_page.text.contains("step 2: second"), "{}", run_page.text);
    world.server.stop().await;
}
