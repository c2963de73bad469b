//! What a move of a ref brought: its commits and its changed files.

use super::{ProjectError, Refs};
use crate::git::{Git, GitError};
use crate::repository::{Commit, CommitId, Repository};
use std::time::Duration;

/// How long one comparison may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take to find out where a new branch leaves the others: what is not known in this time runs.
const SHORT: Duration = Duration::from_secs(2);

/// Where a new branch leaves the others: the parent of the oldest commit that it alone has. `None` where it has none of its own, has commits without a parent, or that
/// is not found in time.
pub(super) fn base_of_new(
    repository: &Repository,
    git: &str,
    (name, after): (&str, &CommitId),
    refs: &Refs,
) -> Result<Option<CommitId>, ProjectError> {
    let others: Vec<&CommitId> = refs.all.iter().filter(|(other, _)| other != name).map(|(_, commit)| commit).collect();
    if others.is_empty() {
        return Ok(None);
    }
    let mut input = format!("{after}\n");
    for other in others {
        input.push_str(&format!("^{other}\n"));
    }
    let output = repository.without_configuration(|git_dir| {
        let git = Git::in_repository(git_dir).args(["rev-list", "--topo-order", "--reverse", "--stdin"]);
        git.input(input.into_bytes()).timeout(SHORT).output()
    });
    let output = match output {
        Ok(output) => output,
        Err(GitError::Failed { .. } | GitError::TimedOut { .. }) => return Ok(None),
        Err(source) => return Err(ProjectError::Git { git: git.to_owned(), source }),
    };
    let text = String::from_utf8_lossy(&output);
    let Some(deepest) = text.lines().next().and_then(|line| CommitId::parse(line).ok()) else { return Ok(None) };
    Ok(repository.commit(&deepest)?.parents.first().cloned())
}

/// Whether a ref left commits behind when it moved: it was not only moved on.
pub(super) fn is_forced(
    repository: &Repository,
    git: &str,
    before: &CommitId,
    after: &CommitId,
) -> Result<bool, ProjectError> {
    if repository.commit(after)?.parents.contains(before) {
        return Ok(false);
    }
    let output = repository.without_configuration(|git_dir| {
        let range = [before.to_string(), format!("^{after}")];
        let git = Git::in_repository(git_dir).args(["rev-list", "--max-count=1"]).args(range).args(["--"]);
        git.timeout(SHORT).output()
    });
    match output {
        Ok(output) => Ok(!output.is_empty()),
        // What it was is gone: it was left behind.
        Err(GitError::Failed { .. }) => Ok(true),
        Err(GitError::TimedOut { .. }) => Ok(false),
        Err(source) => Err(ProjectError::Git { git: git.to_owned(), source }),
    }
}

/// The commits that `after` has and `before` has not, the oldest first, of the newest at most `most`. A ref that is new, and one whose
/// former commit is gone, bring their newest commit.
pub(super) fn commits_between(
    repository: &Repository,
    git: &str,
    before: Option<&CommitId>,
    after: &CommitId,
    most: usize,
) -> Result<Vec<Commit>, ProjectError> {
    let newest = repository.commit(after)?;
    let Some(before) = before else { return Ok(vec![newest]) };
    if most <= 1 || newest.parents.first() == Some(before) && newest.parents.len() == 1 {
        return Ok(vec![newest]);
    }
    let failed = |source| ProjectError::Git { git: git.to_owned(), source };
    let output = repository.without_configuration(|git_dir| {
        let limit = format!("--max-count={most}");
        let range = [format!("^{before}"), after.to_string()];
        let git = Git::in_repository(git_dir).args(["rev-list", "--topo-order", &limit]).args(range).args(["--"]);
        git.timeout(PATIENCE).output()
    });
    let output = match output {
        Ok(output) => output,
        Err(GitError::Failed { .. } | GitError::TimedOut { .. }) => return Ok(vec![newest]),
        Err(error) => return Err(failed(error)),
    };
    let text = String::from_utf8_lossy(&output);
    let ids = text.lines().rev().filter_map(|line| CommitId::parse(line).ok());
    ids.map(|id| repository.commit(&id).map_err(ProjectError::from)).collect()
}
