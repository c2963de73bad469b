//! The run's own repository: the working tree as it is, or another commit out of the local objects.

use super::submodules::some_missing;
use super::{Checkout, git, submodule_commands};
use crate::repository::{CommitId, is_plain_reference};
use workflow::checkout::{CheckoutPlan, CheckoutRequest, CheckoutUnavailable, CheckoutView, Submodules};

/// What a `ref` input was found to be.
struct Found {
    commit: CommitId,
    /// The local branch to be on; `None` for a detached commit.
    branch: Option<String>,
    reference: String,
}

impl Checkout {
    pub(super) fn own(&self, request: &CheckoutRequest) -> Result<CheckoutPlan, CheckoutUnavailable> {
        match request.reference.as_deref().filter(|reference| !self.is_current(reference)) {
            None => Ok(self.current_state(request)),
            Some(reference) => self.commit(reference, request),
        }
    }

    fn current_state(&self, request: &CheckoutRequest) -> CheckoutPlan {
        let commit = self.head.commit.as_ref().map(CommitId::to_string).unwrap_or_default();
        let reference = self.head.full_reference().unwrap_or_else(|| commit.clone());
        let top = &self.repository.top;
        let commands = match request.submodules {
            Submodules::Direct if some_missing(top, false) => submodule_commands(false, request.fetch_depth),
            Submodules::Recursive if some_missing(top, true) => submodule_commands(true, request.fetch_depth),
            Submodules::AsTheyAre | Submodules::Direct | Submodules::Recursive => Vec::new(),
        };
        let at = commit.get(..12).unwrap_or("no commit yet");
        CheckoutPlan {
            log: vec![format!(
                "{}: the working tree as it is, on {reference} at {at}, uncommitted changes included",
                self.name
            )],
            view: Some(CheckoutView::WorkingTree),
            commands,
            reference,
            commit,
            ..CheckoutPlan::default()
        }
    }

    fn commit(&self, reference: &str, request: &CheckoutRequest) -> Result<CheckoutPlan, CheckoutUnavailable> {
        let found = self.find(reference)?;
        let commit = found.commit.as_str();
        let mut commands = vec![match &found.branch {
            Some(branch) => git(["checkout", "--quiet", "--force", "-B", branch, commit]),
            None => git(["checkout", "--quiet", "--force", "--detach", commit]),
        }];
        match request.submodules {
            Submodules::AsTheyAre => {}
            Submodules::Direct => commands.extend(submodule_commands(false, request.fetch_depth)),
            Submodules::Recursive => commands.extend(submodule_commands(true, request.fetch_depth)),
        }
        Ok(CheckoutPlan {
            log: vec![format!(
                "{}: {} at {}, clean, from local objects",
                self.name,
                found.reference,
                commit.get(..12).unwrap_or(commit)
            )],
            view: Some(CheckoutView::Objects),
            commands,
            reference: found.reference,
            commit: found.commit.to_string(),
            ..CheckoutPlan::default()
        })
    }

    /// A `ref` input as actions/checkout reads it: a full reference, a commit, a branch, a tag. A branch that only the remote has counts.
    fn find(&self, reference: &str) -> Result<Found, CheckoutUnavailable> {
        let place = self.repository.top.display();
        if let Ok(commit) = CommitId::parse(reference) {
            return match self.repository.commit(&commit) {
                Ok(_) => Ok(Found { reference: commit.to_string(), commit, branch: None }),
                Err(_) => Err(CheckoutUnavailable(format!(
                    "{place} has no commit {commit}; bring it with `git fetch origin {commit}`"
                ))),
            };
        }
        let remote = self.repository.remote(&self.head).map_or_else(|| "origin".to_owned(), |remote| remote.name);
        let branch_name = |name: &str| name.strip_prefix("refs/heads/").map(str::to_owned);
        let mut candidates: Vec<(String, Option<String>)> = Vec::new();
        if reference.starts_with("refs/") {
            candidates.push((reference.to_owned(), branch_name(reference)));
            if let Some(branch) = branch_name(reference) {
                candidates.push((format!("refs/remotes/{remote}/{branch}"), Some(branch)));
            }
            if let Some(pull) = reference.strip_prefix("refs/pull/") {
                candidates.push((format!("refs/remotes/pull/{pull}"), None));
            }
        } else {
            candidates.push((format!("refs/heads/{reference}"), Some(reference.to_owned())));
            candidates.push((format!("refs/remotes/{remote}/{reference}"), Some(reference.to_owned())));
            candidates.push((format!("refs/tags/{reference}"), None));
        }
        let mut tried = Vec::new();
        for (name, branch) in candidates {
            if is_plain_reference(&name)
                && let Some(commit) = self.repository.resolve(&name)
            {
                let shown = branch.as_ref().map_or_else(|| name.clone(), |branch| format!("refs/heads/{branch}"));
                return Ok(Found {
                    commit,
                    branch: branch.filter(|branch| !branch.starts_with('-')),
                    reference: shown,
                });
            }
            tried.push(name);
        }
        Err(CheckoutUnavailable(format!(
            "{place} has no ref '{reference}' (looked for {}); bring it with `git fetch {remote} {reference}`",
            tried.join(", ")
        )))
    }
}
