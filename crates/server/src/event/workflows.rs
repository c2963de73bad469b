//! The workflows of a project's default branch, for lists; and which of them somebody disabled.

use super::EventError;
use super::files::{blocking, head, workflow_texts};
use crate::plane::Plane;
use domain::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use store::{Project, WorkflowState};
use workflow::dispatch;
use workflow::model::{DispatchInput, InputType, TriggerKind};
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
    /// What a person is asked for who starts it by hand; none of one that is not started so.
    pub inputs: Option<Vec<AskedInput>>,
    /// What is wrong with it, where something is.
    pub fault: Option<String>,
    /// When the commit was written that it was read at.
    pub written: Option<Timestamp>,
}

/// An input of a workflow that is started by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedInput {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// What it is, unless somebody says otherwise.
    pub default: String,
    /// What it is one of; none: any text.
    pub options: Vec<String>,
}

impl AskedInput {
    fn of(input: &DispatchInput) -> Self {
        let options = match input.kind {
            InputType::Boolean => vec!["false".to_owned(), "true".to_owned()],
            InputType::Choice => input.options.iter().map(|option| option.value.clone()).collect(),
            InputType::String | InputType::Number | InputType::Environment => Vec::new(),
        };
        Self {
            name: input.id.value.clone(),
            description: input.description.clone(),
            required: input.required,
            default: dispatch::default(input).unwrap_or_default(),
            options,
        }
    }
}

/// The workflows at the newest commit of the default branch; none in a repository without commits.
///
/// # Errors
/// When the repository or the store cannot be read.
pub async fn workflows(plane: &Plane, project: &Project) -> Result<Vec<WorkflowFile>, EventError> {
    let Some(head) = head(plane, project).await? else { return Ok(Vec::new()) };
    let texts = workflow_texts(plane, project, &head.commit).await?;
    let disabled = disabled(plane, project).await?;
    let state = |path: &str| if disabled.contains(path) { WorkflowState::Disabled } else { WorkflowState::Enabled };
    Ok(texts.iter().map(|text| read(text, state(&text.path), head.written)).collect())
}

/// The short name of the default branch, where the repository has one.
///
/// # Errors
/// When the repository cannot be read.
pub async fn default_branch(plane: &Plane, project: &Project) -> Result<Option<String>, EventError> {
    let git = project.git.clone();
    let found = blocking(plane, move |projects| Ok(projects.refs(&git)?.default_branch.clone())).await?;
    Ok(found.map(|full| full.strip_prefix("refs/heads/").unwrap_or(&full).to_owned()))
}

fn read(text: &source::project::WorkflowText, state: WorkflowState, written: Option<Timestamp>) -> WorkflowFile {
    let path = text.path.clone();
    let broken = |fault: String| WorkflowFile {
        name: path.clone(),
        path: path.clone(),
        triggers: Vec::new(),
        state,
        inputs: None,
        fault: Some(fault),
        written,
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
    let inputs = workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Dispatch(inputs) => Some(inputs.iter().map(AskedInput::of).collect()),
        _ => None,
    });
    WorkflowFile { path, name, triggers, state, inputs, fault: None, written }
}

/// The paths of workflows that are not started.
pub(super) async fn disabled(plane: &Plane, project: &Project) -> Result<HashSet<String>, EventError> {
    Ok(plane.store.disabled_workflows(project.id).await?.into_iter().map(|workflow| workflow.path).collect())
}

pub(super) async fn is_disabled(plane: &Plane, project: &Project, path: &str) -> Result<bool, EventError> {
    Ok(disabled(plane, project).await?.contains(path))
}
