//! REST over a real socket: what Gitea's clients and ours meet.

mod access;
mod bad;
mod outside;
mod reruns;
mod rights;
mod runs;
mod table;
mod things;

use crate::plane::World;
use api::{
    Admission, AuditQuery, Client, ClientError, ClientSettings, CreateVariable, Dispatch, EditRunner, FaultKind,
    NewProject, NewRunnerKey, NewToken, PageQuery, Place, ProjectName, Right, RotateToken, RunQuery, SetSecret, Status,
    TokenKind, TokenState, UpdateVariable,
};
use domain::{Conclusion, Secret};
use std::time::Duration;

const WORKFLOW: &str = "on: [push, workflow_dispatch]\njobs:\n  a:\n    runs-on: lab\n    steps: [{name: hello, run: echo hi}, {uses: actions/checkout@v4}]\n  b: {needs: a, runs-on: lab, steps: [{run: 'true'}]}\n";

pub(crate) struct Rest {
    pub(crate) world: World,
    pub(crate) admin: Client,
    pub(super) project: ProjectName,
    pub(super) place: Place,
}

pub(crate) fn client(world: &World, token: Option<&str>) -> Client {
    Client::new(&ClientSettings {
        url: format!("http://{}", world.server.address),
        token: token.map(Secret::new),
        authority: api::Authority::System,
        timeout: Duration::from_secs(20),
        version: "0.0.0".to_owned(),
    })
    .unwrap()
}

pub(super) fn page(page: u32, limit: u32) -> PageQuery {
    PageQuery { page: Some(page), limit: Some(limit) }
}

/// Status and message of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String) {
    match answer.unwrap_err() {
        ClientError::Refused { status, fault, .. } => {
            (status, fault.fix.map_or(fault.message.clone(), |fix| format!("{}; {fix}", fault.message)))
        }
        other => panic!("{other}"),
    }
}

impl Rest {
    pub(crate) async fn new() -> Self {
        Self::of(World::with(&[(".gitea/workflows/w.yml", WORKFLOW)]).await)
    }

    pub(super) fn of(world: World) -> Self {
        let token = world.server.first_token.clone().unwrap();
        let admin = client(&world, Some(token.expose()));
        let project: ProjectName = "lab/p".parse().unwrap();
        let place = Place::Project(project.clone());
        Self { world, admin, project, place }
    }

    pub(super) async fn token(&self, scope: &str, rights: &[Right]) -> Client {
        let new = NewToken { scope: Some(scope.to_owned()), rights: rights.to_vec(), ..user("one") };
        let made = self.admin.make_token(&new).await.unwrap();
        client(&self.world, Some(&made.token))
    }

    pub(crate) async fn dispatch(&self) -> i64 {
        let dispatch = Dispatch { reference: "main".to_owned(), ..Dispatch::default() };
        self.admin.dispatch(&self.project, "w.yml", &dispatch).await.unwrap().workflow_run_id
    }

    /// Registers a runner with a token, and gives its number.
    pub(super) async fn register(&self, token: &str, name: &str) -> i64 {
        let url = format!("http://{}", self.world.server.address);
        let client = protocol::Client::new(&protocol::ClientSettings::new(url, "0")).unwrap();
        let registration = protocol::Registration {
            name: name.to_owned(),
            token: Secret::new(token),
            version: "0".to_owned(),
            labels: vec!["lab".to_owned()],
            life: domain::RunnerLife::Lasting,
            capabilities: Vec::new(),
        };
        client.register(registration).await.unwrap().id.0
    }

    pub(crate) async fn end(self) {
        self.world.server.stop().await;
    }
}

pub(crate) fn user(name: &str) -> NewToken {
    NewToken {
        kind: TokenKind::User,
        name: name.to_owned(),
        scope: None,
        rights: vec![Right::ReadRuns],
        expires_in_s: None,
        uses: None,
        pool: None,
        labels: Vec::new(),
    }
}
