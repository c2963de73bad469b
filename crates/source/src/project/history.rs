//! What a move of a ref brought: its commits and its changed files.

use super::ProjectError;
use crate::git::{Git, GitError};
use crate::repository::{Commit, CommitId, Repository};
use std::time::Duration;

/// How long one comparison may take.
const PATIENCE: Duration = Duration::from_secs(30);

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
