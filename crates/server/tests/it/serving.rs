//! How the server takes connections: TLS of its own, room for so many and no more, and a stop that waits for nobody for ever.

use crate::hostile::{Raw, http};
use crate::plane::{World, settings};
use crate::rest::Rest;
use domain::LogEnd;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use server::serve::{Renewal, ServeError, ServerSettings, Tls, TlsError, start};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A certificate for loopback and its key, in files; and the authority behind it.
fn certificate(at: &Path) -> (PathBuf, PathBuf, String) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_text = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let (certificate, key_file) = (at.join("cert.pem"), at.join("key.pem"));
    std::fs::write(&certificate, own.pem() + &authority_text).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    (certificate, key_file, authority_text)
}

#[tokio::test]
async fn a_server_ends_tls_itself() {
    let files = tempfile::tempdir().unwrap();
    let (certificate, key, authority) = certificate(files.path());
    let data = tempfile::tempdir().unwrap();
    let tls = Tls::read(&certificate, &key).unwrap();
    let server = start(ServerSettings { tls: Some(tls.clone()), ..settings(data.path()) }).await.unwrap();
    assert_eq!(server.plane.site.url, format!("https://{}", server.address));
    let client = |authority: &str| {
        api::Client::new(&api::ClientSettings {
            url: server.plane.site.url.clone(),
            token: server.first_token.clone(),
            authority: api::Authority::Also(authority.as_bytes().to_vec()),
            timeout: Duration::from_secs(20),
            version: "0".to_owned(),
        })
        .unwrap()
    };
    assert!(client(&authority).me().await.is_ok());
    // A certificate of another authority, without a stop; one that is none changes nothing.
    assert_eq!(tls.look().unwrap(), Renewal::Same);
    let renewed = self::certificate(files.path()).2;
    assert_eq!(tls.look().unwrap(), Renewal::Renewed);
    assert!(client(&renewed).me().await.is_ok());
    assert!(client(&authority).me().await.is_err());
    std::fs::write(&certificate, "half of one").unwrap();
    assert!(matches!(tls.look(), Err(TlsError::Empty { .. })));
    assert_eq!(tls.look().unwrap(), Renewal::Same, "it is told once");
    assert!(client(&renewed).me().await.is_ok());
    // Who does not know the authority, or speaks without TLS, gets nothing.
    assert!(http().get(format!("{}/healthz", server.plane.site.url)).send().await.is_err());
    let mut plain = Raw::to(server.address).await;
    plain.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.rest().await.contains("200 OK"));
    server.stop().await;
}

#[test]
fn certificates_that_are_none_are_told_apart() {
    let files = tempfile::tempdir().unwrap();
    let (certificate, key, _) = certificate(files.path());
    let at = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name)
    };
    let other = at("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    let empty = at("empty.pem", "no PEM at all\n");
    let gone = files.path().join("gone.pem");
    assert!(matches!(Tls::read(&gone, &key), Err(TlsError::Certificate { .. })));
    assert!(matches!(Tls::read(&empty, &key), Err(TlsError::Empty { .. })));
    assert!(matches!(Tls::read(&certificate, &empty), Err(TlsError::Key { .. })));
    assert!(matches!(Tls::read(&certificate, &other), Err(TlsError::Pair(_))));
}

#[tokio::test]
async fn numbers_are_for_the_machine_itself_and_for_tokens() {
    let data = tempfile::tempdir().unwrap();
    let settings = ServerSettings { trust: server::access::Trust::Proxy, ..settings(data.path()) };
    let server = start(settings).await.unwrap();
    let admin = server.first_token.clone().unwrap();
    let get = async |path: &str, from: Option<&str>, token: Option<&str>| {
        let mut request = http().get(format!("http://{}{path}", server.address));
        if let Some(from) = from {
            request = request.header("x-forwarded-for", from);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let outside = Some("203.0.113.7");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(path, outside, None).await, 200);
    }
    assert_eq!(get("/metrics", None, None).await, 200);
    assert_eq!(get("/metrics", Some("127.0.0.1"), None).await, 200);
    assert_eq!(get("/metrics", outside, None).await, 401);
    assert_eq!(get("/metrics", outside, Some("nonsense")).await, 401);
    assert_eq!(get("/metrics", outside, Some(admin.expose())).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_room_wait_and_are_served_then() {
    let data = tempfile::tempdir().unwrap();
    let server = start(ServerSettings { connections: 4, ..settings(data.path()) }).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::to(server.address).await;
        raw.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(raw.status().await, 200);
        idle.push(raw);
    }
    let mut waits = Raw::to(server.address).await;
    waits.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(tokio::time::timeout(Duration::from_millis(200), waits.status()).await.is_err());
    drop(idle.pop());
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), waits.status()).await.unwrap(), 200);
    server.stop().await;
}

#[tokio::test]
async fn who_follows_a_log_or_rests_does_not_hold_the_stop() {
    let rest = Rest::new().await;
    let hand = rest.world.runner(&["lab"]).await;
    rest.dispatch().await;
    let id = hand.take().await.id;
    hand.log(id, 0, &["one"], LogEnd::Open).await.unwrap();
    let job = rest.world.server.plane.store.task(id).await.unwrap().1.number;
    let token = rest.world.server.first_token.clone().unwrap();
    let url = format!("http://{}/api/v1/repos/lab/p/actions/jobs/{job}/logs?follow=true", rest.world.server.address);
    let mut followed = http().get(url).bearer_auth(token.expose()).send().await.unwrap();
    assert!(followed.chunk().await.unwrap().is_some());
    let mut idle = Raw::to(rest.world.server.address).await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(idle.status().await, 200);
    let began = Instant::now();
    let World { server, .. } = rest.world;
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = start(settings(one.path())).await.unwrap();
    let error = start(ServerSettings { listen: first.address, ..settings(two.path()) }).await.unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }), "{error}");
    first.stop().await;
}

#[tokio::test]
async fn the_numbers_are_no_other_names() {
    let data = tempfile::tempdir().unwrap();
    let server = start(settings(data.path())).await.unwrap();
    let url = format!("http://{}/metrics", server.address);
    for (host, status) in [("evil.example", 401), ("localhost:4600", 200), ("127.0.0.1", 200)] {
        let answer = http().get(&url).header("host", host).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
    server.stop().await;
}
