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
