//! Over TLS: a certificate that the system does not know is refused, unless its authority is named or nobody is asked.

use protocol::{Authority, CallError, Client, ClientError, ClientSettings, Dialect};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use testkit::FakeForge;
use tokio::net::{TcpListener, TcpStream};

/// A TLS end before a fake forge; answers its URL and its authority.
async fn tls(forge: &FakeForge) -> (String, Vec<u8>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = rcgen::CertifiedIssuer::self_signed(parameters, authority_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), forge.address());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut front) = acceptor.accept(stream).await else { return };
                let Ok(mut back) = TcpStream::connect(behind).await else { return };
                drop(tokio::io::copy_bidirectional(&mut front, &mut back).await);
            });
        }
    });
    (format!("https://localhost:{port}"), authority.pem().into_bytes())
}

#[tokio::test]
async fn an_unknown_authority_is_refused_unless_it_is_named_or_nobody_is_asked() {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    let (url, pem) = tls(&forge).await;
    let ping = |authority| {
        let settings = ClientSettings { authority, ..ClientSettings::new(url.clone(), "0.0.0") };
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
