//! What joins a project to what is outside: the webhook by which a forge says that something moved, the forge that hears of its runs, and who may clone it. Ours.

use super::body::Body;
use super::caller::Caller;
use super::fault::RestFault;
use super::reply;
use super::route::{Route, delete, get, post, put};
use super::shape;
use crate::plane::Plane;
use crate::told::{FORGE, HOOK, HookSeed, READERS, ToldForge};
use crate::watch::hook_address;
use api::Right;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Secret;
use forge::{Forge, Place};
use serde_json::{Value, json};
use store::Project;

pub(super) fn routes() -> Vec<Route> {
    let write = Right::WriteProjects;
    vec![
        get("/projects/{owner}/{repo}/hook", write, "Show where a forge sends its pushes (ours)")
            .gives::<api::Hook>(200)
            .by(hook),
        post("/projects/{owner}/{repo}/hook", write, "Give the webhook another secret, which is said once (ours)")
            .gives::<api::MadeHook>(201)
            .by(make_hook),
        delete("/projects/{owner}/{repo}/hook", write, "Take the webhook's secret away: no push is taken (ours)")
            .gives_nothing(204)
            .by(remove_hook),
        put("/projects/{owner}/{repo}/forge", write, "Name the forge that hears of the project's runs (ours)")
            .takes::<api::SetForge>()
            .gives::<api::Project>(200)
            .by(set_forge),
        delete("/projects/{owner}/{repo}/forge", write, "Tell no forge of the project's runs (ours)")
            .gives_nothing(204)
            .by(remove_forge),
        put("/projects/{owner}/{repo}/readers", write, "Say who may clone the project from the server (ours)")
            .takes::<api::SetReaders>()
            .gives::<api::Project>(200)
            .by(set_readers),
    ]
}

fn shown(plane: &Plane, project: &Project, seed: Option<&HookSeed>) -> api::Hook {
    api::Hook { url: hook_address(&plane.site, project), secret_made_at: seed.map(|seed| seed.made) }
}

async fn hook(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let project = caller.project()?;
    Ok(reply::ok(&shown(&plane, project, HookSeed::of(project).as_ref())))
}

async fn make_hook(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let seed = HookSeed::draw(&plane.keys, plane.now()).map_err(|error| RestFault::inner(&error))?;
    let gone = || RestFault::new(StatusCode::INTERNAL_SERVER_ERROR, "the server has no key to make a secret with");
    let secret = seed.secret(&plane.keys).ok_or_else(gone)?;
    set(&plane, &caller, (HOOK, &json!(seed)), "project.hook", Value::Null).await?;
    let hook = shown(&plane, project, Some(&seed));
    Ok(reply::created(&api::MadeHook { secret: secret.expose().to_owned(), hook }))
}

async fn remove_hook(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    set(&plane, &caller, (HOOK, &Value::Null), "project.hook.remove", Value::Null).await?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn set_forge(
    State(plane): State<Plane>,
    caller: Caller,
    Body(order): Body<api::SetForge>,
) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let api::SetForge { url, kind, token } = order;
    let kind = kind.map(|kind| kind.parse()).transpose();
    let kind = kind.map_err(|error: forge::PlaceError| RestFault::invalid(error.to_string()))?;
    let place = Place::parse(url.trim(), kind).map_err(|error| RestFault::invalid(error.to_string()))?;
    let token = Secret::new(token.trim());
    if token.expose().is_empty() {
        return Err(
            RestFault::invalid("the token is empty").fix("give one of the forge that may write statuses of commits")
        );
    }
    let is_same = ToldForge::of(project).is_some_and(|now| now.url == place.url && now.kind == place.kind);
    let told = ToldForge::sealed(&plane.keys, project, (place.url.clone(), place.kind), &token);
    let told = told.map_err(|error| RestFault::inner(&error))?;
    let detail = json!({"url": place.url, "kind": place.kind});
    // What does not open now would be heard of in the log alone.
    let looked = match Forge::new(place, &token) {
        Ok(forge) => match forge.look().await {
            Ok(()) => forge.look_at_right().await,
            fault => fault,
        },
        Err(error) => Err(error),
    };
    looked.map_err(|error| {
        RestFault::invalid(error.to_string())
            .fix("give the repository's page, and a token that sees it and may write statuses of commits")
    })?;
    // To another forge what is over is history; what goes on is told from now on. The same one hears what another token kept from it.
    if !is_same {
        plane.store.leave_untold(project.id).await?;
    }
    set(&plane, &caller, (FORGE, &json!(told)), "project.forge", detail).await?;
    let project = plane.store.project_by_id(project.id).await?;
    Ok(reply::ok(&shape::project(&plane.site.url, &project)))
}

async fn remove_forge(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    set(&plane, &caller, (FORGE, &Value::Null), "project.forge.remove", Value::Null).await?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn set_readers(
    State(plane): State<Plane>,
    caller: Caller,
    Body(order): Body<api::SetReaders>,
) -> Result<Response, RestFault> {
    let readers = json!(order.readers);
    set(&plane, &caller, (READERS, &readers), "project.readers", json!({"readers": readers})).await?;
    let project = plane.store.project_by_id(caller.project()?.id).await?;
    Ok(reply::ok(&shape::project(&plane.site.url, &project)))
}

async fn set(
    plane: &Plane,
    caller: &Caller,
    setting: (&str, &Value),
    action: &str,
    detail: Value,
) -> Result<(), RestFault> {
    let project = caller.project()?;
    let audit = caller.actor.did(action, project.full_name(), detail);
    Ok(plane.store.set_project_setting(project.id, setting, plane.now(), &audit).await?)
}
