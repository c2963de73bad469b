//! What programs that we did not write meet: bare calls, and addresses that they follow.

use super::*;
use crate::browse::{Answer, Browser};
use serde_json::Value;

/// A bare call with a token.
pub(super) async fn call(rest: &Rest, method: &str, path: &str, body: &str) -> Answer {
    let token = rest.world.server.first_token.clone().unwrap();
    let authority = format!("token {}", token.expose());
    let headers = [("authorization", authority.as_str()), ("content-type", "application/json")];
    Browser::new(&rest.world).send(method, path, &headers, body).await
}

pub(super) async fn read(rest: &Rest, path: &str) -> Value {
    let answer = call(rest, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

/// The value behind a pointer, as text.
fn text<'a>(shape: &'a Value, pointer: &str) -> &'a str {
    shape.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {shape}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_a_page_is_one() {
    let rest = Rest::new().await;
    let id = rest.dispatch().await;
    let base = "/api/v1/repos/lab/p";
    let run = read(&rest, &format!("{base}/actions/runs/{id}")).await;
    let jobs = read(&rest, &format!("{base}/actions/runs/{id}/jobs")).await;
    let workflow = read(&rest, &format!("{base}/actions/workflows/w.yml")).await;
    let site = rest.world.server.plane.site.url.clone();
    assert_eq!(text(&run, "/repository/clone_url"), format!("{site}/lab/p.git"));
    let job = text(&jobs, "/jobs/0/html_url");
    let pages = [
        (text(&run, "/repository/html_url").to_owned(), "/lab/p".to_owned()),
        (text(&run, "/html_url").to_owned(), format!("/lab/p/runs/{id}")),
        (format!("{job}?line=3"), format!("/lab/p/runs/{id}/jobs/{}?line=3", jobs["jobs"][0]["id"])),
        (text(&workflow, "/html_url").to_owned(), "/lab/p?workflow=w.yml".to_owned()),
        // As GitHub has them, and workflows put them together.
        (format!("{site}/lab/p/actions"), "/lab/p".to_owned()),
        (format!("{site}/lab/p/actions/runs/{id}/attempts/1"), format!("/lab/p/runs/{id}?attempt=1")),
        (
            format!("{site}/lab/p/actions/runs/{id}/job/{}", jobs["jobs"][0]["id"]),
            format!("/lab/p/runs/{id}/jobs/{}", jobs["jobs"][0]["id"]),
        ),
    ];
    let token = rest.world.server.first_token.clone().unwrap();
    let browser = Browser::with(&rest.world, token.expose()).await;
    for (address, to) in pages {
        let mut path = address.strip_prefix(&site).unwrap().to_owned();
        let mut answer = browser.get(&path).await;
        if answer.status == 303 {
            path = answer.header("location").unwrap().to_owned();
            answer = browser.get(&path).await;
        }
        assert_eq!((answer.status, path), (200, to), "{address}");
    }
    assert_eq!(browser.get("/lab/q/actions/runs/1").await.header("location"), Some("/lab/q/runs/1"));
    let nobody = Browser::new(&rest.world).get(&format!("/lab/p/actions/runs/{id}")).await;
    assert_eq!(nobody.header("location"), Some(format!("/login?next=%2Flab%2Fp%2Factions%2Fruns%2F{id}").as_str()));
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_an_object_and_an_input_is_a_word() {
    let rest = Rest::new().await;
    let path = "/api/v1/repos/lab/p/actions/workflows/w.yml/dispatches";
    for body in
        [r#"["main"]"#, r#" [] "#, r#"{"ref":"main","inputs":{"a":{}}}"#, r#"{"ref":"main","inputs":{"a":[1]}}"#]
    {
        let answer = call(&rest, "POST", path, body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert_fault(&answer.text);
    }
    // As programs in Go write a map that was never made.
    assert_eq!(call(&rest, "POST", path, r#"{"ref":"main","inputs":null}"#).await.status, 204);
    for (path, body) in [
        ("/api/v1/tokens/1/rotate", r#"{"grace_s":18446744073709551615}"#),
        ("/api/v1/tokens/1/rotate", r#"{"grace_s":2592001}"#),
    ] {
        let answer = call(&rest, "POST", path, body).await;
        assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text);
    }
    assert_eq!(call(&rest, "POST", "/api/v1/tokens/1/rotate", r#"{"grace_s":2592000}"#).await.status, 201);
    rest.end().await;
}

/// That a refusal has the one shape.
fn assert_fault(text: &str) {
    let fault: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"));
    assert!(fault["message"].is_string() && fault["url"] == "/api/v1/openapi.json", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_below_the_path_has_one_shape() {
    let rest = Rest::new().await;
    let hook = "/api/v1/repos/lab/p/hooks/push";
    rest.admin.make_hook(&rest.project).await.unwrap();
    for (method, path, status) in [
        ("POST", hook, 401),
        ("POST", "/api/v1/repos/lab/none/hooks/push", 401),
        ("GET", hook, 405),
        ("DELETE", "/api/v1/version", 405),
        ("GET", "/api/v1/none", 404),
        ("GET", "/api/v1/repos/lab/p/actions/jobs?sort=name", 422),
        ("GET", "/api/v1/repos/lab/p/actions/jobs?sort=id&order=up", 422),
        ("GET", "/api/v1/repos/lab/p/actions/jobs?status=no", 400),
    ] {
        let answer = call(&rest, method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_fault(&answer.text);
    }
    let nobody = Browser::new(&rest.world);
    let signed = [("x-gitea-signature", "00"), ("x-gitea-event", "push")];
    let answer = nobody.send("POST", hook, &signed, "{}").await;
    assert_eq!(answer.status, 401);
    assert_fault(&answer.text);
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_cut_off_ended_with_its_job() {
    let rest = Rest::new().await;
    let hand = rest.world.runner(&["lab"]).await;
    let id = rest.dispatch().await;
    let task = hand.take().await.id;
    let state = crate::pages::state(task, &[(domain::TaskPhase::Running { started: domain::Timestamp(2_000) }, 0, 0)]);
    hand.client
        .report(&hand.key, protocol::Report { state, outputs: std::collections::BTreeMap::new() })
        .await
        .unwrap();
    rest.admin.cancel_run(&rest.project, id).await.unwrap();
    let run = rest.world.server.plane.store.run(domain::control::RunId(id)).await.unwrap();
    let asked = |job: &store::StoredJob| matches!(job.phase, domain::control::JobPhase::Cancelling { .. });
    rest.world.until(&run, |_, jobs| asked(&jobs[0])).await;
    hand.end(task, Conclusion::Cancelled, &[]).await;
    rest.world.finished(&run).await;
    let jobs = rest.admin.jobs_of_run(&rest.project, id, PageQuery::default()).await.unwrap();
    let step = &jobs.jobs[0].steps[0];
    assert_eq!((step.status, step.conclusion), (Status::Completed, Some(Conclusion::Cancelled)));
    assert_eq!(step.completed_at, jobs.jobs[0].completed_at);
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_which_token_was_made() {
    let rest = Rest::new().await;
    let body = r#"{"kind":"user","name":"n","rights":["read:runs"]}"#;
    let made: Value = serde_json::from_str(&call(&rest, "POST", "/api/v1/tokens", body).await.text).unwrap();
    let path = format!("/api/v1/tokens/{}/rotate", made["id"]);
    let turned: Value = serde_json::from_str(&call(&rest, "POST", &path, "{}").await.text).unwrap();
    let audit = read(&rest, "/api/v1/audit?action=token.make").await;
    let objects: Vec<&str> = audit["entries"].as_array().unwrap().iter().map(|one| text(one, "/object")).collect();
    let named = [format!("token {} (n)", turned["id"]), format!("token {} (n)", made["id"])];
    assert_eq!(objects[..2], named);
    assert!(objects.contains(&"token 1 (admin)"), "{objects:?}");
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_sorted_as_gitea_sorts_them() {
    let rest = Rest::new().await;
    let id = rest.dispatch().await;
    for path in ["/repos/lab/p/actions/jobs".to_owned(), format!("/repos/lab/p/actions/runs/{id}/jobs")] {
        let names = async |query: &str| {
            let list = read(&rest, &format!("/api/v1{path}{query}")).await;
            let names = list["jobs"].as_array().unwrap().iter().map(|job| text(job, "/name").to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names("").await, ["a", "b"], "{path}");
        assert_eq!(names("?order=desc").await, ["a", "b"], "{path}");
        assert_eq!(names("?sort=id&order=desc").await, ["b", "a"], "{path}");
        assert_eq!(names("?sort=id&order=desc&limit=1").await, ["b"], "{path}");
    }
    rest.end().await;
}

/// What is said of a shape and does not hold of a value.
fn misfits(all: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = &all[name.rsplit('/').next().unwrap()];
        return misfits(all, schema, value, at, found);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().for_each(|part| misfits(all, part, value, at, found));
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let fits = |way| {
            let mut found = Vec::new();
            misfits(all, way, value, at, &mut found);
            found.is_empty()
        };
        if !ways.iter().any(fits) {
            found.push(format!("{at} is {value}"));
        }
        return;
    }
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let fits = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    let is_one = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    if !fits || !is_one {
        found.push(format!("{at} is {value}"));
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(key).is_none() {
            found.push(format!("{at} lacks {key}"));
        }
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(key) {
            misfits(all, schema, value, &format!("{at}.{key}"), found);
        }
    }
    for value in value.as_array().into_iter().flatten() {
        misfits(all, &schema["items"], value, &format!("{at}[]"), found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_what_is_described() {
    let rest = Rest::new().await;
    let id = rest.dispatch().await;
    let token = read(&rest, "/api/v1/admin/actions/runners/registration-token").await;
    rest.register(text(&token, "/token"), "one").await;
    for body in [r#"{"value":"x"}"#, r#"{"data":"x"}"#] {
        let (method, kind) = if body.contains("data") { ("PUT", "secrets") } else { ("POST", "variables") };
        for place in ["admin", "orgs/lab", "repos/lab/p"] {
            let answer = call(&rest, method, &format!("/api/v1/{place}/actions/{kind}/V"), body).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    }
    let jobs = read(&rest, &format!("/api/v1/repos/lab/p/actions/runs/{id}/jobs")).await;
    let (run, job) = (id.to_string(), jobs["jobs"][0]["id"].to_string());
    let document: Value = serde_json::from_str(server::rest::openapi()).unwrap();
    let (mut found, mut seen) = (Vec::new(), 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        // `/user` is of an owner's token.
        let Some(operation) = methods.get("get").filter(|_| !path.starts_with("/user/")) else { continue };
        let parts = [
            ("{owner}", "lab"),
            ("{repo}", "p"),
            ("{org}", "lab"),
            ("{run}", &run),
            ("{job}", &job),
            ("{attempt}", "1"),
            ("{workflow}", "w.yml"),
            ("{name}", "V"),
            ("{runner}", "1"),
        ];
        let filled = parts.into_iter().fold(path.clone(), |path, (part, value)| path.replace(part, value));
        let answer = call(&rest, "GET", &format!("/api/v1{filled}"), "").await;
        let described = &operation["responses"][answer.status.to_string()];
        let described = if described.is_null() { &operation["responses"]["default"] } else { described };
        let schema = &described["content"]["application/json"]["schema"];
        let value: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{path}: {}", answer.text));
        misfits(&document["components"]["schemas"], schema, &value, &filled, &mut found);
        seen += i32::from(answer.status == 200);
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(seen > 40, "{seen}");
    rest.end().await;
}
