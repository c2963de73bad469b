//! What the built-in `actions/checkout` is asked for, and what is done about it.
//!
//! The engine builds a [`CheckoutRequest`] from the step's evaluated inputs, asks the [`CheckoutSource`] that the composition root
//! handed to it (`source` implements it), places the view that the plan names and runs the plan's commands inside the sandbox.
//! Inputs and outputs are those of actions/checkout v4; what exec does differently is in `docs/checkout.md`.

use domain::{Secret, View, ViewFile};
use std::path::{Component, Path, PathBuf};

/// The inputs that actions/checkout declares, as lint knows them.
#[must_use]
pub fn known_inputs() -> Vec<&'static str> {
    crate::lint::input_names("actions/checkout")
}

/// Whether submodules are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Submodules {
    /// As they are in the working tree; none in another commit.
    #[default]
    AsTheyAre,
    /// Those of the repository.
    Direct,
    /// And theirs.
    Recursive,
}

/// The evaluated inputs of one checkout step. Empty inputs count as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckoutRequest {
    /// `owner/repo`; absent: the repository of the run.
    pub repository: Option<String>,
    /// Branch, tag, commit or full reference; absent: the current state (own repository) or the default branch (another).
    pub reference: Option<String>,
    /// Where, relative to the workspace; empty for the workspace itself.
    pub path: PathBuf,
    /// Commits of history to have; 0 for all.
    pub fetch_depth: u32,
    /// Submodules.
    pub submodules: Submodules,
    /// A token given for this checkout; `None` when the input is absent or the run has no token.
    pub token: Option<Secret>,
    /// `ssh-key` is given.
    pub key: Key,
    /// `persist-credentials`.
    pub credentials: Credentials,
    /// `lfs`.
    pub large_files: LargeFiles,
    /// `fetch-tags`.
    pub tags: WantedTags,
    /// `sparse-checkout`: one a line; empty for everything.
    pub sparse: Vec<String>,
    /// `sparse-checkout-cone-mode`.
    pub sparse_form: SparseForm,
    /// `github-server-url`: another instance.
    pub server: Option<String>,
}

/// Whether an ssh key is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Key {
    /// No.
    #[default]
    None,
    /// Yes.
    Given,
}

/// Whether git can speak with the server in later steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Until the job ends.
    #[default]
    Kept,
    /// No.
    Dropped,
}

/// Whether files that LFS keeps come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LargeFiles {
    /// As pointers.
    #[default]
    Pointers,
    /// With their content.
    Content,
}

/// Whether tags come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WantedTags {
    /// With a whole history only.
    #[default]
    WithHistory,
    /// Always.
    All,
}

/// What the lines of `sparse-checkout` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SparseForm {
    /// Folders.
    #[default]
    Folders,
    /// Patterns as in `.gitignore`.
    Patterns,
}

/// An input of the checkout step that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckout {
    /// `path` leaves the workspace.
    #[error("actions/checkout: the path '{0}' is not under the workspace; give a relative path without '..'")]
    Path(String),
    /// `repository` has not the form.
    #[error("actions/checkout: invalid repository '{0}'; expected the form owner/repo")]
    Repository(String),
}

impl CheckoutRequest {
    /// Reads the inputs; `input` gives the evaluated value of one by its lower-case name.
    ///
    /// # Errors
    /// When `path` leaves the workspace or `repository` has not the form `owner/repo`.
    pub fn from_inputs<'a>(input: impl Fn(&str) -> Option<&'a str>) -> Result<Self, InvalidCheckout> {
        let given = |name: &str| input(name).map(str::trim).filter(|value| !value.is_empty());
        let repository = given("repository").map(str::to_owned);
        if let Some(text) = &repository {
            let mut parts = text.split('/');
            let well_formed = matches!((parts.next(), parts.next(), parts.next()), (Some(owner), Some(name), None) if !owner.is_empty() && !name.is_empty());
            if !well_formed {
                return Err(InvalidCheckout::Repository(text.clone()));
            }
        }
        let path = given("path").unwrap_or_default();
        let is = |name: &str, value: &str| given(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
        Ok(Self {
            repository,
            reference: given("ref").map(str::to_owned),
            path: relative(path).ok_or_else(|| InvalidCheckout::Path(path.to_owned()))?,
            fetch_depth: given("fetch-depth").and_then(|text| text.parse().ok()).unwrap_or(1),
            submodules: match given("submodules").map(str::to_ascii_lowercase).as_deref() {
                Some("recursive") => Submodules::Recursive,
                Some("true") => Submodules::Direct,
                _ => Submodules::AsTheyAre,
            },
            token: given("token").map(Secret::new),
            key: if given("ssh-key").is_some() { Key::Given } else { Key::None },
            credentials: if is("persist-credentials", "false") { Credentials::Dropped } else { Credentials::Kept },
            large_files: if is("lfs", "true") { LargeFiles::Content } else { LargeFiles::Pointers },
            tags: if is("fetch-tags", "true") { WantedTags::All } else { WantedTags::WithHistory },
            sparse: given("sparse-checkout")
                .into_iter()
                .flat_map(str::lines)
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect(),
            sparse_form: if is("sparse-checkout-cone-mode", "false") {
                SparseForm::Patterns
            } else {
                SparseForm::Folders
            },
            server: given("github-server-url").map(|url| url.trim_end_matches('/').to_owned()),
        })
    }
}

/// The path without `.` parts; `None` when it is absolute or climbs out.
fn relative(text: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The kinds of views that a checkout places. Each view can be placed once, so that a job needs as many as it has checkout steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckoutView {
    /// The working tree as it is, uncommitted changes included.
    WorkingTree,
    /// The repository's `.git` alone; commands of the plan bring out a commit.
    Objects,
}

impl CheckoutView {
    /// The name of the `number`th view of this kind (from 0) in the sandbox's spec.
    #[must_use]
    pub fn name(self, number: usize) -> String {
        match self {
            Self::WorkingTree => format!("checkout-tree-{number}"),
            Self::Objects => format!("checkout-objects-{number}"),
        }
    }
}

/// What one checkout step does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckoutPlan {
    /// Lines for the step's log: what is brought out, and from where.
    pub log: Vec<String>,
    /// The view to place at the path; the next unused one of its kind. `None`: the path is an empty directory.
    pub view: Option<CheckoutView>,
    /// Files to write at that path then; they may hold what `secrets` names.
    pub files: Vec<ViewFile>,
    /// The same in the job's temporary folder, which no later step takes for the repository.
    pub temporary: Vec<ViewFile>,
    /// What of those files nobody may read in the log.
    pub secrets: Vec<Secret>,
    /// Commands to run then, in this order, in the placed directory, as the job's user. The first that fails fails the step.
    pub commands: Vec<CheckoutCommand>,
    /// The step's output `ref`.
    pub reference: String,
    /// The step's output `commit`; empty when only the commands will find it (then `git rev-parse HEAD` tells).
    pub commit: String,
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckoutCommand {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables on top of the step's own environment.
    pub env: Vec<(String, String)>,
    /// More of them, whose values are masked in the log.
    pub secret_env: Vec<(String, Secret)>,
}

/// The checkout cannot be had; the text says what was tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("actions/checkout: {0}")]
pub struct CheckoutUnavailable(pub String);

/// Where things lie in the job, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The folder of [`CheckoutSource::repositories`].
    pub repositories: PathBuf,
    /// The job's temporary folder (`RUNNER_TEMP`).
    pub temporary: PathBuf,
    /// Where the step puts the repository.
    pub target: PathBuf,
}

/// How the run's own repository comes into a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnComes {
    /// By one of [`CheckoutSource::views`].
    ByView,
    /// As others do, through [`CheckoutSource::repositories`]: a job with any checkout has that folder.
    LikeOthers,
}

/// Knows the run's repository and where others come from. Blocking: callers on an async runtime use a blocking thread.
pub trait CheckoutSource: Send + Sync + std::fmt::Debug {
    /// The views for a job: `trees` of the working tree and `objects` of the `.git` alone, named by [`CheckoutView::name`].
    /// Cheap (a few small files are read); their names go into the sandbox's spec.
    ///
    /// # Errors
    /// When the repository cannot be read.
    fn views(&self, trees: usize, objects: usize) -> Result<Vec<View>, CheckoutUnavailable>;

    /// The host folder that [`CheckoutSource::plan`] puts other repositories into, made when absent. A job that has a checkout step
    /// with the input `repository` gets it mounted read-only.
    ///
    /// # Errors
    /// When the folder cannot be made.
    fn repositories(&self) -> Result<PathBuf, CheckoutUnavailable>;

    /// What a step with these inputs does. May fetch another repository.
    ///
    /// # Errors
    /// When no place has what is asked.
    fn plan(&self, request: &CheckoutRequest, inside: &Inside) -> Result<CheckoutPlan, CheckoutUnavailable>;

    /// How the run's own repository comes.
    fn own(&self) -> OwnComes {
        OwnComes::ByView
    }

    /// A file of the working tree as it is now, when it can be read: what a local action will be once it is checked out, to look
    /// ahead. Cheap; `path` is relative, without `..`.
    fn file(&self, path: &Path) -> Option<String> {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckoutRequest, InvalidCheckout, Submodules};
    use std::path::Path;

    fn request(inputs: &[(&str, &'static str)]) -> Result<CheckoutRequest, InvalidCheckout> {
        CheckoutRequest::from_inputs(|name| inputs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn empty_inputs_are_the_current_state_in_the_workspace() {
        let plain = request(&[("ref", ""), ("repository", " "), ("path", "."), ("fetch-depth", "")]).unwrap();
        assert_eq!(plain, CheckoutRequest { fetch_depth: 1, ..CheckoutRequest::default() });
    }

    #[test]
    fn inputs_are_read() {
        let all = request(&[
            ("ref", "v1"),
            ("repository", "a/b"),
            ("path", "./x/../y/"),
            ("fetch-depth", "0"),
            ("submodules", "Recursive"),
        ])
        .unwrap();
        assert_eq!((all.reference.as_deref(), all.repository.as_deref()), (Some("v1"), Some("a/b")));
        assert_eq!((all.path.as_path(), all.fetch_depth, all.submodules), (Path::new("y"), 0, Submodules::Recursive));
    }

    #[test]
    fn paths_outside_and_odd_repositories_are_refused() {
        for path in ["..", "/etc", "a/../../b"] {
            assert_eq!(request(&[("path", path)]), Err(InvalidCheckout::Path(path.to_owned())));
        }
        for repository in ["a", "a/b/c", "/b", "a/"] {
            assert_eq!(request(&[("repository", repository)]), Err(InvalidCheckout::Repository(repository.to_owned())));
        }
    }
}
