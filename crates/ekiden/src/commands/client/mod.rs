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
use crate::style::note;
use api::{ClientError, Counted, PageQuery};
use connect::failure;

/// The most that a server gives at once.
const PAGE: u32 = 100;

/// What was found of a list.
#[derive(Debug)]
struct Found<T> {
    items: Vec<T>,
    /// How many there are.
    total: u64,
}

impl<T> Found<T> {
    /// Of a page, whose total the server says.
    fn new(items: Vec<T>, total: i64) -> Self {
        Self { items, total: u64::try_from(total).unwrap_or_default() }
    }

    /// Says that there is more, where a list was cut.
    fn say_more(&self) {
        let shown = self.items.len() as u64;
        if self.total > shown {
            note(format!("the first {shown} of {}; all: --limit {}", self.total, self.total));
        }
    }
}

impl<T> From<Counted<T>> for Found<T> {
    fn from(Counted { items, total }: Counted<T>) -> Self {
        Self { items, total }
    }
}

/// So many of a list, page by page.
async fn pages<T>(
    limit: u32,
    get: impl AsyncFn(PageQuery) -> Result<Found<T>, ClientError>,
) -> Result<Found<T>, Failure> {
    let size = limit.min(PAGE);
    let mut all = Found { items: Vec::new(), total: 0 };
    for page in 1.. {
        let found = get(PageQuery { page: Some(page), limit: Some(size) }).await.map_err(|error| failure(&error))?;
        let is_last = found.items.len() < size as usize;
        all.total = found.total;
        all.items.extend(found.items);
        if is_last || all.items.len() >= limit as usize {
            break;
        }
    }
    all.items.truncate(limit as usize);
    Ok(all)
}
