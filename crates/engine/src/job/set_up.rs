//! "Set up job": fetches the actions, makes the sandbox, evaluates what the job says about all its steps.
//!
//! [`prepare`] says nothing yet, so that it may go on while other jobs still hold the machine; [`begin`] tells it.

use super::actions::{ActionError, Catalog, CheckoutIs, Fetched, Origin, Places};
use super::contexts::{ContextError, GithubFacts, Phase, StepScope};
use super::frame::Frame;
use super::request::{CheckoutTime, JobInFile, JobRequest, Keep};
use super::running::{Checkouts, Fixed, Job, RunDefaults};
use super::state::{EnvMap, State};
use super::step::{REPOSITORIES_INSIDE, describe};
use super::views;
use super::{containers, environment};
use crate::cancel::CancelSignal;
use crate::output::{Debugging, JobMatchers, RepositoryIdentity, StepLog};
use domain::Secret;
use mask::{Added, Masker};
use sandbox::{InsideFile, Layout, Mount, Sandbox, SandboxError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio::sync::OnceCell;
use workflow::checkout::{CheckoutView, OwnComes};
use workflow::expr::{Object, Value};
use workflow::model::{JobKind, NormalJob, Workflow};
use workflow::plan::FileReference;
use workflow::template::Template;

/// What is ready before the first event.
pub(crate) struct Prepared {
    pub(crate) sandbox: Box<dyn Sandbox>,
    pub(crate) keep: Keep,
    catalog: Catalog,
    fetched: Fetched,
    places: Places,
    checkout: Option<Checkouts>,
}

/// A job that cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetUpError {
    /// An action cannot be had.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// An expression of the job is wrong.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The job asks for what this version does not have.
    #[error(transparent)]
    Containers(#[from] containers::NoContainers),
    /// The platform's fault.
    #[error("{}", describe(.0))]
    Sandbox(#[from] SandboxError),
    /// The planner gave a job without steps.
    #[error("the job '{0}' has no steps: it calls a reusable workflow and is not run by itself")]
    NoSteps(String),
    /// The job ended before it began; how the log tells it.
    #[error("{0}")]
    Cancelled(String),
}

/// The job's part of its file.
pub(crate) fn normal(workflow: &Workflow, index: usize) -> Result<&NormalJob, SetUpError> {
    match workflow.jobs.get(index).map(|job| (&job.kind, &job.id)) {
        Some((JobKind::Normal(normal), _)) => Ok(normal),
        Some((JobKind::Reusable(_), id)) => Err(SetUpError::NoSteps(id.value.clone())),
        None => Err(SetUpError::NoSteps(format!("number {index}"))),
    }
}

/// Fetches the actions and makes the sandbox.
pub(crate) async fn prepare(request: &JobRequest) -> Result<Prepared, SetUpError> {
    let workflow = Arc::clone(&request.source.workflow);
    let steps = &normal(&workflow, request.source.index)?.steps;
    let places = if request.sandbox.backend.name() == "host" { Places::Host } else { Places::Mounted };
    let origin = origin(&request.source);
    let checkout_is = if request.checkout.is_some() { CheckoutIs::BuiltIn } else { CheckoutIs::AnAction };
    let catalog = Catalog::new(Arc::clone(&request.actions), checkout_is);
    let fetched = catalog.load(catalog.wanted(steps, &origin), &places).await?;

    let mut spec = request.sandbox.spec.clone();
    if places == Places::Mounted {
        for tree in &fetched.trees {
            // Two references may stand for the same commit.
            if !spec.mounts.iter().any(|mount| mount.inside == tree.inside) {
                spec.mounts.push(Mount { host: tree.fetched.tree.clone(), inside: tree.inside.clone() });
            }
        }
    }
    let mut checkout = None;
    if let Some(rules) = &request.checkout {
        let mut wanted = views::wanted(steps, &catalog, &origin, rules.source.as_ref());
        if rules.when == CheckoutTime::First {
            wanted.trees += 1;
        }
        if rules.source.own() == OwnComes::LikeOthers {
            wanted = wanted.like_others();
        }
        let failed = |error: workflow::checkout::CheckoutUnavailable| ActionError(error.to_string());
        let mut repositories = PathBuf::from(REPOSITORIES_INSIDE);
        if wanted.trees + wanted.objects > 0 {
            spec.views.extend(rules.source.views(wanted.trees as usize, wanted.objects as usize).map_err(failed)?);
        }
        if wanted.others {
            let host = rules.source.repositories().map_err(failed)?;
            if places == Places::Host {
                repositories = host;
            } else {
                spec.mounts.push(Mount { host, inside: repositories.clone() });
            }
        }
        checkout = Some(Checkouts::new(Arc::clone(&rules.source), wanted.trees, wanted.objects, repositories));
    }
    let sandbox = request.sandbox.backend.prepare(spec).await?;
    let workspace = sandbox.layout().workspace.clone();
    if let (Some(checkout), Some(rules)) = (&mut checkout, &request.checkout) {
        match rules.when {
            CheckoutTime::Step => {}
            CheckoutTime::Present => checkout.present = Some(workspace),
            CheckoutTime::First => {
                if let Some(view) = checkout.view(CheckoutView::WorkingTree) {
                    sandbox.place(&view, &workspace).await?;
                }
                checkout.present = Some(workspace);
            }
        }
    }
    Ok(Prepared { sandbox, keep: request.sandbox.keep, catalog, fetched, places, checkout })
}

/// What `$/` means in a workflow file.
fn origin(source: &JobInFile) -> Origin {
    match &source.file {
        FileReference::Local(_) => own(source),
        FileReference::Remote(action) => {
            Origin::Other(workflow::action_source::ActionRef { path: String::new(), ..action.clone() })
        }
    }
}

/// What `$/` means in the repository of the run.
fn own(source: &JobInFile) -> Origin {
    source.own.clone().map_or(Origin::Own, Origin::Other)
}

/// Says what was prepared and evaluates what holds for all steps.
pub(crate) async fn begin(
    request: JobRequest,
    prepared: Prepared,
    masker: Masker,
    cancel: CancelSignal,
    log: &StepLog,
) -> (Job, Result<(), SetUpError>) {
    let name = request.name.clone();
    tell(&request, &prepared, log).await;
    let fetched = prepared.fetched.trees.iter().filter_map(|tree| tree.fetched.notice.clone()).collect::<Vec<_>>();
    for notice in fetched {
        log.notice(&notice).await;
    }
    for (name, secret) in &request.secrets {
        if !secret.expose().is_empty() && masker.add(secret.expose()) == Added::TooShort {
            log.warning(&format!("The secret '{name}' has a single character; it is not masked.")).await;
        }
    }
    let given = request.env.iter().cloned().collect();
    let mut job = job(request, prepared, masker, cancel);
    job.state.apply(given, Vec::new());
    let result = evaluate(&mut job, log).await;
    log.say(&format!("Complete job name: {name}")).await;
    (job, result)
}

async fn tell(request: &JobRequest, prepared: &Prepared, log: &StepLog) {
    let mut text = format!("Current runner version: 'ekiden {}'\n", env!("CARGO_PKG_VERSION"));
    text.push_str(&format!("Runner name: '{}'\n", request.runner.name));
    for line in &request.head {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("Prepare workflow directory\n");
    if !prepared.fetched.trees.is_empty() {
        text.push_str("Prepare all required actions\n");
    }
    for tree in &prepared.fetched.trees {
        let (action, fetched) = (&tree.action, &tree.fetched);
        text.push_str(&format!(
            "Action repository '{}@{}' (SHA:{}) from {}\n",
            action.repository, action.reference, fetched.commit, fetched.from
        ));
    }
    log.say(&text).await;
}

fn job(request: JobRequest, prepared: Prepared, masker: Masker, cancel: CancelSignal) -> Job {
    let layout = prepared.sandbox.layout();
    let debugging = debugging(&request);
    let runner = runner(&request, layout, debugging);
    let github = github(&request, layout);
    let text = |name: &str| github.get(name).map(|value| value.to_text().into_owned()).unwrap_or_default();
    let identity = RepositoryIdentity { server_url: text("server_url"), repository: text("repository") };
    let fixed = Fixed {
        env: environment::fixed(&github, &runner),
        github,
        runner: runner.into(),
        secrets: secrets(&request).into(),
    };
    let mut base_env = vec![
        ("PATH".to_owned(), layout.path.clone()),
        ("HOME".to_owned(), layout.home.to_string_lossy().into_owned()),
        ("USER".to_owned(), layout.user.clone()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("AGENT_TOOLSDIRECTORY".to_owned(), layout.tool_cache.to_string_lossy().into_owned()),
    ];
    base_env.extend(layout.env.iter().cloned());
    base_env.extend(request.environment);
    Job {
        origin: origin(&request.source),
        own: own(&request.source),
        source: request.source,
        given: request.contexts,
        fixed,
        sandbox: prepared.sandbox,
        sink: request.events,
        masker,
        debugging,
        matchers: JobMatchers::default(),
        identity,
        cancel,
        hooks: request.hooks,
        timing: request.timing,
        state: State::default(),
        catalog: prepared.catalog,
        programs: request.programs,
        checkout: prepared.checkout,
        places: prepared.places,
        own_tree: OnceCell::new(),
        base_env,
        action_env: request.action_environment,
        aliases: request.aliases,
        defaults: RunDefaults::default(),
        numbers: AtomicU32::new(1),
    }
}

fn debugging(request: &JobRequest) -> Debugging {
    let asked = |text: &str| ["1", "true", "$true"].iter().any(|yes| text.eq_ignore_ascii_case(yes));
    let secret = request
        .secrets
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("ACTIONS_STEP_DEBUG") && asked(value.expose()));
    let variable = request.contexts.vars.get("ACTIONS_STEP_DEBUG").is_some_and(|value| asked(&value.to_text()));
    if secret || variable { Debugging::Shown } else { Debugging::Hidden }
}

fn runner(request: &JobRequest, layout: &Layout, debugging: Debugging) -> Object {
    let facts = &request.runner;
    let mut runner = Object::new();
    if debugging == Debugging::Shown {
        runner.insert("debug", "1");
    }
    runner.insert("os", facts.os.as_str());
    runner.insert("arch", facts.arch.as_str());
    runner.insert("name", facts.name.as_str());
    runner.insert("environment", facts.environment.as_str());
    runner.insert("tool_cache", layout.tool_cache.to_string_lossy().as_ref());
    runner.insert("temp", layout.temp.to_string_lossy().as_ref());
    runner.insert("workspace", layout.work.to_string_lossy().as_ref());
    runner
}

fn event_path(layout: &Layout) -> PathBuf {
    layout.temp.join("_github_workflow").join("event.json")
}

fn github(request: &JobRequest, layout: &Layout) -> Object {
    let mut github = request.contexts.github.as_object().cloned().unwrap_or_default();
    github.insert("token", request.token.as_ref().map_or("", Secret::expose));
    if let Some(job) = request.source.workflow.jobs.get(request.source.index) {
        github.insert("job", job.id.value.as_str());
    }
    if !github.contains_key("workflow") {
        let workflow = &request.source.workflow;
        github.insert("workflow", workflow.name.as_ref().map_or(workflow.path.as_str(), |name| name.value.as_str()));
    }
    if !github.contains_key("event") {
        github.insert("event", Object::new());
    }
    github.insert("workspace", layout.workspace.to_string_lossy().as_ref());
    github.insert("event_path", event_path(layout).to_string_lossy().as_ref());
    github
}

fn secrets(request: &JobRequest) -> Object {
    let mut secrets = Object::new();
    for (name, value) in &request.secrets {
        secrets.insert(name.as_str(), value.expose());
    }
    if let Some(token) = &request.token {
        secrets.insert("GITHUB_TOKEN", token.expose());
    }
    secrets
}

/// The event's file, `env`, `defaults`, containers.
async fn evaluate(job: &mut Job, log: &StepLog) -> Result<(), SetUpError> {
    let workflow = Arc::clone(&job.source.workflow);
    let normal = normal(&workflow, job.source.index)?;
    let event = job.fixed.github.get("event").map_or(serde_json::Value::Null, Value::to_json);
    let path = event_path(job.sandbox.layout());
    let file = InsideFile { path, content: event.to_string().into_bytes(), executable: false };
    job.sandbox.write(vec![file]).await?;

    let frame = Frame::job();
    let github = GithubFacts::default();
    for template in [workflow.env.as_ref(), normal.env.as_ref()].into_iter().flatten() {
        let env = job.state.env();
        let scope = StepScope::new(job, &frame, Phase::Main, &env, &github);
        let pairs = scope.evaluate(|scope| template.evaluate_texts(scope)).await?;
        job.state.apply(pairs.into_iter().map(|(name, value)| (name, value.to_string())).collect(), Vec::new());
    }
    let env: EnvMap = job.state.env();
    let scope = StepScope::new(job, &frame, Phase::Main, &env, &github);
    containers::refuse(&scope, normal, log).await?;
    let defaults = RunDefaults {
        shell: first(&scope, [&normal.defaults.shell, &workflow.defaults.shell]).await?,
        working_directory: first(&scope, [&normal.defaults.working_directory, &workflow.defaults.working_directory])
            .await?,
    };
    job.defaults = defaults;
    Ok(())
}

/// The first of some texts that is not empty.
async fn first(scope: &StepScope<'_>, templates: [&Option<Template>; 2]) -> Result<Option<String>, ContextError> {
    for template in templates.into_iter().flatten() {
        let text = scope.evaluate(|scope| template.evaluate_text(scope)).await?;
        if !text.is_empty() {
            return Ok(Some(text.to_string()));
        }
    }
    Ok(None)
}
