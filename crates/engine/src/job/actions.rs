//! The actions of a job: fetched before its steps, through the [`ActionSource`] it was handed, their manifests read and parsed.

use super::naming;
use super::step::is_built_in_checkout;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use workflow::action_source::{ActionRef, ActionSource, FetchedRepository};
use workflow::diagnostic::Severity;
use workflow::model::{Action, Runs, Step, StepKind, Uses};
use workflow::parse;
use workflow::yaml::FileId;

/// Where the trees of actions lie inside a sandbox.
pub(crate) const ACTIONS_INSIDE: &str = "/opt/actions";
/// Actions inside actions, at most (`execution-semantics` 3.8).
const MAX_LEVELS: u32 = 10;
/// The most bytes of a manifest.
pub(crate) const MANIFEST_LIMIT: u64 = 1024 * 1024;
/// The names of a manifest, in the order in which they are tried.
pub(crate) const MANIFESTS: [&str; 2] = ["action.yml", "action.yaml"];
/// What makes a folder without a manifest a container action.
pub(crate) const DOCKERFILES: [&str; 2] = ["Dockerfile", "dockerfile"];

/// What `$/` means in a file: the repository that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The repository of the run, where only its checkout has it.
    Own,
    /// Another one; the path of the reference is empty.
    Other(ActionRef),
}

impl Origin {
    /// `$/path` there, when it is another repository.
    pub(crate) fn same(&self, path: &str) -> Option<ActionRef> {
        match self {
            Self::Own => None,
            Self::Other(action) => Some(ActionRef { path: within(path), ..action.clone() }),
        }
    }
}

/// The path of `$/path` within its repository.
pub(crate) fn within(path: &str) -> String {
    path.trim_start_matches("$/").trim_end_matches('/').to_owned()
}

/// What a folder with an action holds.
#[derive(Debug)]
pub(crate) enum Manifest {
    /// `action.yml`.
    Action(Box<Action>),
    /// No manifest, but a `Dockerfile`.
    Dockerfile,
}

/// An action that can be run.
#[derive(Debug)]
pub(crate) struct LoadedAction {
    pub(crate) manifest: Manifest,
    /// Its folder inside the sandbox.
    pub(crate) folder: String,
    /// `owner/repo`; empty for one from the workspace.
    pub(crate) repository: String,
    /// The reference it was asked by; empty for one from the workspace.
    pub(crate) reference: String,
    /// What `$/` means in it.
    pub(crate) origin: Origin,
}

impl LoadedAction {
    /// What it runs; nothing for a folder with a `Dockerfile` alone.
    pub(crate) const fn runs(&self) -> Option<&Runs> {
        match &self.manifest {
            Manifest::Action(action) => Some(&action.runs),
            Manifest::Dockerfile => None,
        }
    }
}

/// An action could not be had or is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ActionError(pub(crate) String);

/// One fetched repository and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct FetchedTree {
    pub(crate) action: ActionRef,
    pub(crate) fetched: FetchedRepository,
    /// Inside the sandbox.
    pub(crate) inside: PathBuf,
}

/// The actions of a job by reference; grows when a local action brings more.
#[derive(Debug)]
pub(crate) struct Catalog {
    source: Arc<dyn ActionSource>,
    checkout: CheckoutIs,
    loaded: Mutex<HashMap<ActionRef, Arc<LoadedAction>>>,
}

/// What `actions/checkout` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckoutIs {
    BuiltIn,
    /// An action like any other.
    AnAction,
}

/// What [`Catalog::load`] fetched.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Each repository and reference once, in the order of its first use; several references may share a folder.
    pub(crate) trees: Vec<FetchedTree>,
}

impl Catalog {
    pub(crate) fn new(source: Arc<dyn ActionSource>, checkout: CheckoutIs) -> Self {
        Self { source, checkout, loaded: Mutex::default() }
    }

    /// The actions that must be fetched for some steps.
    pub(crate) fn wanted(&self, steps: &[Step], origin: &Origin) -> Vec<ActionRef> {
        let mut wanted = Vec::new();
        for_each_use(steps, &mut |uses| {
            if self.checkout == CheckoutIs::AnAction || !is_built_in_checkout(uses) {
                wanted.extend(self.remote(uses, origin));
            }
        });
        wanted
    }

    /// The remote action that a step uses, when it uses one.
    pub(crate) fn remote(&self, uses: &Uses, origin: &Origin) -> Option<ActionRef> {
        match uses {
            Uses::Repository(action) => Some(self.source.reading(action.clone())),
            Uses::Same(path) => origin.same(path),
            Uses::Local(_) | Uses::Docker(_) => None,
        }
    }

    /// An action that was loaded before.
    pub(crate) fn get(&self, action: &ActionRef) -> Option<Arc<LoadedAction>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(action).cloned()
    }

    /// Fetches and loads the remote actions of some steps, and theirs, all of a level beside each other.
    pub(crate) async fn load(&self, wanted: Vec<ActionRef>, at: &Places) -> Result<Fetched, ActionError> {
        let mut fetched = Fetched::default();
        let mut level = wanted;
        for _ in 0..MAX_LEVELS {
            level.retain(|action| self.get(action).is_none());
            if level.is_empty() {
                return Ok(fetched);
            }
            let mut next = Vec::new();
            for (action, result) in self.fetch_all(std::mem::take(&mut level)).await {
                let (repository, manifest) = result?;
                let inside = at.inside(&action, &repository);
                let top = ActionRef { path: String::new(), ..action.clone() };
                let tree = FetchedTree { action: top.clone(), fetched: repository, inside: inside.clone() };
                if !fetched.trees.iter().any(|known| (&known.action, &known.inside) == (&tree.action, &tree.inside)) {
                    fetched.trees.push(tree);
                }
                let loaded = LoadedAction {
                    manifest,
                    folder: below(&inside, &action.path),
                    repository: action.repository.clone(),
                    reference: action.reference.clone(),
                    origin: Origin::Other(top),
                };
                if let Some(Runs::Composite(composite)) = loaded.runs() {
                    next.extend(self.wanted(&composite.steps, &loaded.origin));
                }
                self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(action, Arc::new(loaded));
            }
            level = next;
        }
        level.retain(|action| self.get(action).is_none());
        match level.first() {
            None => Ok(fetched),
            Some(action) => Err(ActionError(format!(
                "actions use each other more than {MAX_LEVELS} levels deep; the first beyond is {}; use it from a step of the workflow",
                naming::action(&Uses::Repository(action.clone()))
            ))),
        }
    }

    async fn fetch_all(
        &self,
        actions: Vec<ActionRef>,
    ) -> Vec<(ActionRef, Result<(FetchedRepository, Manifest), ActionError>)> {
        let mut unique: Vec<ActionRef> = Vec::new();
        for action in actions {
            if !unique.contains(&action) {
                unique.push(action);
            }
        }
        let tasks: Vec<_> = unique
            .into_iter()
            .map(|action| {
                let source = Arc::clone(&self.source);
                let wanted = action.clone();
                (action, tokio::task::spawn_blocking(move || fetch(source.as_ref(), &wanted)))
            })
            .collect();
        let mut results = Vec::with_capacity(tasks.len());
        for (action, task) in tasks {
            let result = task
                .await
                .unwrap_or_else(|failed| Err(ActionError(format!("fetching an action ended early: {failed}"))));
            results.push((action, result));
        }
        results
    }
}

/// A folder of a tree; without a blank part at the end.
fn below(tree: &Path, path: &str) -> String {
    let folder = if path.is_empty() { tree.to_owned() } else { tree.join(path) };
    folder.to_string_lossy().into_owned()
}

/// Where trees lie inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Places {
    /// Mounted below [`ACTIONS_INSIDE`].
    Mounted,
    /// Written by the job's user below this directory.
    Written(PathBuf),
    /// Where they lie on the host: a backend without mounts.
    Host,
}

impl Places {
    fn inside(&self, action: &ActionRef, fetched: &FetchedRepository) -> PathBuf {
        match self {
            Self::Mounted => Path::new(ACTIONS_INSIDE).join(&action.repository).join(&fetched.commit),
            Self::Written(top) => top.join(&action.repository).join(&fetched.commit),
            Self::Host => fetched.tree.clone(),
        }
    }
}

/// Calls `found` for every `uses` of some steps, parallel ones too.
fn for_each_use<'a>(steps: &'a [Step], found: &mut dyn FnMut(&'a Uses)) {
    for step in steps {
        match &step.kind {
            StepKind::Uses { uses, .. } => found(&uses.value),
            StepKind::Parallel(steps) => for_each_use(steps, found),
            StepKind::Run { .. } | StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) => {}
        }
    }
}

/// Fetches one action and reads its manifest; blocking.
fn fetch(source: &dyn ActionSource, action: &ActionRef) -> Result<(FetchedRepository, Manifest), ActionError> {
    let fetched = source.fetch(action).map_err(|unavailable| ActionError(unavailable.to_string()))?;
    let folder = fetched.tree.join(&action.path);
    let name = naming::action(&Uses::Repository(action.clone()));
    for file in MANIFESTS {
        match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => {
                let manifest = parse_manifest(&format!("{name}: {file}"), &text)?;
                return Ok((fetched, manifest));
            }
            Err(absent)
                if matches!(absent.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(failed) => return Err(ActionError(format!("could not read {file} of {name}: {failed}"))),
        }
    }
    if DOCKERFILES.iter().any(|file| folder.join(file).is_file()) {
        return Ok((fetched, Manifest::Dockerfile));
    }
    Err(ActionError(format!("Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action '{name}'.")))
}

/// Parses a manifest; the error lists every fault with its line.
pub(crate) fn parse_manifest(place: &str, text: &str) -> Result<Manifest, ActionError> {
    let parsed = parse::action(FileId::default(), text);
    let mut faults = String::new();
    for fault in parsed.diagnostics.iter().filter(|fault| fault.severity == Severity::Error) {
        faults
            .push_str(&format!("\n{place} (Line: {}, Col: {}): {}", fault.span.line, fault.span.column, fault.message));
    }
    match parsed.value {
        Some(action) if faults.is_empty() => Ok(Manifest::Action(Box::new(action))),
        _ => Err(ActionError(format!("{place} is not valid:{faults}"))),
    }
}
