//! Who changed what. Ours.

use super::fault::RestFault;
use super::guard::Need;
use super::query::Query;
use super::reply;
use super::route::{Route, get};
use crate::plane::Plane;
use api::{AuditQuery, Right};
use axum::extract::State;
use axum::response::Response;
use domain::Timestamp;
use store::{AuditFilter, AuditRecord};

/// So many entries where it is not said, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 1000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/audit", Need::Everywhere(Right::ReadAudit), "Who changed what, from where, the newest first (ours)")
            .query::<AuditQuery>()
            .gives::<api::Audit>(200)
            .by(list),
    ]
}

async fn list(State(plane): State<Plane>, query: Query) -> Result<Response, RestFault> {
    let since = query.one("since").map(|text| {
        let bad = || RestFault::bad(format!("`since={text}` is no moment")).fix("write it so: 2026-11-22T08:00:00Z");
        let moment: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        Ok::<_, RestFault>(Timestamp(u64::try_from(moment.as_millisecond()).unwrap_or_default()))
    });
    let filter = AuditFilter {
        before: query.number("before")?,
        since: since.transpose()?,
        action: query.one("action").map(str::to_owned),
        limit: query.number::<u32>("limit")?.unwrap_or(USUAL).clamp(1, MOST),
    };
    let shape = |AuditRecord { id, at, entry }| api::AuditEntry {
        id,
        at: Some(at),
        actor: entry.actor,
        origin: entry.origin,
        action: entry.action,
        object: entry.object,
        detail: entry.detail,
    };
    let entries = plane.store.audit(&filter).await?.into_iter().map(shape).collect();
    Ok(reply::ok(&api::Audit { entries }))
}
