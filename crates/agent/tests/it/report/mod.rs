//! Reporting a task: whatever happens on the way, one result and the whole log arrive.

mod left;
mod mischief;
mod outage;
mod stand;
mod way;

use stand::Stand;

pub(crate) use stand::quick;
