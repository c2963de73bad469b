//! What the built-in `actions/checkout` places and runs. The engine calls it through [`workflow::checkout::CheckoutSource`].
//!
//! The repository of the run at its current state is a view of the working tree, uncommitted changes included. Another `ref` is a view
//! of the git folder, out of which a command inside the sandbox brings the commit. Another `repository` comes through the store; its
//! files too are brought out inside. What a user sees of it: `docs/checkout.md`.

mod clean;
mod other;
mod own;
mod submodules;
mod view;

use crate::repository::{CommitId, Head, Repository, RepositoryError};
use crate::store::Store;
use domain::View;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use workflow::checkout::{
    CheckoutCommand, CheckoutPlan, CheckoutRequest, CheckoutSource, CheckoutUnavailable, CheckoutView, Inside,
};

/// The built-in checkout of one run.
#[derive(Debug)]
pub struct Checkout {
    repository: Repository,
    head: Head,
    name: String,
    server: String,
    current: Vec<String>,
    store: Arc<Store>,
}

impl Checkout {
    /// For the run's repository, which is called `name` (`owner/repo`) on `server` (`https://github.com`).
    ///
    /// # Errors
    /// When HEAD cannot be read.
    pub fn new(
        repository: Repository,
        name: impl Into<String>,
        server: impl Into<String>,
        store: Arc<Store>,
    ) -> Result<Self, RepositoryError> {
        let head = repository.head()?;
        let mut current: Vec<String> = head.full_reference().into_iter().collect();
        current.extend(head.commit.as_ref().map(CommitId::to_string));
        Ok(Self { repository, head, name: name.into(), server: server.into(), current, store })
    }

    /// Adds references that mean the current state: the run's `github.ref` and `github.sha`, for which the working tree stands in.
    #[must_use]
    pub fn standing_for(mut self, references: impl IntoIterator<Item = String>) -> Self {
        self.current.extend(references.into_iter().filter(|reference| !reference.is_empty()));
        self
    }

    /// Whether a `ref` input names the current state.
    fn is_current(&self, reference: &str) -> bool {
        self.current.iter().any(|current| {
            let short = ["refs/heads/", "refs/tags/", "refs/"].iter().find_map(|prefix| current.strip_prefix(prefix));
            current == reference || short == Some(reference)
        })
    }
}

impl CheckoutSource for Checkout {
    fn views(&self, trees: usize, objects: usize) -> Result<Vec<View>, CheckoutUnavailable> {
        let mut views: Vec<View> = Vec::with_capacity(trees + objects);
        if trees > 0 {
            let first = view::working_tree(&self.repository, CheckoutView::WorkingTree.name(0));
            views.extend(
                (1..trees).map(|number| View { name: CheckoutView::WorkingTree.name(number), ..first.clone() }),
            );
            views.push(first);
        }
        if objects > 0 {
            let empty = self.store.empty_folder().map_err(|error| CheckoutUnavailable(error.to_string()))?;
            let first = view::objects(&self.repository, CheckoutView::Objects.name(0), &empty);
            views.extend((1..objects).map(|number| View { name: CheckoutView::Objects.name(number), ..first.clone() }));
            views.push(first);
        }
        Ok(views)
    }

    fn repositories(&self) -> Result<PathBuf, CheckoutUnavailable> {
        self.store.repositories_folder().map_err(|error| CheckoutUnavailable(error.to_string()))
    }

    fn plan(&self, request: &CheckoutRequest, inside: &Inside) -> Result<CheckoutPlan, CheckoutUnavailable> {
        match &request.repository {
            Some(name) if !name.eq_ignore_ascii_case(&self.name) => {
                other::plan(&self.store, name, &self.server, request, &inside.repositories)
            }
            _ => self.own(request),
        }
    }

    fn file(&self, path: &Path) -> Option<String> {
        /// Larger than a manifest may be.
        const MOST_BYTES: u64 = 1 << 20;
        let path = self.repository.top.join(path);
        let is_small = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST_BYTES);
        if is_small { std::fs::read_to_string(path).ok() } else { None }
    }
}

/// A git command of a plan: no hooks, no advice, and the job's own files need no `safe.directory`.
pub(crate) fn git<'a>(arguments: impl IntoIterator<Item = &'a str>) -> CheckoutCommand {
    let settings = ["git", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"];
    CheckoutCommand {
        argv: settings.into_iter().chain(arguments).map(str::to_owned).collect(),
        env: vec![("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned())],
        secret_env: Vec::new(),
    }
}

/// Brings out submodules inside the sandbox, over its network.
pub(crate) fn submodule_commands(recursive: bool, depth: u32) -> Vec<CheckoutCommand> {
    let recursion = recursive.then_some("--recursive");
    let depth = (depth > 0).then(|| format!("--depth={depth}"));
    let update = ["submodule", "update", "--init", "--force"].into_iter().chain(depth.as_deref()).chain(recursion);
    vec![git(["submodule", "sync"].into_iter().chain(recursion)), git(update)]
}
