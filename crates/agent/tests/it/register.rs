//! Registering against a forge over real sockets.

use agent::{Label, NewRunner, RegisterError, RegistrationError, RegistrationFile, register};
use domain::{RunnerLife, Secret};
use protocol::{CallError, Client, ClientSettings, Dialect, Fetch, Want};
use testkit::{FakeForge, Mischief};

fn new(token: &str) -> NewRunner {
    NewRunner {
        name: "r1".to_owned(),
        token: Secret::new(token),
        labels: vec![Label::parse("linux").unwrap(), Label::parse("box:host").unwrap()],
        life: RunnerLife::Ephemeral,
        version: "0.0.0".to_owned(),
    }
}

async fn forge() -> (FakeForge, Client, tempfile::TempDir) {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    let client = Client::new(&ClientSettings::new(forge.url(), "0.0.0")).unwrap();
    (forge, client, tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn a_registration_is_kept_and_good() {
    let (forge, client, data) = forge().await;
    let file = RegistrationFile::of(data.path());
    let registered = register(&client, new(FakeForge::TOKEN), &file).await.unwrap();
    assert!(registered.notes.is_empty());
    let kept = file.load().unwrap();
    assert_eq!(kept, registered.registration);
    assert_eq!(kept.instance, forge.url());
    // The forge gets names, without backends.
    assert_eq!(forge.runners()[0].labels, ["linux", "box"]);
    let fetch = Fetch { version: domain::TasksVersion::UNKNOWN, want: Want::One, key: None };
    client.fetch(&kept.key, fetch).await.unwrap();
}

#[tokio::test]
async fn nothing_is_asked_when_there_is_a_registration() {
    let (forge, client, data) = forge().await;
    let file = RegistrationFile::of(data.path());
    register(&client, new(FakeForge::TOKEN), &file).await.unwrap();
    let error = register(&client, new(FakeForge::TOKEN), &file).await.unwrap_err();
    assert!(matches!(error, RegisterError::File(RegistrationError::Present { .. })), "{error}");
    assert_eq!((forge.runners().len(), forge.calls().len()), (1, 2));
}

#[tokio::test]
async fn a_refusal_leaves_no_file() {
    let (_forge, client, data) = forge().await;
    let file = RegistrationFile::of(data.path());
    let error = register(&client, new("wrong"), &file).await.unwrap_err();
    assert!(matches!(error, RegisterError::Call(CallError::Credentials { .. })), "{error}");
    file.must_be_free().unwrap();
    let nameless = NewRunner { name: String::new(), ..new(FakeForge::TOKEN) };
    assert!(matches!(register(&client, nameless, &file).await, Err(RegisterError::Name(_))));
}

#[tokio::test]
async fn the_token_goes_only_to_what_speaks_the_protocol() {
    let (forge, client, data) = forge().await;
    forge.misbehave("Ping", Mischief::Page, 1);
    let error = register(&client, new(FakeForge::TOKEN), &RegistrationFile::of(data.path())).await.unwrap_err();
    assert!(matches!(error, RegisterError::Call(CallError::Garbled { .. })), "{error}");
    assert_eq!(forge.calls(), ["Ping"]);
}
