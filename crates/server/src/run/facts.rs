//! What of a run and of a job is kept for the server alone, in the `facts` of their rows. Written when a run or a job is made, read whenever the
//! machine is made again and when a runner takes a job.

use domain::JobId;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use workflow::action_source::ActionRef;
use workflow::expr::Value;
use workflow::plan::{FileReference, Files, Options, Plan, PlanOutcome, plan_with};
use workflow::run::{ConcurrencyGroup, ConcurrencyQueue, RunInputs};

/// All that making a run's machine again needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The files of its plan, in the order in which they were given.
    pub files: Vec<StoredFile>,
    /// The path of the first.
    pub root: String,
    /// The `github` context, with the payload as `event`.
    pub github: Json,
    /// The `vars` context.
    pub vars: Json,
    /// The `inputs` context.
    pub inputs: Json,
    /// The concurrency group of the run as a whole.
    pub group: Option<GroupFacts>,
}

/// A file of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Where it is from, when that is another repository.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<StoredOrigin>,
    /// Its path.
    pub path: String,
    /// Its text, or why it could not be had.
    pub text: Result<Arc<str>, String>,
}

/// Another repository that a file is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOrigin {
    /// The server, where it was named.
    pub host: Option<String>,
    /// `owner/repo`.
    pub repository: String,
    /// Branch, tag or commit.
    pub reference: String,
}

/// What the server knows of a job beyond its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct JobFacts {
    /// The key of the job in its file.
    pub key: String,
    /// The `needs` context: `{result, outputs}` of each.
    pub needs: Json,
    /// The place of its file among those of the plan, of a job of a called workflow; others are in the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<u16>,
    /// What `event.inputs` is to its runner, of a job of a called workflow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_inputs: Option<Json>,
    /// Which secrets it sees.
    pub secrets: SecretsFacts,
    /// The concurrency groups that it needs, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<GroupFacts>,
    /// Its environment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// How long it may run, minutes.
    pub timeout_minutes: f64,
    /// How long it may take to end when it is cancelled, minutes.
    pub cancel_timeout_minutes: f64,
    /// Why it did not run, in words, where it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The names of its steps as people see them, unevaluated where they hold expressions.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<String>,
}

/// Which secrets a job sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SecretsFacts {
    /// All of its project.
    #[default]
    All,
    /// What its callers hand on; the machine knows.
    Given,
}

/// A concurrency group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFacts {
    /// Its name.
    pub group: String,
    /// Whether what is in it is cancelled for the new one.
    pub cancel_in_progress: bool,
    /// Whether up to a hundred wait, not the newest alone.
    pub queue: GroupQueueFacts,
    /// Until whose end it is held.
    pub holder: GroupHolder,
}

/// Who waits for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupQueueFacts {
    /// The newest.
    Single,
    /// A hundred.
    Max,
}

/// Until whose end a group is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupHolder {
    /// The run's.
    Run,
    /// That of a call of a reusable workflow.
    Call(JobId),
    /// The job's own.
    Job,
}

/// Facts that cannot be read, or that give no plan any more.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A row holds what no version of this program writes.
    #[error("what was noted of {what} cannot be read; restore the database from a backup")]
    Form {
        /// A run or a job.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The files gave a plan once and give none now.
    #[error(
        "the workflow of run {run} cannot be planned any more by this version of ekiden: {fault}; cancel the run and start it anew"
    )]
    Plan {
        /// The run.
        run: String,
        /// What is wrong.
        fault: String,
    },
}

impl RunFacts {
    /// Reads the facts of a run's row.
    ///
    /// # Errors
    /// When they are none.
    pub fn of(run: &store::StoredRun) -> Result<Self, FactsError> {
        Self::deserialize(&run.facts).map_err(|source| FactsError::Form { what: format!("run {}", run.id), source })
    }

    /// The plan that its files give.
    pub(super) fn plan(&self, run: &store::StoredRun) -> Result<Plan, FactsError> {
        let mut files = Files::new();
        for file in &self.files {
            match &file.text {
                Ok(text) => files.insert(file.reference(), Arc::clone(text)),
                Err(why) => files.insert_missing(file.reference(), why.clone()),
            };
        }
        let fault = match plan_with(&files, &FileReference::Local(self.root.clone()), &Options::default()) {
            PlanOutcome::Ready(plan) => return Ok(*plan),
            PlanOutcome::NeedsFiles(_) => "a file is missing".to_owned(),
            PlanOutcome::Invalid(found) => found.first().map(|first| first.message.clone()).unwrap_or_default(),
        };
        Err(FactsError::Plan { run: run.id.to_string(), fault })
    }

    /// The variables that the jobs of this try see, those that the machine decides by.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let vars = self.vars.as_object().into_iter().flatten();
        vars.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// What the machine starts with.
    #[must_use]
    pub fn inputs(&self) -> RunInputs {
        RunInputs {
            github: Value::from_json(&self.github),
            vars: Value::from_json(&self.vars),
            inputs: Value::from_json(&self.inputs),
            cells: Vec::new(),
            place: None,
        }
    }
}

impl JobFacts {
    /// Reads the facts of a job's row.
    ///
    /// # Errors
    /// When they are none.
    pub fn of(job: &store::StoredJob) -> Result<Self, FactsError> {
        Self::deserialize(&job.facts).map_err(|source| FactsError::Form { what: format!("job {}", job.number), source })
    }
}

impl StoredFile {
    /// A file of a plan, for keeping.
    #[must_use]
    pub fn of(file: &workflow::plan::SourceFile) -> Self {
        let (from, path) = match &file.reference {
            FileReference::Local(path) => (None, path.clone()),
            FileReference::Remote(ActionRef { host, repository, path, reference }) => {
                let origin =
                    StoredOrigin { host: host.clone(), repository: repository.clone(), reference: reference.clone() };
                (Some(origin), path.clone())
            }
        };
        Self { from, path, text: file.text.clone() }
    }

    fn reference(&self) -> FileReference {
        match &self.from {
            None => FileReference::Local(self.path.clone()),
            Some(StoredOrigin { host, repository, reference }) => FileReference::Remote(ActionRef {
                host: host.clone(),
                repository: repository.clone(),
                path: self.path.clone(),
                reference: reference.clone(),
            }),
        }
    }
}

impl GroupFacts {
    /// A group as the machine evaluated it; `own`: the job that needs it.
    #[must_use]
    pub fn of(group: &ConcurrencyGroup, own: Option<&JobId>) -> Self {
        let holder = match &group.held_by {
            None => GroupHolder::Run,
            Some(job) if Some(job) == own => GroupHolder::Job,
            Some(call) => GroupHolder::Call(call.clone()),
        };
        let queue = match group.queue {
            ConcurrencyQueue::Single => GroupQueueFacts::Single,
            ConcurrencyQueue::Max => GroupQueueFacts::Max,
        };
        Self { group: group.group.clone(), cancel_in_progress: group.cancel_in_progress, queue, holder }
    }
}
