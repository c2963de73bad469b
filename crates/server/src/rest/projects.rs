//! Projects: ours, and as repositories of Gitea's.

use super::body::Body;
use super::caller::Caller;
use super::fault::{RestFault, told};
use super::guard::Need;
use super::query::Query;
use super::reply;
use super::route::{Route, delete, get, post};
use super::shape;
use crate::access::Reach;
use crate::place::{GitPlace, without_password};
use crate::plane::Plane;
use crate::serve::{is_of_path, is_reserved};
use api::{PageQuery, ProjectName, Right};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::control::Scope;
use store::{NewProject, StoreError};

pub(super) fn routes() -> Vec<Route> {
    let write = Right::WriteProjects;
    vec![
        get("/projects", Need::Own(Right::ReadRuns), "List the projects that the token reaches (ours)")
            .query::<PageQuery>()
            .gives::<api::ProjectList>(200)
            .by(list),
        post("/projects", Need::Own(write), "Make a project (ours)")
            .takes::<api::NewProject>()
            .gives::<api::Project>(201)
            .by(add),
        get("/projects/{owner}/{repo}", Right::ReadRuns, "Show a project (ours)").gives::<api::Project>(200).by(show),
        delete("/projects/{owner}/{repo}", write, "Forget a project with its runs, secrets and variables (ours)")
            .gives_nothing(204)
            .by(remove),
        get("/repos/{owner}/{repo}", Right::ReadRuns, "Show a project as a repository")
            .gives::<api::Repository>(200)
            .by(repository),
    ]
}

async fn list(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let mut projects = plane.store.projects().await?;
    projects.retain(|project| caller.person.scope.holds(project.owner_id, project.id));
    let (page, total) = (query.page(), projects.len() as u64);
    let projects = page.of(projects).iter().map(|project| shape::project(&plane.site.url, project)).collect();
    let list = api::ProjectList { projects, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

async fn add(
    State(plane): State<Plane>,
    caller: Caller,
    Body(order): Body<api::NewProject>,
) -> Result<Response, RestFault> {
    let api::NewProject { owner, name, git } = order;
    ProjectName::new(&owner, &name).map_err(|error| RestFault::invalid(error.to_string()))?;
    if is_reserved(&owner) || is_of_path(&plane.site.url, &owner) {
        let fault =
            RestFault::invalid(format!("the owner '{owner}' would have the address of a page of the server's own"));
        return Err(fault.fix("take another word"));
    }
    let git = git.trim().to_owned();
    let place = GitPlace::of(&git).ok_or_else(|| {
        let fault = RestFault::invalid(format!("'{git}' is no place of a repository"));
        fault.fix("give a whole path of the server's machine (/srv/git/shop) or a URL (https://…, ssh://…)")
    })?;
    // An owner that is new is nobody's: only the instance makes it.
    let reach = match plane.store.owner(&owner).await {
        Ok(id) => Reach::Owner(id),
        Err(StoreError::Missing { .. }) => {
            // To others it is as one that is there and not theirs.
            if caller.person.scope != Scope::Instance {
                return Err(RestFault::missing("owner", &owner));
            }
            Reach::Instance
        }
        Err(error) => return Err(error.into()),
    };
    // A path of the machine may be any of the server's files that git reads: who reaches the instance may name one.
    let reach = match place {
        GitPlace::Network => reach,
        GitPlace::Machine => Reach::Instance,
    };
    caller.person.check(Right::WriteProjects, reach, "owner", &owner)?;
    let (projects, place) = (plane.projects.clone(), git.clone());
    // What cannot be read now would be a project of which nothing is ever heard.
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || projects.refs(&place)).await {
        return Err(RestFault::invalid(format!("its repository cannot be read: {}", told(&error))));
    }
    let object = format!("{owner}/{name}");
    let audit = caller.actor.did("project.add", object, serde_json::json!({"git": without_password(&git)}));
    let project = plane.store.add_project(&NewProject { owner, name, git }, plane.now(), &audit).await?;
    plane.queue.project(project.clone());
    // What is there now starts nothing; what moves from now on does.
    if let Err(error) = crate::watch::first_look(&plane, &project).await {
        tracing::warn!(
            project = project.full_name(),
            error = &error as &dyn std::error::Error,
            "its refs are not noted"
        );
    }
    Ok(reply::created(&shape::project(&plane.site.url, &project)))
}

async fn show(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    Ok(reply::ok(&shape::project(&plane.site.url, caller.project()?)))
}

async fn remove(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let audit = caller.actor.did("project.remove", project.full_name(), serde_json::Value::Null);
    plane.store.remove_project(project.id, plane.now(), &audit).await?;
    plane.queue.project_gone(project.id);
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn repository(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let (projects, git) = (plane.projects.clone(), project.git.clone());
    // The repository may be away; that is no fault of this route.
    let refs = tokio::task::spawn_blocking(move || projects.refs(&git)).await;
    let branch = refs.ok().and_then(Result::ok).and_then(|refs| refs.default_branch.clone()).unwrap_or_default();
    let branch = branch.trim_start_matches("refs/heads/");
    Ok(reply::ok(&shape::repository(&plane.site.url, project, branch)))
}
