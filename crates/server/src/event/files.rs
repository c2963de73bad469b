//! Files for plans: the workflows of a commit, and what they call, of this project or of another one of this server.

use super::EventError;
use crate::plane::Plane;
use crate::run::{RunFacts, StoredFile};
use domain::Timestamp;
use source::CommitId;
use source::project::{ProjectError, WorkflowText};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Project, StoreError, StoredRun};
use workflow::action_source::ActionRef;
use workflow::diagnostic::Severity;
use workflow::plan::{FileReference, Files, Options, Parses, PlanOutcome, plan_parsed};

/// The largest file that a workflow may call.
const LARGEST: u64 = 1 << 20;

/// Does something with a repository, on a thread that may wait for git.
pub(super) async fn blocking<T: Send + 'static>(
    plane: &Plane,
    work: impl FnOnce(&source::project::Projects) -> Result<T, ProjectError> + Send + 'static,
) -> Result<T, EventError> {
    let projects = Arc::clone(&plane.projects);
    let done = tokio::task::spawn_blocking(move || work(&projects)).await;
    Ok(done.map_err(|_| EventError::Stopping)??)
}

/// The newest commit of the default branch.
#[derive(Debug)]
pub(super) struct Head {
    /// The whole name of the branch.
    pub(super) branch: String,
    pub(super) commit: CommitId,
    /// The first line of its message.
    pub(super) subject: String,
    /// When it was written.
    pub(super) written: Option<Timestamp>,
}

/// Where the default branch is; none in a repository without commits.
pub(super) async fn head(plane: &Plane, project: &Project) -> Result<Option<Head>, EventError> {
    let git = project.git.clone();
    blocking(plane, move |projects| {
        let refs = projects.refs(&git)?;
        let Some(branch) = refs.default_branch.clone() else { return Ok(None) };
        let Some(commit) = refs.get(&branch).cloned() else { return Ok(None) };
        let facts = projects.commit(&git, &commit)?;
        let subject = facts.message.lines().next().unwrap_or_default().to_owned();
        Ok(Some(Head { branch, commit, subject, written: facts.author.at }))
    })
    .await
}

/// The workflow files of a commit.
pub(super) async fn workflow_texts(
    plane: &Plane,
    project: &Project,
    commit: &CommitId,
) -> Result<Arc<[WorkflowText]>, EventError> {
    let (git, commit, folders) = (project.git.clone(), commit.clone(), plane.site.folders.clone());
    blocking(plane, move |projects| {
        let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
        projects.workflows(&git, &commit, &folders)
    })
    .await
}

/// A plan with the files that it was made of.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) files: Files,
    pub(super) outcome: PlanOutcome,
}

/// Plans a workflow whose text is known; `parses` has what was parsed of it.
pub(super) async fn planned(
    plane: &Plane,
    project: &Project,
    commit: &CommitId,
    path: &str,
    (mut files, mut parses): (Files, Parses),
) -> Result<Planned, EventError> {
    let root = FileReference::Local(path.to_owned());
    // Repositories that were looked for already.
    let mut others: HashMap<String, Result<Project, String>> = HashMap::new();
    loop {
        let wanted = match plan_parsed(&files, &root, &Options::default(), &mut parses) {
            PlanOutcome::NeedsFiles(wanted) => wanted,
            outcome => return Ok(Planned { files, outcome }),
        };
        for reference in wanted {
            match text(plane, (project, commit), &mut others, &reference).await? {
                Ok(text) => files.insert(reference, text),
                Err(why) => files.insert_missing(reference, why),
            };
        }
    }
}

/// The files of a run's workflow for its next try: its own stay those of its commit, those of other repositories are read where their refs lead now. None where
/// it calls none of them; why not, where they give no plan.
pub(crate) async fn files_again(
    plane: &Plane,
    run: &StoredRun,
    facts: &RunFacts,
) -> Result<Result<Option<Vec<StoredFile>>, String>, EventError> {
    if facts.files.iter().all(|file| file.from.is_none()) {
        return Ok(Ok(None));
    }
    let Ok(commit) = CommitId::parse(&run.commit) else { return Ok(Ok(None)) };
    let project = plane.store.project_by_id(run.project).await?;
    let mut files = Files::new();
    for StoredFile { path, text, .. } in facts.files.iter().filter(|file| file.from.is_none()) {
        if let Ok(text) = text {
            files.insert(FileReference::Local(path.clone()), Arc::clone(text));
        }
    }
    let Planned { files, outcome } = planned(plane, &project, &commit, &facts.root, (files, Parses::default())).await?;
    Ok(match outcome {
        PlanOutcome::Ready(_) => Ok(Some(files.iter().map(|(_, file)| StoredFile::of(file)).collect())),
        PlanOutcome::Invalid(found) => {
            let first = found.into_iter().find(|found| found.severity == Severity::Error);
            Err(first.map(|first| first.message).unwrap_or_default())
        }
        PlanOutcome::NeedsFiles(_) => Err("a file that it calls cannot be had".to_owned()),
    })
}

/// The text of a file that a workflow calls, or why it cannot be had.
async fn text(
    plane: &Plane,
    (project, commit): (&Project, &CommitId),
    others: &mut HashMap<String, Result<Project, String>>,
    reference: &FileReference,
) -> Result<Result<Arc<str>, String>, EventError> {
    let ActionRef { host, repository, path, reference } = match reference {
        FileReference::Local(path) => return read(plane, &project.git, Wanted::Commit(commit.clone()), path).await,
        FileReference::Remote(action) => action,
    };
    if host.as_ref().is_some_and(|host| !plane.site.url.starts_with(host.as_str())) {
        return Ok(Err(
            "workflows of other servers cannot be called; add their repository as a project here".to_owned()
        ));
    }
    if !others.contains_key(repository) {
        others.insert(repository.clone(), other(plane, project, repository).await?);
    }
    match &others[repository] {
        Ok(other) => read(plane, &other.git, Wanted::Name(reference.clone()), path).await,
        Err(why) => Ok(Err(why.clone())),
    }
}

/// Another project of the same owner: those of others may be private.
async fn other(plane: &Plane, project: &Project, repository: &str) -> Result<Result<Project, String>, EventError> {
    let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
    match plane.store.project(owner, name).await {
        Ok(other) if other.owner_id == project.owner_id => Ok(Ok(other)),
        Ok(_) | Err(StoreError::Missing { .. }) => {
            Ok(Err(format!("{repository} is no project of {} on this server", project.owner)))
        }
        Err(error) => Err(error.into()),
    }
}

enum Wanted {
    Commit(CommitId),
    Name(String),
}

async fn read(plane: &Plane, git: &str, at: Wanted, path: &str) -> Result<Result<Arc<str>, String>, EventError> {
    let (git, path) = (git.to_owned(), path.to_owned());
    let done = blocking(plane, move |projects| {
        let commit = match at {
            Wanted::Commit(commit) => Some(commit),
            Wanted::Name(name) => projects.resolve(&git, &name)?.map(|(_, commit)| commit),
        };
        match commit {
            Some(commit) => projects.read(&git, &commit, &path, LARGEST).map(Ok),
            None => Ok(Err("there is no such branch, tag or commit".to_owned())),
        }
    })
    .await;
    match done {
        // What is wrong with a called file is the workflow's affair.
        Err(EventError::Project(error)) => Ok(Err(error.to_string())),
        done => done,
    }
}
