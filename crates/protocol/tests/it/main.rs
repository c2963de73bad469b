//! The client over real sockets: against the fake forge, against a server that breaks off, over TLS, and against a real Gitea.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in helpers too")]

mod calls;
mod faults;
mod gitea;
mod mischief;
mod recorded;
mod tls;
mod wire;

use domain::{RunnerCapability, RunnerKey, RunnerLife, Secret};
use protocol::{Client, ClientSettings, Dialect, Fetch, Registration, Want};
use testkit::FakeForge;

/// What every test starts with.
async fn forge(dialect: Dialect) -> (FakeForge, Client) {
    let forge = FakeForge::start(dialect).await.unwrap();
    let client = Client::new(&ClientSettings::new(forge.url(), "0.0.0")).unwrap();
    (forge, client)
}

fn registration(token: &str, life: RunnerLife) -> Registration {
    Registration {
        name: "r1".to_owned(),
        token: Secret::new(token),
        version: "0.0.0".to_owned(),
        labels: vec!["linux".to_owned(), "big".to_owned()],
        life,
        capabilities: vec![RunnerCapability::Cancelling],
    }
}

async fn registered(client: &Client) -> RunnerKey {
    client.register(registration(FakeForge::TOKEN, RunnerLife::Lasting)).await.unwrap().key()
}

fn anything() -> Fetch {
    Fetch { version: domain::TasksVersion::UNKNOWN, want: Want::One, key: None }
}
