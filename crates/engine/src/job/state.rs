//! What changes while a job runs. Shared by steps that run beside each other; every lock is short and never held across a wait.

use super::actions::LoadedAction;
use domain::{Conclusion, Outcome};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use workflow::expr::{Object, Value};
use workflow::model::Step;

/// Environment variables in order; names are case-sensitive.
pub(crate) type EnvMap = IndexMap<Arc<str>, Arc<str>>;

/// A step that ended, as the `steps` context shows it.
#[derive(Debug, Clone)]
pub(crate) struct EndedStep {
    pub(crate) outputs: IndexMap<String, String>,
    pub(crate) outcome: Outcome,
    pub(crate) conclusion: Conclusion,
}

/// A post step of the job that waits for its turn.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// The step that registered it.
    pub(crate) step: Arc<Step>,
    /// What the step was called.
    pub(crate) name: String,
}

/// The state of a job.
#[derive(Debug, Default)]
pub(crate) struct State(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    env: EnvMap,
    path: Vec<String>,
    status: Conclusion,
    scopes: HashMap<String, StepsScope>,
    posts: Vec<Post>,
    fault: Option<String>,
    /// The full names of the steps of actions that have something to do at the end.
    registered: HashSet<String>,
    /// The actions of steps by the full name of the step.
    loaded: HashMap<String, Arc<LoadedAction>>,
    /// `STATE_…` by the full name of the step.
    saved: HashMap<String, IndexMap<String, String>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            env: EnvMap::new(),
            path: Vec::new(),
            status: Conclusion::Success,
            scopes: HashMap::new(),
            posts: Vec::new(),
            fault: None,
            registered: HashSet::new(),
            loaded: HashMap::new(),
            saved: HashMap::new(),
        }
    }
}

/// The `steps` context of the job or of one use of a composite action.
#[derive(Debug, Default)]
struct StepsScope {
    ended: IndexMap<String, EndedStep>,
    value: Option<Value>,
}

impl State {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `env` of the workflow, the job and `GITHUB_ENV`.
    pub(crate) fn env(&self) -> EnvMap {
        self.inner().env.clone()
    }

    /// The directories of `GITHUB_PATH`, the last added first.
    pub(crate) fn path(&self) -> Vec<String> {
        self.inner().path.iter().rev().cloned().collect()
    }

    /// Sets variables and directories for all steps that come.
    pub(crate) fn apply(&self, env: IndexMap<String, String>, path: Vec<String>) {
        let mut inner = self.inner();
        for (name, value) in env {
            inner.env.insert(name.into(), value.into());
        }
        for directory in path {
            inner.path.retain(|known| *known != directory);
            inner.path.push(directory);
        }
    }

    /// The status of the job by its steps; a cancellation is not in it.
    pub(crate) fn status(&self) -> Conclusion {
        self.inner().status
    }

    /// Merges the conclusion of a step into the job's status.
    pub(crate) fn merge(&self, conclusion: Conclusion) {
        let mut inner = self.inner();
        inner.status = inner.status.merge(conclusion);
    }

    /// The `steps` context of a scope.
    pub(crate) fn steps(&self, scope: &str) -> Value {
        let mut inner = self.inner();
        let Some(scope) = inner.scopes.get_mut(scope) else { return Value::object(Object::new()) };
        let StepsScope { ended, value } = scope;
        value
            .get_or_insert_with(|| {
                ended.iter().map(|(id, step)| (id.as_str(), step.value())).collect::<Object>().into()
            })
            .clone()
    }

    /// Makes a step that ended visible; one with a made-up id never is.
    pub(crate) fn record(&self, scope: &str, step: &Step, ended: EndedStep) {
        if step.id.is_generated() {
            return;
        }
        let mut inner = self.inner();
        let scope = inner.scopes.entry(scope.to_owned()).or_default();
        scope.value = None;
        scope.ended.insert(step.id.as_str().to_owned(), ended);
    }

    /// Registers a post step of the job, once for each step.
    pub(crate) fn register(&self, full_name: String, post: Option<Post>) {
        let mut inner = self.inner();
        if inner.registered.insert(full_name) {
            inner.posts.extend(post);
        }
    }

    /// Whether a step inside the named one has something to do at the end.
    pub(crate) fn is_registered_below(&self, full_name: &str) -> bool {
        let prefix = format!("{full_name}.");
        self.inner().registered.iter().any(|name| name.starts_with(&prefix))
    }

    /// The action of a step, once it was loaded.
    pub(crate) fn loaded(&self, full_name: &str) -> Option<Arc<LoadedAction>> {
        self.inner().loaded.get(full_name).cloned()
    }

    /// Keeps the action of a step for its later phases.
    pub(crate) fn keep_loaded(&self, full_name: String, action: &Arc<LoadedAction>) {
        self.inner().loaded.insert(full_name, Arc::clone(action));
    }

    /// Whether a step of an action has something to do at the end.
    pub(crate) fn is_registered(&self, full_name: &str) -> bool {
        self.inner().registered.contains(full_name)
    }

    /// Remembers the first thing that the platform did wrong.
    pub(crate) fn found_fault(&self, fault: String) {
        self.inner().fault.get_or_insert(fault);
    }

    /// What the platform did wrong.
    pub(crate) fn fault(&self) -> Option<String> {
        self.inner().fault.clone()
    }

    /// The next post step: the last registered first.
    pub(crate) fn next_post(&self) -> Option<Post> {
        self.inner().posts.pop()
    }

    /// What the phases of a step saved for each other.
    pub(crate) fn saved(&self, full_name: &str) -> IndexMap<String, String> {
        self.inner().saved.get(full_name).cloned().unwrap_or_default()
    }

    /// Saves something for the later phases of a step.
    pub(crate) fn save(&self, full_name: &str, pairs: IndexMap<String, String>) {
        if !pairs.is_empty() {
            self.inner().saved.entry(full_name.to_owned()).or_default().extend(pairs);
        }
    }
}

impl EndedStep {
    fn value(&self) -> Value {
        let outputs: Object = self.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut step = Object::new();
        step.insert("outputs", outputs);
        step.insert("outcome", self.outcome.as_str());
        step.insert("conclusion", self.conclusion.as_str());
        step.into()
    }
}
