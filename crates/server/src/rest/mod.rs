//! REST: Gitea's Actions routes in Gitea's shapes, ours beside them. Called by `serve`.
//!
//! A route is one line of a table: method, path, what it needs, what it takes and gives, who answers (`route`). The guard (`guard`) lets in who may,
//! before a handler sees anything; a handler asks one verb of the store or of another room, and `shape` turns what that gives into a shape of `api`.
//! The same table is the OpenAPI document (`openapi`), so that neither can say what the other does not.

mod audit;
mod body;
mod caller;
mod fault;
mod guard;
mod holdings;
mod jobs;
mod logs;
mod names;
mod openapi;
mod outside;
mod people;
mod projects;
mod query;
mod queue;
mod reply;
mod route;
mod router;
mod runners;
mod runs;
mod shape;
mod tokens;
mod workflows;

pub(crate) use fault::{denied, refusal};
pub use openapi::openapi;
pub use router::router;
