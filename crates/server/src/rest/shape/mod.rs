//! From what the store keeps to what REST says. Called by all handlers.

mod runs;
mod things;

pub(super) use runs::{Known, detail, job_status};
pub(super) use things::{project, repository, runner, scope, token, workflow};

/// The file's name of a path.
pub(super) fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The branch of a ref; nothing where it is none.
fn branch(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or_default()
}

/// A ref, short.
fn pretty(reference: &str) -> &str {
    let short = ["refs/heads/", "refs/tags/"].into_iter().find_map(|prefix| reference.strip_prefix(prefix));
    short.unwrap_or(reference)
}
