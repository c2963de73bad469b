//! From a job that the run's machine decided to what a request says of it. Called by [`crate::local`] and by the agent's job processes.

use super::request::{GivenContexts, JobInFile};
use std::time::Duration;
use workflow::expr::{Object, Value};
use workflow::plan::FileReference;
use workflow::run::ReadyJob;

/// Where the steps of a job stand and what it knows before it starts; `file` is where its workflow comes from.
#[must_use]
pub fn given(ready: ReadyJob, file: FileReference) -> (JobInFile, GivenContexts) {
    let job = job_context(&ready, &file);
    let contexts = GivenContexts {
        github: ready.github,
        vars: ready.vars,
        inputs: ready.inputs,
        needs: ready.needs,
        matrix: ready.matrix,
        strategy: ready.strategy,
        job,
    };
    (JobInFile { workflow: ready.workflow, index: ready.index, file, own: None }, contexts)
}

/// What the `job` context says of the file.
fn job_context(ready: &ReadyJob, file: &FileReference) -> Value {
    let text = |name: &str| ready.github.get(name).map(|value| value.to_text().into_owned()).unwrap_or_default();
    let (repository, path, reference, sha) = match file {
        FileReference::Local(path) => (text("repository"), path.clone(), text("ref"), text("sha")),
        FileReference::Remote(action) => {
            (action.repository.clone(), action.path.clone(), action.reference.clone(), action.reference.clone())
        }
    };
    let mut job = Object::new();
    job.insert("workflow_ref", format!("{repository}/{path}@{reference}"));
    job.insert("workflow_sha", sha);
    job.insert("workflow_repository", repository);
    job.insert("workflow_file_path", path);
    job.into()
}

/// Minutes of a workflow file as a time.
#[must_use]
pub fn minutes(minutes: f64) -> Duration {
    // The longest time that a timer can hold without trouble; nobody waits a hundred years.
    const LONGEST: f64 = 100.0 * 365.0 * 24.0 * 3600.0;
    Duration::try_from_secs_f64((minutes * 60.0).clamp(0.0, LONGEST)).unwrap_or(Duration::ZERO)
}
