//! REST over a real socket: what Gitea's clients and ours meet.

use crate::plane::World;
use api::{
    Admission, AuditQuery, Client, ClientError, ClientSettings, CreateVariable, Dispatch, EditRunner, FaultKind,
    NewProject, NewRunnerKey, NewToken, PageQuery, Place, ProjectName, Right, RotateToken, RunQuery, SetSecret, Status,
    TokenKind, TokenState, UpdateVariable,
};
use domain::{Conclusion, Secret};
use std::time::Duration;

const WORKFLOW: &str = "on: [push, workflow_dispatch]\njobs:\n  a:\n    runs-on: lab\n    steps: [{name: hello, run: echo hi}, {uses: actions/checkout@v4}]\n  b: {needs: a, runs-on: lab, steps: [{run: 'true'}]}\n";

struct Rest {
    world: World,
    admin: Client,
    project: ProjectName,
    place: Place,
}

fn client(world: &World, token: Option<&str>) -> Client {
    Client::new(&ClientSettings {
        url: format!("http://{}", world.server.address),
        token: token.map(Secret::new),
        authority: api::Authority::System,
        timeout: Duration::from_secs(20),
        version: "0.0.0".to_owned(),
    })
    .unwrap()
}

fn page(page: u32, limit: u32) -> PageQuery {
    PageQuery { page: Some(page), limit: Some(limit) }
}

/// Status and message of a refusal.
fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String) {
    match answer.unwrap_err() {
        ClientError::Refused { status, fault, .. } => {
            (status, fault.fix.map_or(fault.message.clone(), |fix| format!("{}; {fix}", fault.message)))
        }
        other => panic!("{other}"),
    }
}

impl Rest {
    async fn new() -> Self {
        let world = World::with(&[(".gitea/workflows/w.yml", WORKFLOW)]).await;
        let token = world.server.first_token.clone().unwrap();
        let admin = client(&world, Some(token.expose()));
        let project: ProjectName = "lab/p".parse().unwrap();
        let place = Place::Project(project.clone());
        Self { world, admin, project, place }
    }

    async fn token(&self, scope: &str, rights: &[Right]) -> Client {
        let new = NewToken { scope: Some(scope.to_owned()), rights: rights.to_vec(), ..user("one") };
        let made = self.admin.make_token(&new).await.unwrap();
        client(&self.world, Some(&made.token))
    }

    async fn dispatch(&self) -> i64 {
        let dispatch = Dispatch { reference: "main".to_owned(), ..Dispatch::default() };
        self.admin.dispatch(&self.project, "w.yml", &dispatch).await.unwrap().workflow_run_id
    }

    /// Registers a runner with a token, and gives its number.
    async fn register(&self, token: &str, name: &str) -> i64 {
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

    async fn end(self) {
        self.world.server.stop().await;
    }
}

fn user(name: &str) -> NewToken {
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

#[tokio::test]
async fn a_run_is_started_shown_cancelled_run_again_and_deleted() {
    let rest = Rest::new().await;
    let Rest { admin, project, place, .. } = &rest;
    let workflows = admin.workflows(project).await.unwrap();
    assert_eq!((workflows.total_count, workflows.workflows[0].id.as_str()), (1, "w.yml"));
    let id = rest.dispatch().await;
    let run = admin.run(project, id).await.unwrap();
    assert_eq!((run.status, run.conclusion, run.run_number, run.run_attempt), (Status::Queued, None, 1, 1));
    assert_eq!((run.path.as_str(), run.head_branch.as_str()), ("w.yml@refs/heads/main", "main"));
    assert_eq!(run.actor.as_ref().unwrap().login, "admin");
    assert_eq!(admin.run_by_id(id).await.unwrap().repository.unwrap().full_name, "lab/p");
    let jobs = admin.jobs_of_run(project, id, PageQuery::default()).await.unwrap();
    let states: Vec<_> = jobs.jobs.iter().map(|job| (job.name.as_str(), job.status)).collect();
    assert_eq!(states, [("a", Status::Queued), ("b", Status::Waiting)]);
    let (a, b) = (jobs.jobs[0].id, jobs.jobs[1].id);
    assert_eq!(admin.why(project, a).await.unwrap().reason.as_deref(), Some("no_matching_label"));
    let why = admin.why(project, b).await.unwrap();
    assert_eq!((why.reason.as_deref(), why.text.contains("'a'")), (Some("dependency"), true), "{why:?}");
    let queue = admin.queue(PageQuery::default()).await.unwrap();
    assert_eq!((queue.total_count, queue.jobs[0].id, queue.reasons.len()), (2, a, 2));
    assert_eq!(admin.job_by_id(b).await.unwrap().project, "lab/p");
    let waiting = admin.jobs(place, &["queued".to_owned()], PageQuery::default()).await.unwrap();
    assert_eq!((waiting.total_count, waiting.jobs[0].id), (1, a));
    assert!(refused(admin.job_log(project, a).await.map(drop)).1.contains("has no log"));
    let (status, text) = refused(admin.delete_run(project, id).await);
    assert_eq!((status, text.as_str()), (400, "this workflow run is not done; cancel it, or wait"));
    assert_eq!(refused(admin.rerun(project, id).await).0, 409);
    admin.cancel_run(project, id).await.unwrap();
    let stored = rest.world.server.plane.store.run(domain::control::RunId(id)).await.unwrap();
    assert_eq!(rest.world.finished(&stored).await, Conclusion::Cancelled);
    let run = admin.run(project, id).await.unwrap();
    assert_eq!((run.status, run.conclusion), (Status::Completed, Some(Conclusion::Cancelled)));
    assert_eq!(admin.job(project, a).await.unwrap().detail.as_deref(), Some("cancelled by admin"));
    assert_eq!(refused(admin.cancel_run(project, id).await).0, 409);
    let again = admin.rerun_job(project, a).await.unwrap();
    assert_eq!((again.name.as_str(), again.run_id), ("a", id));
    let run = admin.run(project, id).await.unwrap();
    assert_eq!(run.run_attempt, 2);
    assert!(run.previous_attempt_url.unwrap().ends_with(&format!("/lab/p/actions/runs/{id}/attempts/1")));
    admin.cancel_run(project, id).await.unwrap();
    rest.world.finished(&stored).await;
    admin.rerun_failed(project, id).await.unwrap();
    admin.cancel_run(project, id).await.unwrap();
    rest.world.finished(&stored).await;
    admin.delete_run(project, id).await.unwrap();
    assert_eq!(refused(admin.run(project, id).await).0, 404);
    rest.end().await;
}

#[tokio::test]
async fn lists_of_runs_are_narrowed_and_come_in_pages() {
    let rest = Rest::new().await;
    for _ in 0..3 {
        rest.dispatch().await;
    }
    let Rest { admin, place, project, .. } = &rest;
    admin.cancel_run(project, 2).await.unwrap();
    rest.world.finished(&rest.world.server.plane.store.run(domain::control::RunId(2)).await.unwrap()).await;
    let ids = async |place: &Place, query: RunQuery, on| {
        let list = admin.runs(place, &query, on).await.unwrap();
        (list.workflow_runs.iter().map(|run| run.id).collect::<Vec<_>>(), list.total_count)
    };
    let all = RunQuery::default();
    assert_eq!(ids(place, all.clone(), page(1, 2)).await, (vec![3, 2], 3));
    assert_eq!(ids(place, all.clone(), page(2, 2)).await, (vec![1], 3));
    assert_eq!(ids(place, all.clone(), page(3, 2)).await, (vec![], 3));
    assert_eq!(ids(&Place::Instance, all.clone(), page(1, 9)).await.1, 3);
    assert_eq!(ids(&Place::Owner("lab".to_owned()), all.clone(), page(1, 9)).await.1, 3);
    let status = |word: &str| RunQuery { status: vec![word.to_owned()], ..RunQuery::default() };
    assert_eq!(ids(place, status("queued"), page(1, 9)).await.0, [3, 1]);
    assert_eq!(ids(place, status("completed"), page(1, 9)).await.0, [2]);
    assert_eq!(ids(place, status("success"), page(1, 9)).await.1, 0);
    let both = RunQuery { status: vec!["cancelled".to_owned(), "queued".to_owned()], ..RunQuery::default() };
    assert_eq!(ids(place, both, page(1, 9)).await.1, 3);
    for (query, count) in [
        (RunQuery { event: Some("workflow_dispatch".to_owned()), ..all.clone() }, 3),
        (RunQuery { event: Some("push".to_owned()), ..all.clone() }, 0),
        (RunQuery { branch: Some("main".to_owned()), ..all.clone() }, 3),
        (RunQuery { branch: Some("other".to_owned()), ..all.clone() }, 0),
        (RunQuery { actor: Some("admin".to_owned()), ..all.clone() }, 3),
        (RunQuery { head_sha: Some("0".repeat(40)), ..all.clone() }, 0),
    ] {
        assert_eq!(ids(place, query.clone(), page(1, 9)).await.1, count, "{query:?}");
    }
    let (code, text) = refused(admin.runs(place, &status("asleep"), page(1, 1)).await);
    assert!(code == 400 && text.starts_with("invalid status asleep; there are queued"), "{text}");
    let jobs = admin.jobs(place, &[], page(2, 4)).await.unwrap();
    assert_eq!((jobs.jobs.len(), jobs.total_count), (2, 6));
    assert!(jobs.jobs[0].id < jobs.jobs[1].id);
    rest.end().await;
}

#[tokio::test]
async fn secrets_and_variables_are_kept_in_three_scopes() {
    let rest = Rest::new().await;
    let Rest { admin, .. } = &rest;
    let secret = |data: &str| SetSecret { data: data.to_owned(), description: "d".to_owned() };
    let value = |value: &str| CreateVariable { value: value.to_owned(), description: String::new() };
    let on = PageQuery::default();
    for place in ["instance", "lab", "lab/p"] {
        let place: Place = place.parse().unwrap();
        admin.set_secret(&place, "Key", &secret("first")).await.unwrap();
        admin.set_secret(&place, "KEY", &secret("second")).await.unwrap();
        let list = admin.secrets(&place, on).await.unwrap();
        assert_eq!((list.len(), list[0].name.as_str(), list[0].description.as_str()), (1, "KEY", "d"));
        for (name, code) in [("1X", 400), ("GITEA_X", 400), ("github_x", 400), ("ci", 400), ("a b", 400)] {
            assert_eq!(refused(admin.set_secret(&place, name, &secret("x")).await).0, code, "{name}");
        }
        assert_eq!(refused(admin.set_secret(&place, "X", &secret("")).await).0, 422);
        assert_eq!(refused(admin.set_secret(&place, "X", &secret(&"x".repeat(70_000))).await).0, 422);
        admin.remove_secret(&place, "key").await.unwrap();
        assert_eq!(refused(admin.remove_secret(&place, "KEY").await).0, 404);
        admin.create_variable(&place, "who", &value("me")).await.unwrap();
        assert_eq!(refused(admin.create_variable(&place, "WHO", &value("you")).await).0, 409);
        admin.set_variable(&place, "who", &value("us")).await.unwrap();
        assert_eq!(admin.variable(&place, "WHO").await.unwrap().data, "us");
        let rename = UpdateVariable { name: "whom".to_owned(), value: "them".to_owned(), description: String::new() };
        admin.update_variable(&place, "who", &rename).await.unwrap();
        let names: Vec<_> = admin.variables(&place, on).await.unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["WHOM"]);
        assert_eq!(refused(admin.variable(&place, "who").await).0, 404);
        admin.remove_variable(&place, "whom").await.unwrap();
    }
    // What went in is nowhere: not in the database, not in its log, not in the audit.
    rest.admin.set_secret(&rest.place, "S", &secret("hunter2-hunter2")).await.unwrap();
    let audit =
        rest.admin.audit(&AuditQuery { action: Some("secret.".to_owned()), ..AuditQuery::default() }).await.unwrap();
    assert_eq!((audit.entries[0].object.as_str(), audit.entries[0].origin.as_str()), ("S of lab/p", "here"));
    assert_eq!(audit.entries.len(), 10);
    let World { server, data, .. } = rest.world;
    server.stop().await;
    let found = std::fs::read_dir(data.path()).unwrap().filter_map(Result::ok).filter(|file| file.path().is_file());
    for file in found {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(15).any(|window| window == b"hunter2-hunter2"), "{:?}", file.path());
    }
}

#[tokio::test]
async fn runners_are_registered_changed_and_removed_in_their_scope() {
    let rest = Rest::new().await;
    let Rest { admin, place, .. } = &rest;
    let token = admin.registration_token(place).await.unwrap().token;
    assert_eq!(admin.registration_token(place).await.unwrap().token, token, "it is said again");
    let instance = admin.registration_token(&Place::Instance).await.unwrap().token;
    assert_ne!(instance, token);
    let one = rest.register(&token, "one").await;
    rest.register(&token, "two").await;
    let all = admin.runners(&Place::Instance, PageQuery::default()).await.unwrap();
    assert_eq!(all.total_count, 2);
    let list = admin.runners(place, page(1, 1)).await.unwrap();
    let runner = &list.runners[0];
    assert_eq!((list.total_count, runner.name.as_str(), runner.scope.as_str()), (2, "one", "lab/p"));
    assert_eq!((runner.labels[0].name.as_str(), runner.labels[0].kind.as_str()), ("lab", "custom"));
    assert_eq!(admin.runners(&Place::Owner("lab".to_owned()), PageQuery::default()).await.unwrap().total_count, 0);
    let owner = Place::Owner("lab".to_owned());
    assert_eq!(refused(admin.runner(&owner, one).await).0, 404, "it is of another scope");
    let disabled = admin.edit_runner(place, one, EditRunner { disabled: Some(true) }).await.unwrap();
    assert!(disabled.disabled && disabled.admission == Admission::Disabled);
    assert_eq!(refused(admin.edit_runner(place, one, EditRunner::default()).await).0, 422);
    assert!(!admin.edit_runner(&Place::Instance, one, EditRunner { disabled: Some(false) }).await.unwrap().disabled);
    assert_eq!(admin.drain_runner(place, one).await.unwrap().admission, Admission::Draining);
    let key = admin.new_runner_key(place, one, NewRunnerKey { grace_s: Some(0) }).await.unwrap();
    assert!(key.token.starts_with("ekiden_run_") && key.uuid == runner.uuid);
    admin.remove_runner(place, one).await.unwrap();
    assert_eq!(refused(admin.runner(place, one).await).0, 404);
    assert_eq!(refused(admin.remove_runner(place, 77).await).0, 404);
    rest.end().await;
}

#[tokio::test]
async fn tokens_are_made_rotated_and_revoked() {
    let rest = Rest::new().await;
    let Rest { admin, .. } = &rest;
    let made = admin.make_token(&NewToken { rights: vec![Right::Admin], ..user("second") }).await.unwrap();
    let second = client(&rest.world, Some(&made.token));
    assert_eq!(second.me().await.unwrap().login, "second");
    let rotated = admin.rotate_token(made.facts.id, RotateToken { grace_s: Some(600) }).await.unwrap();
    assert!(second.me().await.is_ok(), "it is in its grace");
    assert_eq!(refused(admin.rotate_token(made.facts.id, RotateToken::default()).await).0, 409);
    let third = client(&rest.world, Some(&rotated.token));
    assert!(third.me().await.unwrap().is_admin);
    let dead = admin.revoke_token(rotated.facts.id).await.unwrap();
    assert_eq!(dead.state, TokenState::Dead);
    assert_eq!(third.me().await.unwrap_err().kind(), FaultKind::Auth);
    let list = admin.tokens(TokenKind::User, PageQuery::default()).await.unwrap();
    let states: Vec<_> = list.tokens.iter().map(|token| (token.name.as_str(), token.state)).collect();
    assert_eq!(states, [("second", TokenState::Dead), ("second", TokenState::Grace), ("admin", TokenState::Live)]);
    let registration = NewToken {
        kind: TokenKind::Registration,
        rights: Vec::new(),
        pool: Some("big".to_owned()),
        labels: vec!["lab".to_owned()],
        ..user("big ones")
    };
    let made = admin.make_token(&registration).await.unwrap();
    assert_eq!((made.facts.uses_left, made.facts.pool.as_deref()), (Some(1), Some("big")));
    let one = rest.register(&made.token, "one").await;
    assert_eq!(admin.runner(&Place::Instance, one).await.unwrap().pool.as_deref(), Some("big"));
    let spent = admin.tokens(TokenKind::Registration, PageQuery::default()).await.unwrap();
    assert_eq!(spent.tokens[0].state, TokenState::Dead, "it was for one");
    for (wrong, code) in [
        (NewToken { rights: Vec::new(), ..user("none") }, 422),
        (NewToken { name: " ".to_owned(), ..user("") }, 422),
        (NewToken { scope: Some("a/b/c".to_owned()), ..user("x") }, 422),
        (NewToken { scope: Some("lab/none".to_owned()), ..user("x") }, 404),
        (NewToken { kind: TokenKind::Runner, ..user("x") }, 422),
        (NewToken { pool: Some("p".to_owned()), ..user("x") }, 422),
        (NewToken { expires_in_s: Some(u64::MAX), ..registration.clone() }, 422),
    ] {
        assert_eq!(refused(admin.make_token(&wrong).await).0, code, "{wrong:?}");
    }
    let expiring = NewToken { expires_in_s: Some(0), ..user("short") };
    let expired = client(&rest.world, Some(&admin.make_token(&expiring).await.unwrap().token));
    assert!(refused(expired.me().await).1.starts_with("the token is dead: Expired"));
    let audit = admin.audit(&AuditQuery { action: Some("token.".to_owned()), ..AuditQuery::default() }).await.unwrap();
    let actions: Vec<_> = audit.entries.iter().rev().take(5).map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["token.make", "token.make", "token.make", "token.rotate", "token.revoke"]);
    assert_eq!(audit.entries.last().unwrap().actor, "first start");
    rest.end().await;
}

#[tokio::test]
async fn projects_are_made_and_forgotten() {
    let rest = Rest::new().await;
    let Rest { admin, project, .. } = &rest;
    let new = |owner: &str, name: &str, git: &str| NewProject {
        owner: owner.to_owned(),
        name: name.to_owned(),
        git: git.to_owned(),
    };
    let git = rest.world.repository.path().to_string_lossy().into_owned();
    let made = admin.add_project(&new("Acme", "shop", &git)).await.unwrap();
    assert_eq!((made.full_name.as_str(), made.git.as_str()), ("Acme/shop", git.as_str()));
    assert_eq!(refused(admin.add_project(&new("acme", "SHOP", &git)).await).0, 409);
    for wrong in
        [new("a/b", "c", &git), new("a", "..", &git), new("a", "b", "relative/path"), new("a", "b", "--upload-pack=x")]
    {
        assert_eq!(refused(admin.add_project(&wrong).await).0, 422, "{wrong:?}");
    }
    let list = admin.projects(PageQuery::default()).await.unwrap();
    let names: Vec<_> = list.projects.iter().map(|one| one.full_name.as_str()).collect();
    assert_eq!((list.total_count, names), (2, vec!["Acme/shop", "lab/p"]));
    rest.dispatch().await;
    admin.remove_project(project).await.unwrap();
    assert_eq!(refused(admin.project(project).await).0, 404);
    assert_eq!(refused(admin.run_by_id(1).await).0, 404, "its runs went with it");
    rest.end().await;
}

#[tokio::test]
async fn a_token_does_what_it_may_where_it_may() {
    let rest = Rest::new().await;
    let Rest { admin, project, place, .. } = &rest;
    let git = rest.world.repository.path().to_string_lossy().into_owned();
    let other = NewProject { owner: "acme".to_owned(), name: "shop".to_owned(), git };
    admin.add_project(&other).await.unwrap();
    let id = rest.dispatch().await;
    // Nobody, and what is no token.
    let nobody = client(&rest.world, None);
    let (code, text) = refused(nobody.run(project, id).await);
    assert!(code == 401 && text.contains("Authorization: token ekiden_user_"), "{text}");
    assert!(nobody.version().await.unwrap().version.starts_with("1.27.3+ekiden-"));
    for wrong in ["nonsense", "ekiden_user_000000000000000000000000000_000000", "ekiden_user_short_000000"] {
        assert_eq!(refused(client(&rest.world, Some(wrong)).me().await).0, 401, "{wrong}");
    }
    let registration = admin.registration_token(place).await.unwrap().token;
    assert!(refused(client(&rest.world, Some(&registration)).me().await).1.contains("a token that registers runners"));
    // One that may only read.
    let reader = rest.token("lab/p", &[Right::ReadRuns]).await;
    assert_eq!(reader.run(project, id).await.unwrap().id, id);
    assert_eq!(reader.run_by_id(id).await.unwrap().id, id);
    let (code, text) = refused(reader.cancel_run(project, id).await);
    assert_eq!((code, text.ends_with("it lacks the right write:runs; use a token with write:runs")), (403, true));
    let on = PageQuery::default();
    assert_eq!(refused(reader.secrets(place, on).await).0, 403);
    assert_eq!(refused(reader.runners(place, on).await).0, 403);
    assert_eq!(refused(reader.registration_token(place).await).0, 403);
    assert_eq!(refused(reader.tokens(TokenKind::User, on).await).0, 403);
    assert_eq!(refused(reader.audit(&AuditQuery::default()).await).0, 403);
    assert_eq!(refused(reader.remove_project(project).await).0, 403);
    assert_eq!(refused(reader.runs(&Place::Instance, &RunQuery::default(), on).await).0, 403);
    assert_eq!(reader.projects(on).await.unwrap().total_count, 1);
    assert_eq!(reader.queue(on).await.unwrap().total_count, 2);
    // What is another's is not there.
    let shop: ProjectName = "acme/shop".parse().unwrap();
    let foreign = rest.token("acme", &[Right::Admin]).await;
    assert_eq!(foreign.project(&shop).await.unwrap().name, "shop");
    assert_eq!(foreign.queue(on).await.unwrap().total_count, 0);
    let there = refused(foreign.run(project, id).await);
    let nowhere = refused(foreign.run(&"lab/none".parse().unwrap(), id).await);
    assert_eq!((there.0, there.1.replace("lab/p", "X")), (nowhere.0, nowhere.1.replace("lab/none", "X")));
    assert_eq!(refused(foreign.run_by_id(id).await).0, 404);
    assert_eq!(refused(foreign.run(&shop, id).await).0, 404, "another project's run");
    assert_eq!(refused(foreign.job(&shop, 1).await).0, 404);
    assert_eq!(refused(foreign.runners(&Place::Instance, on).await).0, 403);
    assert_eq!(refused(foreign.audit(&AuditQuery::default()).await).0, 403);
    // It makes tokens of its own scope alone, with no more rights than its own.
    let made = foreign.make_token(&NewToken { scope: Some("acme/shop".to_owned()), ..user("ci") }).await.unwrap();
    assert_eq!(made.facts.scope, "acme/shop");
    assert_eq!(refused(foreign.make_token(&user("everywhere")).await).0, 403);
    assert_eq!(refused(foreign.make_token(&NewToken { scope: Some("lab/p".to_owned()), ..user("x") }).await).0, 404);
    let small = rest.token("lab", &[Right::WriteTokens, Right::ReadRuns]).await;
    let (code, text) = refused(
        small.make_token(&NewToken { scope: Some("lab".to_owned()), rights: vec![Right::Admin], ..user("x") }).await,
    );
    assert!(code == 403 && text.starts_with("the token cannot have the right admin"), "{text}");
    // Nor does it touch one that may more, or one of another scope.
    assert_eq!(refused(small.revoke_token(1).await).0, 404);
    assert_eq!(refused(foreign.revoke_token(1).await).0, 404);
    // Only the instance names a path of the machine, or makes owners.
    let path = NewProject { owner: "acme".to_owned(), name: "x".to_owned(), git: "/etc".to_owned() };
    assert_eq!(refused(foreign.add_project(&path).await).0, 403);
    let url = NewProject { git: "https://host.invalid/x.git".to_owned(), ..path };
    foreign.add_project(&url).await.unwrap();
    assert_eq!(refused(foreign.add_project(&NewProject { owner: "new".to_owned(), ..url }).await).0, 403);
    rest.end().await;
}
