//! Secrets and variables of the three scopes. A secret's value goes in and never comes out.

use super::body::Body;
use super::caller::Caller;
use super::fault::RestFault;
use super::names::name;
use super::query::Query;
use super::reply;
use super::route::{Route, delete, get, post, put};
use super::runs::Params;
use crate::plane::Plane;
use api::{PageQuery, Right};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Secret;
use domain::control::Scope;
use std::collections::HashMap;
use store::{Holding, HoldingKind, NewHolding, Set, StoreError};

/// A value is so long at most, as with Gitea.
const VALUE: usize = 64 * 1024;
/// A description too.
const DESCRIPTION: usize = 4096;

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Right::ReadSecrets, Right::WriteSecrets);
    let places: [[&'static str; 4]; 4] = [
        [
            "/admin/actions/secrets",
            "/admin/actions/secrets/{name}",
            "/admin/actions/variables",
            "/admin/actions/variables/{name}",
        ],
        [
            "/user/actions/secrets",
            "/user/actions/secrets/{name}",
            "/user/actions/variables",
            "/user/actions/variables/{name}",
        ],
        [
            "/orgs/{org}/actions/secrets",
            "/orgs/{org}/actions/secrets/{name}",
            "/orgs/{org}/actions/variables",
            "/orgs/{org}/actions/variables/{name}",
        ],
        [
            "/repos/{owner}/{repo}/actions/secrets",
            "/repos/{owner}/{repo}/actions/secrets/{name}",
            "/repos/{owner}/{repo}/actions/variables",
            "/repos/{owner}/{repo}/actions/variables/{name}",
        ],
    ];
    let mut routes = Vec::new();
    for [secrets, secret, variables, variable] in places {
        routes.extend([
            get(secrets, read, "List secrets, without their values")
                .query::<PageQuery>()
                .gives_list::<api::Secret>(200)
                .by(list_secrets),
            put(secret, write, "Set a secret")
                .takes::<api::SetSecret>()
                .gives_nothing(201)
                .gives_nothing(204)
                .by(set_secret),
            delete(secret, write, "Remove a secret").gives_nothing(204).by(remove_secret),
            get(variables, read, "List variables")
                .query::<PageQuery>()
                .gives_list::<api::Variable>(200)
                .by(list_variables),
            get(variable, read, "Show a variable").gives::<api::Variable>(200).by(show_variable),
            post(variable, write, "Make a variable")
                .takes::<api::CreateVariable>()
                .gives_nothing(201)
                .by(create_variable),
            put(variable, write, "Change a variable")
                .takes::<api::UpdateVariable>()
                .gives_nothing(204)
                .by(update_variable),
            delete(variable, write, "Remove a variable").gives_nothing(204).by(remove_variable),
        ]);
    }
    routes
}

async fn list_secrets(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let all = plane.store.holdings(HoldingKind::Secret, caller.place.scope()).await?;
    let (page, total) = (query.page(), all.len() as u64);
    let shape = |holding: Holding| api::Secret {
        name: holding.new.name,
        description: holding.new.description,
        created_at: Some(holding.created),
    };
    let list: Vec<api::Secret> = page.of(all).into_iter().map(shape).collect();
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

async fn set_secret(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(order): Body<api::SetSecret>,
) -> Result<Response, RestFault> {
    let name = named(&params)?;
    let api::SetSecret { data, description } = order;
    if data.is_empty() {
        return Err(RestFault::invalid("[Data]: Required").fix("send `{\"data\": \"…\"}`"));
    }
    sized(&data, &description)?;
    let scope = caller.place.scope();
    let sealed = plane.keys.seal(scope, &name, &Secret::new(data)).map_err(|error| RestFault::inner(&error))?;
    let new = NewHolding { kind: HoldingKind::Secret, scope, name, description, value: sealed.0 };
    let audit = audit(&caller, "secret.set", &new.name, serde_json::Value::Null);
    Ok(reply::nothing(match plane.store.set_holding(&new, plane.now(), &audit).await? {
        Set::Made => StatusCode::CREATED,
        Set::Changed => StatusCode::NO_CONTENT,
    }))
}

async fn remove_secret(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    remove(&plane, &caller, &params.0, HoldingKind::Secret, "secret.remove").await
}

async fn list_variables(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let all = plane.store.holdings(HoldingKind::Variable, caller.place.scope()).await?;
    let (page, total) = (query.page(), all.len() as u64);
    let list: Vec<api::Variable> = page.of(all).into_iter().map(variable).collect();
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

async fn found(plane: &Plane, caller: &Caller, name: &str) -> Result<Option<Holding>, RestFault> {
    let all = plane.store.holdings(HoldingKind::Variable, caller.place.scope()).await?;
    Ok(all.into_iter().find(|holding| holding.new.name == name))
}

async fn show_variable(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let name = named(&params.0)?;
    let holding = found(&plane, &caller, &name).await?.ok_or_else(|| RestFault::missing("variable", &name))?;
    Ok(reply::ok(&variable(holding)))
}

async fn create_variable(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(order): Body<api::CreateVariable>,
) -> Result<Response, RestFault> {
    let api::CreateVariable { value, description } = order;
    let new = new_variable(&caller, named(&params)?, value, description)?;
    let audit = audit(&caller, "variable.set", &new.name, serde_json::Value::Null);
    plane.store.add_holding(&new, plane.now(), &audit).await.map_err(not_kept)?;
    Ok(reply::nothing(StatusCode::CREATED))
}

async fn update_variable(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(order): Body<api::UpdateVariable>,
) -> Result<Response, RestFault> {
    let old = named(&params)?;
    let api::UpdateVariable { name: new, value, description } = order;
    let name = if new.is_empty() { old.clone() } else { checked(&new)? };
    let new = new_variable(&caller, name, value, description)?;
    let mut noted = vec![audit(&caller, "variable.set", &new.name, serde_json::Value::Null)];
    if new.name != old {
        noted.push(audit(&caller, "variable.remove", &old, serde_json::json!({"renamed_to": new.name})));
    }
    plane.store.change_holding(&old, &new, plane.now(), &noted).await.map_err(not_kept)?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

async fn remove_variable(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    remove(&plane, &caller, &params.0, HoldingKind::Variable, "variable.remove").await
}

fn new_variable(caller: &Caller, name: String, value: String, description: String) -> Result<NewHolding, RestFault> {
    if value.is_empty() {
        return Err(RestFault::invalid("[Value]: Required").fix("send `{\"value\": \"…\"}`"));
    }
    sized(&value, &description)?;
    let (kind, scope) = (HoldingKind::Variable, caller.place.scope());
    // As Gitea does for what was written in a form.
    let value = value.replace("\r\n", "\n").into_bytes();
    Ok(NewHolding { kind, scope, name, description, value })
}

/// Why a variable is not kept, in Gitea's words.
fn not_kept(error: StoreError) -> RestFault {
    match error {
        StoreError::Present { name, .. } => {
            let fault = RestFault::new(StatusCode::CONFLICT, format!("variable name already exists: {name}"));
            fault.fix("change that one with PUT, or take another name")
        }
        StoreError::Missing { what: what @ "variable", name } => RestFault::missing(what, &name),
        other => other.into(),
    }
}

async fn remove(
    plane: &Plane,
    caller: &Caller,
    params: &HashMap<String, String>,
    kind: HoldingKind,
    action: &str,
) -> Result<Response, RestFault> {
    // A name that could not be kept is one that is not there.
    let text = params.get("name").map(String::as_str).unwrap_or_default();
    let name = name(text).map_err(|_| RestFault::missing("secret or variable", text))?;
    let audit = audit(caller, action, &name, serde_json::Value::Null);
    plane.store.remove_holding(kind, caller.place.scope(), &name, plane.now(), &audit).await?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}

fn audit(caller: &Caller, action: &str, name: &str, detail: serde_json::Value) -> store::AuditEntry {
    caller.actor.did(action, format!("{name} of {}", caller.place), detail)
}

fn named(params: &HashMap<String, String>) -> Result<String, RestFault> {
    checked(params.get("name").map(String::as_str).unwrap_or_default())
}

fn checked(text: &str) -> Result<String, RestFault> {
    name(text).map_err(|fault| RestFault::bad(fault.to_string()))
}

fn sized(value: &str, description: &str) -> Result<(), RestFault> {
    if value.len() > VALUE || description.len() > DESCRIPTION {
        let text = format!("a value has at most {VALUE} bytes, its description {DESCRIPTION}");
        // Gitea's status.
        return Err(RestFault::bad(text));
    }
    Ok(())
}

fn variable(holding: Holding) -> api::Variable {
    let (owner_id, repo_id) = match holding.new.scope {
        Scope::Instance => (0, 0),
        Scope::Owner(owner) => (owner.0, 0),
        Scope::Repository(project) => (0, project.0),
    };
    let data = String::from_utf8_lossy(&holding.new.value).into_owned();
    api::Variable { owner_id, repo_id, name: holding.new.name, data, description: holding.new.description }
}
