//! The commands that ask a server: what they share, and one file for each noun.

mod audit;
mod connect;
mod first_error;
mod holding;
mod job;
mod output;
mod project;
mod run;
mod runner;
mod token;
mod value;
mod watch;

pub(crate) use audit::run as audit;
pub(crate) use connect::{connect, connect_to, failure as client_failure};
pub(crate) use holding::{secret, var};
pub(crate) use job::run as job;
pub(crate) use output::length;
pub(crate) use project::run as project;
pub(crate) use run::reference;
pub(crate) use run::run;
pub(crate) use runner::run as runner;
pub(crate) use token::run as token;
pub(crate) use watch::{Follower, LOOK, Sight, made, verdict};

use crate::failure::Failure;
use api::PageQuery;

/// The most that a server gives at once.
const PAGE: u32 = 100;

/// So many of a list, page by page.
async fn pages<T>(limit: u32, get: impl AsyncFn(PageQuery) -> Result<Vec<T>, Failure>) -> Result<Vec<T>, Failure> {
    let size = limit.min(PAGE);
    let mut all = Vec::new();
    for page in 1.. {
        let found = get(PageQuery { page: Some(page), limit: Some(size) }).await?;
        let is_last = found.len() < size as usize;
        all.extend(found);
        if is_last || all.len() >= limit as usize {
            break;
        }
    }
    all.truncate(limit as usize);
    Ok(all)
}
