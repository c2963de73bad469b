//! Workflow files: listed, switched off and on, started by hand.

use super::body::Body;
use super::caller::Caller;
use super::fault::RestFault;
use super::query::Query;
use super::reply;
use super::route::{Route, get, post, put};
use super::runs::Params;
use super::shape;
use crate::event::{self, WorkflowFile};
use crate::plane::Plane;
use api::{DispatchQuery, Right};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Project, RunFilter, WorkflowState};

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Right::ReadRuns, Right::WriteRuns);
    vec![
        get("/repos/{owner}/{repo}/actions/workflows", read, "List the workflows of the default branch")
            .gives::<api::WorkflowList>(200)
            .by(list),
        get("/repos/{owner}/{repo}/actions/workflows/{workflow}", read, "Show a workflow, by its file's name")
            .gives::<api::Workflow>(200)
            .by(show),
        put("/repos/{owner}/{repo}/actions/workflows/{workflow}/enable", write, "Let events start a workflow")
            .gives_nothing(204)
            .by(enable),
        put("/repos/{owner}/{repo}/actions/workflows/{workflow}/disable", write, "Let no event start a workflow")
            .gives_nothing(204)
            .by(disable),
        post("/repos/{owner}/{repo}/actions/workflows/{workflow}/dispatches", write, "Start a workflow by hand")
            .query::<DispatchQuery>()
            .takes::<api::Dispatch>()
            .gives_nothing(204)
            .gives::<api::RunDetails>(200)
            .gives::<api::RunInfo>(201)
            .by(dispatch),
    ]
}

/// The path of the workflow that a name means: of the default branch, or of runs that there were.
pub(super) async fn path_of(plane: &Plane, project: &Project, wanted: &str) -> Result<String, RestFault> {
    let files = event::workflows(plane, project).await?;
    if let Some(file) = find(&files, wanted) {
        return Ok(file.path.clone());
    }
    for folder in &plane.site.folders {
        let path = format!("{folder}/{wanted}");
        let filter =
            RunFilter { project: Some(project.id), workflow: Some(path.clone()), limit: 1, ..RunFilter::default() };
        if !plane.store.runs(&filter).await?.is_empty() {
            return Ok(path);
        }
    }
    Err(unknown(project, &files, wanted))
}

fn find<'a>(files: &'a [WorkflowFile], wanted: &str) -> Option<&'a WorkflowFile> {
    files.iter().find(|file| file.path == wanted || shape::file(&file.path) == wanted)
}

fn unknown(project: &Project, files: &[WorkflowFile], wanted: &str) -> RestFault {
    let known: Vec<&str> = files.iter().map(|file| shape::file(&file.path)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let message = format!("{} has no workflow '{wanted}' on its default branch; it has: {known}", project.full_name());
    RestFault::new(StatusCode::NOT_FOUND, message)
}

async fn list(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let files = event::workflows(&plane, project).await?;
    let workflows: Vec<_> = files.iter().map(|file| shape::workflow(&plane.site.url, project, file)).collect();
    let total_count = i64::try_from(workflows.len()).unwrap_or(i64::MAX);
    Ok(reply::ok(&api::WorkflowList { workflows, total_count }))
}

async fn one(plane: &Plane, caller: &Caller, params: &Params) -> Result<(Project, WorkflowFile), RestFault> {
    let project = caller.project()?.clone();
    let wanted = params.0.get("workflow").map(String::as_str).unwrap_or_default();
    let files = event::workflows(plane, &project).await?;
    let file = find(&files, wanted).cloned();
    let file = file.ok_or_else(|| unknown(&project, &files, wanted))?;
    Ok((project, file))
}

async fn show(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let (project, file) = one(&plane, &caller, &params).await?;
    Ok(reply::ok(&shape::workflow(&plane.site.url, &project, &file)))
}

async fn enable(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    switch(&plane, &caller, &params, WorkflowState::Enabled).await
}

async fn disable(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    switch(&plane, &caller, &params, WorkflowState::Disabled).await
}

async fn switch(plane: &Plane, caller: &Caller, params: &Params, to: WorkflowState) -> Result<Response, RestFault> {
    let (project, file) = one(plane, caller, params).await?;
    let action = match to {
        WorkflowState::Enabled => "workflow.enable",
        WorkflowState::Disabled => "workflow.disable",
    };
    let object = format!("{} of {}", file.path, project.full_name());
    let audit = caller.actor.did(action, object, serde_json::Value::Null);
    plane.store.set_workflow(project.id, &file.path, to, plane.now(), &audit).await?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn dispatch(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
    Body(order): Body<api::Dispatch>,
) -> Result<Response, RestFault> {
    let project = caller.project()?;
    if order.reference.is_empty() {
        return Err(RestFault::invalid("ref is required parameter").fix("send `{\"ref\": \"main\"}`"));
    }
    if let Some((name, _)) = order.inputs.iter().find(|(_, value)| value.is_object() || value.is_array()) {
        return Err(RestFault::invalid(format!("the input '{name}' must be a text, a number, true or false")));
    }
    let wanted = params.get("workflow").map(String::as_str).unwrap_or_default();
    let run = event::dispatch(&plane, project, wanted, &order.reference, order.inputs, &caller.person.name).await?;
    if order.return_run_info {
        let mut jobs = Vec::new();
        for job in plane.store.jobs(run.id, run.attempt).await? {
            let id = job.id.as_str().to_owned();
            if !jobs.contains(&id) {
                jobs.push(id);
            }
        }
        return Ok(reply::created(&api::RunInfo { id: run.id.0, run_number: run.number, jobs }));
    }
    if query.truth("return_run_details") != Some(true) {
        return Ok(reply::nothing(StatusCode::NO_CONTENT));
    }
    let site = &plane.site.url;
    Ok(reply::ok(&api::RunDetails {
        workflow_run_id: run.id.0,
        run_url: format!("{site}/api/v1/repos/{}/actions/runs/{}", project.full_name(), run.id),
        html_url: format!("{site}/{}/actions/runs/{}", project.full_name(), run.id),
    }))
}
