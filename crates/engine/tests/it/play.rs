//! Plays a workflow from its text to its report and gives what was said.

use crate::plain::Plain;
use async_trait::async_trait;
use domain::{
    Annotation, AnnotationLevel, Conclusion, JobEvent, JobEventKind, Secret, StepPhase, StepRef, SystemClock, View,
    ViewPart,
};
use engine::cancel::{self, Canceller};
use engine::job::{CheckoutRules, CheckoutTime, Hook, HookShell, Hooks, Keep, RunnerFacts, Timing};
use engine::local::{self, Labels, LocalRun, RunReport};
use sandbox::{Limits, Network, Profile, Root, SandboxSpec, Workspace};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use workflow::action_source::{ActionRef, ActionSource, FetchedRepository, Unavailable};
use workflow::checkout::{CheckoutPlan, CheckoutRequest, CheckoutSource, CheckoutUnavailable, CheckoutView, Inside};
use workflow::expr::Value;
use workflow::plan::{FileReference, Files, PlanOutcome, plan};
use workflow::run::{RunInputs, workflow_concurrency};

/// What to play. Files are those of the repository; actions are folders by `owner/repo`.
#[derive(Debug)]
pub(crate) struct Play {
    text: String,
    files: Vec<(String, String)>,
    actions: Vec<(String, String, String)>,
    secrets: Vec<(String, String)>,
    vars: serde_json::Value,
    served: Vec<String>,
    jobs: usize,
    hooks: Hooks,
    when: CheckoutTime,
    patience: Duration,
}

/// Everything that was said.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) report: RunReport,
    pub(crate) events: Vec<JobEvent>,
}

impl Play {
    /// A workflow started by `push`; `on` and one job named `a` may be left out.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            files: Vec::new(),
            actions: Vec::new(),
            secrets: Vec::new(),
            vars: serde_json::json!({}),
            served: vec!["ubuntu-latest".to_owned()],
            jobs: 4,
            hooks: Hooks::default(),
            when: CheckoutTime::Step,
            patience: Duration::from_millis(300),
        }
    }

    /// One job `a` with these steps, indented by nothing.
    pub(crate) fn steps(steps: &str) -> Self {
        let indented: String = steps.trim_matches('\n').lines().map(|line| format!("      {line}\n")).collect();
        Self::new(&format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{indented}"))
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    pub(crate) fn action(mut self, repository: &str, path: &str, text: &str) -> Self {
        self.actions.push((repository.to_owned(), path.to_owned(), text.to_owned()));
        self
    }

    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn vars(mut self, vars: serde_json::Value) -> Self {
        self.vars = vars;
        self
    }

    pub(crate) fn hooks(mut self, started: &str, completed: &str) -> Self {
        let hook = |script: &str| Some(Hook { script: script.into(), shell: HookShell::Bash });
        self.hooks = Hooks { started: hook(started), completed: hook(completed) };
        self
    }

    pub(crate) fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    pub(crate) fn checkout(mut self, when: CheckoutTime) -> Self {
        self.when = when;
        self
    }

    /// How long a step that is cancelled may take over each signal: a shell on a busy machine does not hear one at once.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) async fn run(self) -> Played {
        self.watched(|_, _| {}).await
    }

    /// Plays; `watch` sees every event and may end the run.
    pub(crate) async fn watched(self, mut watch: impl FnMut(&JobEvent, &Canceller)) -> Played {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        fs::create_dir_all(&repository).unwrap();
        put(&repository, &self.files);
        let store = folder.path().join("store");
        for (name, path, text) in &self.actions {
            put(&store.join(name), &[(path.clone(), text.clone())]);
        }
        let path = ".github/workflows/ci.yml";
        let mut files = Files::new();
        files.insert(FileReference::Local(path.to_owned()), self.text.as_str());
        for (name, text) in &self.files {
            if name.starts_with(".github/workflows/") {
                files.insert(FileReference::Local(name.clone()), text.as_str());
            }
        }
        let plan = match plan(&files, path) {
            PlanOutcome::Ready(plan) => Arc::new(*plan),
            other => panic!("{other:?}"),
        };
        let (sender, mut receiver) = engine::events::channel();
        let (canceller, signal) = cancel::channel();
        let github = serde_json::json!({
            "event_name": "push", "repository": "o/r", "sha": "0123456789012345678901234567890123456789", "ref": "refs/heads/main",
            "ref_name": "main", "actor": "somebody", "server_url": "https://github.com", "run_id": "7", "event": {"word": "payload"},
        });
        let inputs = RunInputs { github: Value::from_json(&github), ..RunInputs::default() };
        let concurrency = workflow_concurrency(&plan, &inputs).unwrap();
        let run = local::run(LocalRun {
            ended: Vec::new(),
            own: None,
            masked: Vec::new(),
            aliases: Vec::new(),
            head: Vec::new(),
            concurrency,
            hooks: self.hooks,
            cells: Vec::new(),
            longest: None,
            plan,
            github: Value::from_json(&github),
            vars: Value::from_json(&self.vars),
            inputs: Value::from_json(&serde_json::json!({})),
            secrets: self.secrets.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect(),
            token: None,
            environment: vec![("FROM_OUTSIDE".to_owned(), "outside".to_owned())],
            action_environment: vec![("ACTIONS_RUNTIME_TOKEN".to_owned(), Secret::new("runtime-token"))],
            runner: RunnerFacts {
                name: "here".to_owned(),
                os: "Linux".to_owned(),
                arch: "X64".to_owned(),
                environment: "self-hosted".to_owned(),
            },
            backend: Arc::new(Plain),
            sandbox: spec(),
            keep: Keep::Never,
            actions: Arc::new(Store(store)),
            checkout: Some(CheckoutRules { source: Arc::new(Repository(repository)), when: self.when }),
            labels: Labels { served: self.served },
            room: local::Room::new(self.jobs),
            env: Vec::new(),
            events: sender,
            cancel: signal,
            clock: Arc::new(SystemClock),
            timing: Timing {
                interrupt: self.patience,
                terminate: self.patience,
                drain: Duration::from_millis(300),
                minute: Duration::from_millis(200),
            },
        });
        let mut events = Vec::new();
        let read = async {
            while let Some(event) = receiver.recv().await {
                watch(&event, &canceller);
                events.push(event);
            }
        };
        let (report, ()) = tokio::join!(run, read);
        Played { report, events }
    }
}

fn put(folder: &Path, files: &[(String, String)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn spec() -> SandboxSpec {
    SandboxSpec {
        name: "test".to_owned(),
        root: Root::Host,
        profile: Profile::Hardened,
        network: Network::None,
        limits: Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None },
        repository_name: "repo".to_owned(),
        workspace: Workspace::Empty,
        path: Vec::new(),
        expose: Vec::new(),
        mounts: Vec::new(),
        views: Vec::new(),
        tool_cache: None,
    }
}

#[derive(Debug)]
struct Store(PathBuf);

impl ActionSource for Store {
    fn fetch(&self, action: &ActionRef) -> Result<FetchedRepository, Unavailable> {
        let tree = self.0.join(&action.repository);
        if !tree.is_dir() {
            let tried = vec!["store: not there".to_owned()];
            return Err(Unavailable { action: format!("{}@{}", action.repository, action.reference), tried });
        }
        Ok(FetchedRepository { commit: "c0ffee".to_owned(), tree, from: "store".to_owned(), notice: None })
    }
}

#[derive(Debug)]
struct Repository(PathBuf);

#[async_trait]
impl CheckoutSource for Repository {
    fn views(&self, trees: usize, _: usize) -> Result<Vec<View>, CheckoutUnavailable> {
        let view = |number| View {
            name: CheckoutView::WorkingTree.name(number),
            parts: vec![ViewPart { host: self.0.clone(), at: PathBuf::new() }],
            files: Vec::new(),
            hidden: Vec::new(),
        };
        Ok((0..trees).map(view).collect())
    }

    fn repositories(&self) -> Result<PathBuf, CheckoutUnavailable> {
        Ok(self.0.clone())
    }

    fn plan(&self, request: &CheckoutRequest, _: &Inside) -> Result<CheckoutPlan, CheckoutUnavailable> {
        if request.repository.is_some() {
            return Err(CheckoutUnavailable("no other repository here".to_owned()));
        }
        Ok(CheckoutPlan {
            log: vec!["the working tree".to_owned()],
            view: Some(CheckoutView::WorkingTree),
            commands: Vec::new(),
            reference: "refs/heads/main".to_owned(),
            commit: "c0ffee".to_owned(),
            ..CheckoutPlan::default()
        })
    }

    fn file(&self, path: &Path) -> Option<String> {
        fs::read_to_string(self.0.join(path)).ok()
    }
}

/// How a step ended: its name, outcome, conclusion.
pub(crate) type End = (String, Conclusion, Conclusion);

impl Played {
    /// All output of all jobs, in order.
    pub(crate) fn log(&self) -> String {
        self.lines(|_, _| true)
    }

    /// The output of one step by its name.
    pub(crate) fn step(&self, name: &str) -> String {
        let number = self.events.iter().find_map(|event| match &event.kind {
            JobEventKind::StepStarted { step, name: started, .. } if started == name => Some(*step),
            _ => None,
        });
        let number = number.unwrap_or_else(|| panic!("no step {name}: {:?}", self.ends()));
        self.lines(|_, step| step == number)
    }

    fn lines(&self, wanted: impl Fn(&str, StepRef) -> bool) -> String {
        let mut all = String::new();
        for event in &self.events {
            if let JobEventKind::Output { step, text } = &event.kind
                && wanted(event.job.as_str(), *step)
            {
                assert!(text.ends_with('\n'), "{text:?}");
                all.push_str(text);
            }
        }
        all
    }

    /// Steps of the workflow and of actions, in the order in which they ended.
    pub(crate) fn ends(&self) -> Vec<End> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                JobEventKind::StepFinished { name, phase, outcome, conclusion, .. }
                    if !matches!(phase, StepPhase::SetUp | StepPhase::Complete) =>
                {
                    Some((name.clone(), *outcome, *conclusion))
                }
                _ => None,
            })
            .collect()
    }

    /// How a step ended.
    pub(crate) fn end(&self, name: &str) -> (Conclusion, Conclusion) {
        let ends = self.ends();
        let found = ends.iter().find(|(ended, ..)| ended == name).unwrap_or_else(|| panic!("no step {name}: {ends:?}"));
        (found.1, found.2)
    }

    pub(crate) fn annotations(&self) -> Vec<(AnnotationLevel, String)> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                JobEventKind::Annotation { annotation: Annotation { level, message, .. }, .. } => {
                    Some((*level, message.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// Jobs by name and how they ended.
    pub(crate) fn jobs(&self) -> BTreeMap<&str, Conclusion> {
        self.report.jobs.iter().map(|job| (job.name.as_str(), job.conclusion)).collect()
    }

    /// The log must hold every one of these.
    #[track_caller]
    pub(crate) fn has(&self, wanted: &[&str]) {
        let log = self.log();
        for text in wanted {
            assert!(log.contains(text), "no {text:?} in:\n{log}");
        }
    }

    /// The log must hold none of these.
    #[track_caller]
    pub(crate) fn lacks(&self, unwanted: &[&str]) {
        let log = self.log();
        for text in unwanted {
            assert!(!log.contains(text), "{text:?} in:\n{log}");
        }
    }
}
