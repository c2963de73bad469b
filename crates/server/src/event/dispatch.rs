//! `workflow_dispatch`: a person or a program starts a workflow.

use super::files::{blocking, workflow_texts};
use super::make::{Started, make};
use super::occasion::repository;
use super::{EventError, Occasion};
use crate::plane::Plane;
use serde_json::{Map, Value as Json, json};
use source::project::WorkflowText;
use std::collections::BTreeMap;
use store::{Project, RunCause, StoredRun};
use workflow::dispatch;
use workflow::expr::Value;
use workflow::model::{TriggerKind, Workflow};
use workflow::plan::{FileReference, Files, Parses};

/// Starts a workflow at a branch, a tag or a commit. `workflow`: its path, its file's name, or that without its end.
///
/// # Errors
/// When there is no such ref or workflow, it is disabled or not to be started so, or the inputs do not fit.
pub async fn dispatch(
    plane: &Plane,
    project: &Project,
    workflow: &str,
    reference: &str,
    inputs: Map<String, Json>,
    actor: &str,
) -> Result<StoredRun, EventError> {
    let (git, wanted) = (project.git.clone(), reference.to_owned());
    let found = blocking(plane, move |projects| {
        let Some((full, commit)) = projects.resolve(&git, &wanted)? else { return Ok(None) };
        let facts = projects.commit(&git, &commit)?;
        let branch = projects.refs(&git)?.default_branch.clone();
        Ok(Some((full, commit, facts, branch)))
    })
    .await?;
    let no_reference = || EventError::Reference { project: project.full_name(), reference: reference.to_owned() };
    let (full, commit, facts, branch) = found.ok_or_else(no_reference)?;
    let texts = workflow_texts(plane, project, &commit).await?;
    let text = find(&texts, workflow).ok_or_else(|| EventError::Workflow {
        project: project.full_name(),
        workflow: workflow.to_owned(),
        reference: reference.to_owned(),
        known: texts.iter().map(|text| file_name(&text.path).to_owned()).collect(),
    })?;
    if super::workflows::is_disabled(plane, project, &text.path).await? {
        return Err(EventError::Disabled(text.path.clone()));
    }
    let mut parses = Parses::default();
    let mut files = Files::new();
    let mut texts_given = BTreeMap::new();
    let mut typed = Value::default();
    let started = match &text.text {
        Err(why) => Err(why.to_string()),
        Ok(source) => {
            let root = FileReference::Local(text.path.clone());
            files.insert(root.clone(), std::sync::Arc::clone(source));
            // One that cannot be read makes a run that says so.
            if let Some(parsed) = parses.parse(&files, &root).and_then(|parsed| parsed.value) {
                let checked = checked(&parsed, &text.path, &inputs)?;
                (typed, texts_given) = (checked.typed, checked.texts);
            }
            Ok((files, parses))
        }
    };
    let payload = json!({
        "inputs": texts_given,
        "ref": full,
        "workflow": text.path,
        "repository": repository(&plane.site, project, branch.as_deref()),
        "sender": { "login": actor },
    });
    let subject = facts.message.lines().next().unwrap_or_default().to_owned();
    let occasion = Occasion {
        event: "workflow_dispatch".to_owned(),
        payload,
        reference: full,
        commit: commit.to_string(),
        subject,
        actor: actor.to_owned(),
        changed_files: None,
        message: None,
    };
    let started = Started { path: text.path.clone(), files: started, inputs: typed, cause: RunCause::Call };
    make(plane, project, &occasion, &commit, started).await
}

/// The inputs as the workflow declares them. Booleans and numbers may be given as such, or as text.
fn checked(workflow: &Workflow, path: &str, given: &Map<String, Json>) -> Result<dispatch::DispatchInputs, EventError> {
    let declared = workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Dispatch(inputs) => Some(inputs),
        _ => None,
    });
    let declared = declared.ok_or_else(|| EventError::NotDispatched(path.to_owned()))?;
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given = given.iter().filter(|(_, value)| !value.is_null());
    let given = given.map(|(name, value)| (name.clone(), text(value))).collect();
    dispatch::inputs(declared, &given).map_err(EventError::Inputs)
}

fn find<'a>(texts: &'a [WorkflowText], wanted: &str) -> Option<&'a WorkflowText> {
    texts.iter().find(|text| {
        let name = file_name(&text.path);
        text.path == wanted || name == wanted || name.rsplit_once('.').is_some_and(|(stem, _)| stem == wanted)
    })
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
