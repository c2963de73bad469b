//! Runners: listed, changed, removed; what registers them.

use super::body::Body;
use super::caller::{Caller, Place};
use super::fault::RestFault;
use super::query::Query;
use super::reply;
use super::route::{Route, delete, get, patch, post};
use super::runs::{Params, number};
use super::shape;
use crate::access::{TokenView, current_registration};
use crate::keys;
use crate::plane::Plane;
use crate::task::give_up_all;
use api::{PageQuery, Right, RunnerQuery};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::RunnerId;
use domain::control::{Admission, RunnerChange, Scope, TokenUse};
use std::time::Duration;
use store::StoredRunner;

/// A rotated key opens so long still where nothing is said (`security` R9).
const GRACE: Duration = Duration::from_hours(24);
/// And so long at most.
const LONGEST_GRACE: Duration = Duration::from_hours(30 * 24);

/// How long what is rotated opens still.
pub(super) fn grace(seconds: Option<u64>) -> Result<Duration, RestFault> {
    let grace = seconds.map_or(GRACE, Duration::from_secs);
    if grace > LONGEST_GRACE {
        return Err(RestFault::invalid("a grace is 30 days at most").fix("0 is none at all"));
    }
    Ok(grace)
}

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Right::ReadRunners, Right::WriteRunners);
    let mut routes = Vec::new();
    // Each with its own text of a path: axum and the document want them whole.
    let places: [[&'static str; 5]; 4] = [
        [
            "/admin/actions/runners",
            "/admin/actions/runners/{runner}",
            "/admin/actions/runners/{runner}/drain",
            "/admin/actions/runners/{runner}/key",
            "/admin/actions/runners/registration-token",
        ],
        [
            "/user/actions/runners",
            "/user/actions/runners/{runner}",
            "/user/actions/runners/{runner}/drain",
            "/user/actions/runners/{runner}/key",
            "/user/actions/runners/registration-token",
        ],
        [
            "/orgs/{org}/actions/runners",
            "/orgs/{org}/actions/runners/{runner}",
            "/orgs/{org}/actions/runners/{runner}/drain",
            "/orgs/{org}/actions/runners/{runner}/key",
            "/orgs/{org}/actions/runners/registration-token",
        ],
        [
            "/repos/{owner}/{repo}/actions/runners",
            "/repos/{owner}/{repo}/actions/runners/{runner}",
            "/repos/{owner}/{repo}/actions/runners/{runner}/drain",
            "/repos/{owner}/{repo}/actions/runners/{runner}/key",
            "/repos/{owner}/{repo}/actions/runners/registration-token",
        ],
    ];
    for [all, one, drained, key, token] in places {
        routes.extend([
            get(all, read, "List runners")
                .query::<RunnerQuery>()
                .query::<PageQuery>()
                .gives::<api::RunnerList>(200)
                .by(list),
            get(one, read, "Show a runner").gives::<api::Runner>(200).by(show),
            delete(one, write, "Remove a runner").gives_nothing(204).by(remove),
            patch(one, write, "Say whether a runner shall take no tasks")
                .takes::<api::EditRunner>()
                .gives::<api::Runner>(200)
                .by(edit),
            post(drained, write, "Let a runner end its tasks and take no more (ours)")
                .gives::<api::Runner>(200)
                .by(drain),
            post(key, write, "Give a runner another key; its present one opens for a grace still (ours)")
                .takes::<api::NewRunnerKey>()
                .gives::<api::RunnerKey>(201)
                .by(new_key),
            post(token, write, "The token that registers runners now")
                .gives::<api::RegistrationToken>(200)
                .by(register),
            get(token, write, "The same, as Forgejo and older Gitea have it")
                .gives::<api::RegistrationToken>(200)
                .by(register),
        ]);
    }
    let older = "/admin/runners/registration-token";
    routes.push(
        get(older, write, "The same, as Forgejo and older Gitea have it")
            .gives::<api::RegistrationToken>(200)
            .by(register),
    );
    routes
}

async fn register(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let made = current_registration(&plane, &caller.person, &caller.actor, caller.place.reach()).await?;
    let expires_at = TokenView::of(made.stored.phase, plane.now()).expires;
    Ok(reply::ok(&api::RegistrationToken { token: made.text.expose().to_owned(), expires_at }))
}

async fn list(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    // As with Gitea: of the instance all there are.
    let scope = match &caller.place {
        Place::Instance => None,
        place => Some(place.scope()),
    };
    let mut runners = plane.store.runners(scope).await?;
    if let Some(disabled) = query.truth("disabled") {
        runners.retain(|runner| (runner.phase.admission() == Admission::Disabled) == disabled);
    }
    let (page, total) = (query.page(), runners.len() as u64);
    let mut shapes = Vec::new();
    for runner in page.of(runners) {
        shapes.push(shaped(&plane, &runner).await?);
    }
    let list = api::RunnerList { runners: shapes, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

async fn shaped(plane: &Plane, runner: &StoredRunner) -> Result<api::Runner, RestFault> {
    Ok(shape::runner(runner, shape::scope(plane, runner.scope).await?))
}

/// The runner of a path, when it is of the place of the path; the instance may change all.
async fn one(plane: &Plane, caller: &Caller, params: &Params) -> Result<StoredRunner, RestFault> {
    let id = number(&params.0, "runner")?;
    let runner = plane.store.runner(RunnerId(id)).await?;
    let is_of = caller.place.scope() == Scope::Instance || runner.scope == caller.place.scope();
    if is_of { Ok(runner) } else { Err(RestFault::missing("runner", &id.to_string())) }
}

async fn show(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let runner = one(&plane, &caller, &params).await?;
    Ok(reply::ok(&shaped(&plane, &runner).await?))
}

async fn remove(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let runner = one(&plane, &caller, &params).await?;
    let audit = caller.actor.did("runner.remove", named(&runner), serde_json::Value::Null);
    give_up_all(&plane, runner.id).await?;
    plane.store.remove_runner(runner.id, plane.now(), &audit).await?;
    plane.queue.runner_gone(runner.id);
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn edit(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(edit): Body<api::EditRunner>,
) -> Result<Response, RestFault> {
    let runner = one(&plane, &caller, &Path(params)).await?;
    let (change, action) = match edit.disabled {
        Some(true) => (RunnerChange::Disabled, "runner.disable"),
        Some(false) => (RunnerChange::Opened, "runner.enable"),
        None => return Err(RestFault::invalid("[Disabled]: Required").fix("send `{\"disabled\": true}` or false")),
    };
    changed(&plane, &caller, &runner, change, action).await
}

async fn drain(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let runner = one(&plane, &caller, &params).await?;
    changed(&plane, &caller, &runner, RunnerChange::Drained, "runner.drain").await
}

async fn changed(
    plane: &Plane,
    caller: &Caller,
    runner: &StoredRunner,
    change: RunnerChange,
    action: &str,
) -> Result<Response, RestFault> {
    let audit = caller.actor.did(action, named(runner), serde_json::Value::Null);
    plane.store.change_runner(runner.id, change, plane.now(), Some(&audit)).await?;
    let runner = plane.store.runner(runner.id).await?;
    plane.queue.runner(runner.clone());
    Ok(reply::ok(&shaped(plane, &runner).await?))
}

async fn new_key(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(order): Body<api::NewRunnerKey>,
) -> Result<Response, RestFault> {
    let runner = one(&plane, &caller, &Path(params)).await?;
    let key = TokenUse::Runner.text(keys::random().map_err(|error| RestFault::inner(&error))?);
    let grace = grace(order.grace_s)?;
    let audit = caller.actor.did("runner.key", named(&runner), serde_json::json!({"grace_s": grace.as_secs()}));
    plane.store.rotate_key(runner.id, plane.keys.hash(&key), grace, plane.now(), &audit).await?;
    if grace.is_zero() {
        // A question that is open with the old one ends.
        plane.queue.flush(runner.id);
    }
    let made = api::RunnerKey { id: runner.id.0, uuid: runner.uuid.0.clone(), token: key.expose().to_owned() };
    Ok(reply::created(&made))
}

fn named(runner: &StoredRunner) -> String {
    format!("runner {} ({})", runner.id, runner.name)
}
