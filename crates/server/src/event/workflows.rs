//! The workflows of a project's default branch, for lists; and which of them somebody disabled.

use super::EventError;
use super::files::{blocking, workflow_texts};
use crate::plane::Plane;
use std::collections::HashSet;
use std::sync::Arc;
use store::{Project, WorkflowState};
use workflow::plan::{FileReference, Files, Parses};

/// A workflow file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile {
    /// Its path.
    pub path: String,
    /// Its name; its path when it has none, or cannot be read.
    pub name: String,
    /// The events that start it.
    pub triggers: Vec<String>,
    /// Whether it is started at all.
    pub state: WorkflowState,
    /// What is wrong with it, where something is.
    pub fault: Option<String>,
}

/// The workflows at the newest commit of the default branch; none in a repository without commits.
///
/// # Errors
/// When the repository or the store cannot be read.
pub async fn workflows(plane: &Plane, project: &Project) -> Result<Vec<WorkflowFile>, EventError> {
    let git = project.git.clone();
    let found = blocking(plane, move |projects| {
        let refs = projects.refs(&git)?;
        let commit = refs.default_branch.as_deref().and_then(|branch| refs.get(branch)).cloned();
        if let Some(commit) = &commit {
            projects.bring(&git, commit)?;
        }
        Ok(commit)
    })
    .await?;
    let Some(commit) = found else { return Ok(Vec::new()) };
    let texts = workflow_texts(plane, project, &commit).await?;
    let disabled = disabled(plane, project).await?;
    let state = |path: &str| if disabled.contains(path) { WorkflowState::Disabled } else { WorkflowState::Enabled };
    Ok(texts.iter().map(|text| read(text, state(&text.path))).collect())
}

fn read(text: &source::project::WorkflowText, state: WorkflowState) -> WorkflowFile {
    let path = text.path.clone();
    let broken = |fault: String| WorkflowFile {
        name: path.clone(),
        path: path.clone(),
        triggers: Vec::new(),
        state,
        fault: Some(fault),
    };
    let source = match &text.text {
        Ok(source) => source,
        Err(why) => return broken(why.to_string()),
    };
    let (mut files, mut parses) = (Files::new(), Parses::default());
    let root = FileReference::Local(path.clone());
    files.insert(root.clone(), Arc::clone(source));
    let Some(parsed) = parses.parse(&files, &root) else { return broken("it cannot be read".to_owned()) };
    let Some(workflow) = parsed.value else {
        return broken(parsed.diagnostics.first().map(|first| first.message.clone()).unwrap_or_default());
    };
    let mut triggers: Vec<String> = workflow.on.iter().map(|trigger| trigger.event.value.clone()).collect();
    triggers.dedup();
    let name = workflow.name.as_ref().map_or_else(|| path.clone(), |name| name.value.clone());
    WorkflowFile { path, name, triggers, state, fault: None }
}

/// The paths of workflows that are not started.
pub(super) async fn disabled(plane: &Plane, project: &Project) -> Result<HashSet<String>, EventError> {
    Ok(plane.store.disabled_workflows(project.id).await?.into_iter().map(|workflow| workflow.path).collect())
}

pub(super) async fn is_disabled(plane: &Plane, project: &Project, path: &str) -> Result<bool, EventError> {
    Ok(disabled(plane, project).await?.contains(path))
}
