//! Over TLS: a certificate that the system does not know is refused, unless its authority is named or nobody is asked.

use protocol::{Authority, CallError, Client, ClientError, ClientSettings, Dialect};
use testkit::{FakeForge, TlsEnd};

#[tokio::test]
async fn an_unknown_authority_is_refused_unless_it_is_named_or_nobody_is_asked() {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    let end = TlsEnd::before(forge.address()).unwrap();
    let (url, pem) = (end.url(), end.authority().as_bytes().to_vec());
    let ping = |authority| {
        let settings = ClientSettings { authority, ..ClientSettings::new(url, "0.0.0") };
        async move { Client::new(&settings).unwrap().ping("x").await }
    };
    let error = ping(Authority::System).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert!(forge.calls().is_empty());
    assert_eq!(ping(Authority::Also(pem)).await.unwrap().greeting, "Hello, x!");
    assert_eq!(ping(Authority::Anybody).await.unwrap().greeting, "Hello, x!");
}

#[test]
fn what_is_not_pem_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    let settings = ClientSettings {
        authority: Authority::Also(broken.as_bytes().to_vec()),
        ..ClientSettings::new("https://localhost", "0.0.0")
    };
    let error = Client::new(&settings).unwrap_err();
    assert!(matches!(error, ClientError::Authority(_) | ClientError::Setup(_)), "{error}");
}
