//! The first token, revocations that others made, sessions, owners, addresses with a path.

use super::*;
use domain::control::{TokenChange, TokenId, TokenUse};
use server::access::{Actor, close_session, make_link, open_session, session, use_link};
use server::serve::start;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn the_first_token_is_made_once_and_is_in_a_file_of_its_own() {
    let rest = Rest::new().await;
    let path = rest.world.data.path().join("admin-token");
    let file = std::fs::read_to_string(&path).unwrap();
    assert_eq!(file.trim(), rest.world.server.first_token.as_ref().unwrap().expose());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&path).unwrap();
    let Rest { world, admin, .. } = rest;
    let World { server, data, .. } = world.again().await;
    // Who took the file away wanted that: there is no second one, and the first still opens.
    assert!(server.first_token.is_none() && !path.exists());
    drop(admin);
    let again = Client::new(&ClientSettings {
        url: format!("http://{}", server.address),
        token: Some(Secret::new(file.trim())),
        authority: api::Authority::System,
        timeout: Duration::from_secs(20),
        version: "0".to_owned(),
    });
    assert!(again.unwrap().me().await.unwrap().is_admin);
    server.stop().await;
    drop(data);
}

#[tokio::test]
async fn a_first_start_that_ended_half_way_goes_on_with_its_token() {
    let data = tempfile::tempdir().unwrap();
    let token = TokenUse::User.text([3; 20]);
    std::fs::write(data.path().join("admin-token"), format!("{}\n", token.expose())).unwrap();
    let server = start(crate::plane::settings(data.path())).await.unwrap();
    assert_eq!(server.first_token.as_ref().map(Secret::expose), Some(token.expose()));
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_another_server_revoked_opens_nothing_within_five_seconds() {
    let rest = Rest::new().await;
    let made = rest.admin.make_token(&user("gone")).await.unwrap();
    let client = client(&rest.world, Some(&made.token));
    assert!(client.me().await.is_ok());
    let plane = &rest.world.server.plane;
    // Past this server: only the database knows.
    let audit = crate::plane::audit();
    plane.store.change_token(TokenId(made.facts.id), TokenChange::Revoked, plane.now(), &audit).await.unwrap();
    let since = std::time::Instant::now();
    while client.me().await.is_ok() {
        assert!(since.elapsed() < Duration::from_secs(5), "it still opens");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rest.end().await;
}

#[tokio::test]
async fn a_session_is_begun_once_by_a_link_and_ends_with_its_token() {
    let rest = Rest::new().await;
    let plane = &rest.world.server.plane;
    let made = rest.admin.make_token(&NewToken { scope: Some("lab".to_owned()), ..user("pages") }).await.unwrap();
    let origin = server::access::Origin::Here;
    let person = plane.access.person(plane, &Secret::new(&made.token), origin).await.unwrap();
    let actor = Actor { name: person.to_string(), origin };
    let link = make_link(plane, &person, &actor).await.unwrap();
    assert!(session(plane, &link).await.is_err(), "a link is no session");
    assert!(plane.access.person(plane, &link, origin).await.is_err(), "nor does it open REST");
    let (who, cookie) = use_link(plane, &link, &actor).await.unwrap();
    assert_eq!(who, person);
    assert!(use_link(plane, &link, &actor).await.is_err(), "it works once");
    assert_eq!(session(plane, &cookie).await.unwrap(), person);
    assert!(plane.access.person(plane, &cookie, origin).await.is_err(), "a cookie does not open REST");
    assert!(use_link(plane, &cookie, &actor).await.is_err());
    let other = open_session(plane, &person, &actor).await.unwrap();
    close_session(plane, &other, &actor).await.unwrap();
    assert!(session(plane, &other).await.is_err());
    rest.admin.revoke_token(made.facts.id).await.unwrap();
    assert!(session(plane, &cookie).await.is_err(), "the token behind it is dead");
    rest.end().await;
}

#[tokio::test]
async fn a_link_that_many_use_at_once_begins_one_session() {
    let rest = Rest::new().await;
    let plane = &rest.world.server.plane;
    let token = rest.world.server.first_token.clone().unwrap();
    let origin = server::access::Origin::Here;
    let person = plane.access.person(plane, &token, origin).await.unwrap();
    let actor = Actor { name: person.to_string(), origin };
    let link = make_link(plane, &person, &actor).await.unwrap();
    let tries = (0..20).map(|_| {
        let (plane, link, actor) = (plane.clone(), link.clone(), actor.clone());
        tokio::spawn(async move { use_link(&plane, &link, &actor).await.is_ok() })
    });
    let mut won = 0;
    for one in tries.collect::<Vec<_>>() {
        won += u32::from(one.await.unwrap());
    }
    assert_eq!(won, 1);
    rest.end().await;
}

#[tokio::test]
async fn an_owners_token_speaks_for_its_owner() {
    let rest = Rest::new().await;
    let owner = rest.token("lab", &[Right::Admin]).await;
    let base = format!("http://{}/api/v1/user/actions", rest.world.server.address);
    let new = NewToken { scope: Some("lab".to_owned()), rights: vec![Right::Admin], ..user("o") };
    let token = rest.admin.make_token(&new).await.unwrap().token;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let put =
        http.put(format!("{base}/secrets/MINE")).bearer_auth(&token).body(r#"{"data":"x"}"#).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 201);
    let secrets = owner.secrets(&Place::Owner("LAB".to_owned()), PageQuery::default()).await.unwrap();
    assert_eq!(secrets[0].name, "MINE");
    let runs = http.get(format!("{base}/runs")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(runs.status().as_u16(), 200);
    // What its runners' token registers is the owner's.
    let registration =
        http.post(format!("{base}/runners/registration-token")).bearer_auth(&token).send().await.unwrap();
    let registration: api::RegistrationToken = serde_json::from_str(&registration.text().await.unwrap()).unwrap();
    let id = rest.register(&registration.token, "one").await;
    assert_eq!(rest.admin.runner(&Place::Instance, id).await.unwrap().scope, "lab");
    let admin = rest.world.server.first_token.clone().unwrap();
    let none = http.get(format!("{base}/runs")).bearer_auth(admin.expose()).send().await.unwrap();
    assert_eq!(none.status().as_u16(), 404, "the instance has no owner");
    rest.end().await;
}

#[tokio::test]
async fn an_address_with_a_path_is_in_all_links() {
    let data = tempfile::tempdir().unwrap();
    let settings = server::serve::ServerSettings {
        url: Some("https://ci.example.org/ekiden/".to_owned()),
        ..crate::plane::settings(data.path())
    };
    let server = start(settings).await.unwrap();
    let token = server.first_token.clone().unwrap();
    let repository = testkit::TempRepository::with(&[("a", "b")]);
    let git = repository.path().to_string_lossy().into_owned();
    let new = NewProject { owner: "a".to_owned(), name: "b".to_owned(), git };
    // With the path and without it: a proxy may take it away.
    for base in ["", "/ekiden"] {
        let client = Client::new(&ClientSettings {
            url: format!("http://{}{base}", server.address),
            token: Some(token.clone()),
            authority: api::Authority::System,
            timeout: Duration::from_secs(20),
            version: "0".to_owned(),
        })
        .unwrap();
        if base.is_empty() {
            let made = client.add_project(&new).await.unwrap();
            assert_eq!(made.html_url, "https://ci.example.org/ekiden/a/b");
        }
        assert_eq!(client.projects(page(1, 1)).await.unwrap().total_count, 1);
        let url = format!("http://{}{base}/api/v1/projects?limit=1&page=2", server.address);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).bearer_auth(token.expose()).send().await.unwrap();
        let link = answer.headers()["link"].to_str().unwrap();
        assert!(
            link.contains("<https://ci.example.org/ekiden/api/v1/projects?limit=1&page=1>; rel=\"prev\""),
            "{link}"
        );
    }
    server.stop().await;
}
