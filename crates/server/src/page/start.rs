//! A workflow is started by hand: a form with its inputs, and what the button does.

use super::fault::Fault;
use super::fill::{file, html, place};
use super::pairs::Pairs;
use super::text::line;
use super::view::{Choice, Here, InputRow, StartPage};
use super::visit::{Visit, see};
use crate::event::{self, AskedInput, EventError, WorkflowFile};
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value};
use store::{Project, WorkflowState};

type Place = Path<(String, String)>;

/// What stands before the name of an input in the form: `ref` may be one.
const INPUT: &str = "input.";

/// `GET …/start`
pub(crate) async fn form(visit: Visit, Path((owner, name)): Place, asked: Pairs) -> Response {
    let done = shown(&visit, &owner, &name, &asked).await;
    visit.answer(done)
}

/// `POST …/start`
pub(crate) async fn start(
    visit: Visit,
    Path((owner, name)): Place,
    asked: Pairs,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = started(&visit, (&owner, &name), &asked, &headers, &body).await;
    visit.answer(done)
}

async fn shown(visit: &Visit, owner: &str, name: &str, asked: &Pairs) -> Result<Response, Fault> {
    let (project, file) = find(visit, owner, name, asked).await?;
    page(visit, &project, &file, &Pairs::default(), None).await
}

async fn started(
    visit: &Visit,
    (owner, name): (&str, &str),
    asked: &Pairs,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Fault> {
    let form = visit.form(headers, body)?;
    let (project, file) = find(visit, owner, name, asked).await?;
    // What stays empty is not given: it has its default.
    let given = asked_inputs(&file).iter().filter_map(|input| {
        let text = form.get(&format!("{INPUT}{}", input.name))?;
        Some((input.name.clone(), Value::from(text)))
    });
    let inputs: Map<String, Value> = given.collect();
    let reference = form.get("ref").unwrap_or_default();
    match event::dispatch(&visit.plane, &project, &file.path, reference, inputs, &visit.person.name).await {
        Ok(run) => Ok(see(&visit.links.run(&place(&project, &run)))),
        Err(
            fault @ (EventError::Inputs(_)
            | EventError::Reference { .. }
            | EventError::Workflow { .. }
            | EventError::NotDispatched(_)
            | EventError::Disabled(_)
            | EventError::Project(_)
            | EventError::Stopping),
        ) => page(visit, &project, &file, &form, Some(line(&fault.to_string()))).await,
        Err(other) => Err(other.into()),
    }
}

fn asked_inputs(file: &WorkflowFile) -> &[AskedInput] {
    file.inputs.as_deref().unwrap_or_default()
}

/// A workflow that this person may start by hand.
async fn find(visit: &Visit, owner: &str, name: &str, asked: &Pairs) -> Result<(Project, WorkflowFile), Fault> {
    let project = visit.project(owner, name).await?;
    if !visit.changes(&project) {
        return Err(Fault::Nowhere);
    }
    let wanted = asked.get("workflow").unwrap_or_default();
    let files = event::workflows(&visit.plane, &project).await?;
    let file = files.into_iter().find(|file| file.path == wanted);
    let file = file.filter(|file| file.inputs.is_some() && file.state == WorkflowState::Enabled);
    Ok((project, file.ok_or(Fault::Nowhere)?))
}

async fn page(
    visit: &Visit,
    project: &Project,
    workflow: &WorkflowFile,
    form: &Pairs,
    fault: Option<String>,
) -> Result<Response, Fault> {
    let name = if workflow.name == workflow.path { file(&workflow.path) } else { line(&workflow.name) };
    let reference = match form.get("ref") {
        Some(said) => said.to_owned(),
        None => event::default_branch(&visit.plane, project).await?.unwrap_or_default(),
    };
    html(&StartPage {
        frame: visit.frame(format!("Start {name}"), Here::Runs, None),
        project: (line(&project.full_name()), visit.links.project(&project.owner, &project.name)),
        name,
        path: line(&workflow.path),
        action: visit.links.start(&project.owner, &project.name, &workflow.path),
        reference: line(&reference),
        inputs: asked_inputs(workflow).iter().map(|input| row(input, form)).collect(),
        fault,
    })
}

fn row(input: &AskedInput, form: &Pairs) -> InputRow {
    let value = form.get(&format!("{INPUT}{}", input.name)).unwrap_or(&input.default);
    let options = input.options.iter().map(|one| Choice { value: one.clone(), chosen: one == value });
    InputRow {
        field: input.name.clone(),
        name: line(&input.name),
        description: input.description.as_deref().map(line),
        required: input.required,
        value: value.to_owned(),
        options: options.collect(),
    }
}
