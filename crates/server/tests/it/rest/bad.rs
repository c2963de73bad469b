//! Calls that are wrong: told what is wrong with them, and hurting nobody else.

use super::*;

#[tokio::test]
async fn a_storm_of_wrong_tokens_hurts_nobody_who_was_let_in() {
    let rest = Rest::new().await;
    assert!(rest.admin.me().await.is_ok());
    let url = format!("http://{}/api/v1/user", rest.world.server.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut codes = std::collections::BTreeMap::new();
    for round in 0..10_u8 {
        let calls = (0..30_u8).map(|at| {
            let mut random = [7; 20];
            (random[0], random[1]) = (round, at);
            let token = domain::control::TokenUse::User.text(random);
            let call = http.get(&url).header("authorization", format!("Bearer {}", token.expose()));
            async move { call.send().await.unwrap().status().as_u16() }
        });
        for call in calls.collect::<Vec<_>>() {
            *codes.entry(call.await).or_insert(0) += 1;
        }
        assert!(rest.admin.me().await.is_ok(), "the good one is let in");
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [(401, 120), (429, 180)]);
    let answer = http
        .get(&url)
        .header("authorization", format!("Bearer {}", domain::control::TokenUse::User.text([9; 20]).expose()));
    let answer = answer.send().await.unwrap();
    let again: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&again));
    rest.end().await;
}

/// What the shapes of Gitea do not show: headers, bodies that are none, methods that are not there.
#[tokio::test]
async fn bad_calls_are_told_what_is_wrong_with_them() {
    let rest = Rest::new().await;
    let token = rest.world.server.first_token.clone().unwrap();
    let base = format!("http://{}/api/v1", rest.world.server.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |method: &str, path: &str, body: Vec<u8>| {
        let request = http.request(method.parse().unwrap(), format!("{base}{path}")).body(body);
        let answer = request.header("authorization", format!("token {}", token.expose())).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str::<api::Fault>(&text).unwrap_or_default(), headers)
    };
    for (method, path, body, status, said) in [
        ("POST", "/projects", "{", 422, "the body is no JSON"),
        ("POST", "/projects", "", 422, "missing field `owner`"),
        ("POST", "/projects", r#"{"owner":"a","nmae":"b","git":"/c"}"#, 422, "unknown field `nmae`"),
        ("POST", "/projects", r#"{"owner":"api","name":"v1","git":"/c"}"#, 422, "a page of the server's own"),
        ("POST", "/projects", r#"{"owner":"a","name":"b.git","git":"/c"}"#, 422, "without `.git` at its end"),
        ("GET", "/repos/%ff/p/actions/runs", "", 400, "the path is not UTF-8"),
        ("POST", "/tokens", r#"{"kind":"usr","name":"x"}"#, 422, "unknown variant `usr`"),
        ("POST", "/repos/lab/p/actions/workflows/w.yml/dispatches", "{}", 422, "ref is required"),
        ("POST", "/repos/lab/p/actions/workflows/no.yml/dispatches", r#"{"ref":"main"}"#, 404, "no workflow 'no.yml'"),
        (
            "POST",
            "/repos/lab/p/actions/workflows/w.yml/dispatches",
            r#"{"ref":"nope"}"#,
            404,
            "no branch, tag or commit 'nope'",
        ),
        ("POST", "/repos/lab/p/actions/workflows/w.yml/dispatches", r#"{"ref":"main","inputs":{"x":"1"}}"#, 422, ""),
        ("GET", "/repos/lab/p/actions/workflows/no.yml", "", 404, "it has: w.yml"),
        ("GET", "/repos/lab/p/actions/runs/abc", "", 404, "no run abc"),
        ("GET", "/repos/lab/p/actions/runs/99999999999999999999", "", 404, "no run"),
        ("GET", "/repos/lab/p/actions/runs/1/attempts/0", "", 404, "no run 1"),
        ("GET", "/repos/lab/p/actions/jobs/-1/logs", "", 404, "no job -1"),
        ("GET", "/audit?since=yesterday", "", 400, "is no moment"),
        ("GET", "/audit?limit=x", "", 400, "is no number"),
        ("GET", "/tokens?kind=master", "", 400, "no kind of token"),
        ("GET", "/nowhere", "", 404, "there is no route GET"),
        ("PATCH", "/projects", "", 405, "PATCH is not"),
        ("PUT", "/repos/lab/p/actions/secrets/A", r#"{"data":5}"#, 422, "invalid type"),
        ("GET", "", "", 404, "there is no route GET /api/v1"),
        ("GET", "/", "", 404, "there is no route GET /api/v1/"),
    ] {
        let (code, fault, _) = call(method, path, body.as_bytes().to_vec()).await;
        assert!(code == status && fault.message.contains(said), "{method} {path}: {code} {fault:?}");
    }
    let (code, fault, _) = call("POST", "/projects", br#"{"owner":"a","nmae":"b","git":"/c"}"#.to_vec()).await;
    assert_eq!((code, fault.fix.as_deref()), (422, Some("did you mean `name`?")));
    let (code, fault, _) = call("PUT", "/repos/lab/p/actions/secrets/A", vec![b'x'; 600 * 1024]).await;
    assert_eq!((code, fault.message.as_str()), (413, "the body is longer than 524288 bytes"));
    let anonymous = http.get(format!("{base}/user")).send().await.unwrap();
    let ways: Vec<_> =
        anonymous.headers().get_all("www-authenticate").iter().map(|way| way.to_str().unwrap()).collect();
    assert_eq!((anonymous.status().as_u16(), ways.len()), (401, 2));
    // What Gitea's clients send beside what we know is left aside.
    let body = br#"{"data":"v","description":null,"unknown":1}"#.to_vec();
    assert_eq!(call("PUT", "/repos/lab/p/actions/secrets/A", body).await.0, 201);
    // Basic, with the token as password, as older clients have it.
    let basic = http.get(format!("{base}/user")).basic_auth("anybody", Some(token.expose())).send().await.unwrap();
    assert_eq!(basic.status().as_u16(), 200);
    let form = http.post(format!("{base}/repos/lab/p/actions/workflows/w.yml/dispatches")).bearer_auth(token.expose());
    for body in ["ref=main", r#" {"ref":"main"}"#] {
        let form = form.try_clone().unwrap().header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(form.send().await.unwrap().status().as_u16(), 204, "{body}");
    }
    rest.dispatch().await;
    let (_, _, headers) =
        call("GET", "/repos/lab/p/actions/runs?limit=1&page=2&event=workflow_dispatch", Vec::new()).await;
    assert_eq!(headers["x-total-count"], "3");
    let link = headers["link"].to_str().unwrap();
    assert!(
        link.contains("/api/v1/repos/lab/p/actions/runs?limit=1&event=workflow_dispatch&page=3>; rel=\"next\""),
        "{link}"
    );
    rest.end().await;
}
