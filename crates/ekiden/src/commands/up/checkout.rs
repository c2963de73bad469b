//! The checkout as a project: its name, its place, and what starts its first runs.

use super::follow::PUSH;
use crate::failure::Failure;
use api::ProjectName;
use domain::control::ProjectId;
use server::access::Actor;
use server::event;
use server::plane::Plane;
use server::serve::is_reserved;
use server::watch::first_look;
use source::repository::Head;
use source::{Repository, RepositoryError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{NewProject, Project, RefChange, RefMove, StoreError, StoredRun};

/// The first push is left to `up` itself for so long.
const OURS: Duration = Duration::from_mins(1);

/// A checkout.
#[derive(Debug)]
pub(super) struct Checkout {
    repository: Repository,
    head: Head,
}

/// The checkout as a project, and what its newest commit started just now.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) project: Project,
    pub(super) runs: Vec<StoredRun>,
}

impl Checkout {
    /// The checkout of a folder.
    pub(super) fn find(path: &Path) -> Result<Self, Failure> {
        let failed = |error: RepositoryError| match error {
            RepositoryError::NotARepository(path) => {
                Failure::not_found(format!("no git repository at {} or above it", path.display()))
                    .fix("ekiden up PATH, with the folder of a checkout")
                    .fix("or make it one: git init")
            }
            RepositoryError::Io(error) => {
                Failure::not_found(format!("cannot read the repository at {}", path.display())).cause(&error)
            }
            error => Failure::not_found(error.to_string()),
        };
        let repository = Repository::discover(path).map_err(failed)?;
        let head = repository.head().map_err(failed)?;
        Ok(Self { repository, head })
    }

    pub(super) fn top(&self) -> &Path {
        &self.repository.top
    }

    /// `refs/heads/main` and the commit, as far as there are such.
    pub(super) fn newest(&self) -> Option<(String, String)> {
        Some((self.head.full_reference()?, self.head.commit.as_ref()?.to_string()))
    }

    /// The commit of HEAD.
    pub(super) fn commit(&self) -> Option<&str> {
        self.head.commit.as_ref().map(source::CommitId::as_str)
    }

    /// The name that the remote gives it, else that of its folder.
    fn name(&self) -> Result<ProjectName, Failure> {
        let remote = self.repository.remote(&self.head);
        let named = own_address(remote.map(|remote| remote.repository));
        let local = || self.repository.local_name().parse();
        named.map_or_else(local, Ok).map_err(|error| {
            Failure::usage("the checkout's folder gives no name of a project")
                .cause(&error)
                .fix("ekiden server, and ekiden project add OWNER/NAME --git PATH")
        })
    }

    /// Makes it a project where it is none yet, and starts what its newest commit starts.
    pub(super) async fn add(&self, plane: &Plane) -> Result<Added, Failure> {
        let failed = |error: StoreError| Failure::platform("the checkout is no project yet").cause(&error);
        let git = self.repository.top.to_str().ok_or_else(|| {
            Failure::usage(format!("{} is no UTF-8: a project's path has to be", self.repository.top.display()))
        })?;
        if git.chars().any(char::is_control) {
            return Err(Failure::usage(format!(
                "{git:?} is no path of a project: it has a line break in it, or another control character"
            ))
            .fix("give the checkout's folder another name"));
        }
        let known = plane.store.projects().await.map_err(failed)?;
        if let Some(project) = known.iter().find(|project| project.git == git) {
            // What moved while nobody looked is for the watcher.
            return Ok(Added { project: project.clone(), runs: Vec::new() });
        }
        // What cannot be read now would be a project of which nothing is ever heard.
        let (projects, place) = (Arc::clone(&plane.projects), git.to_owned());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || projects.refs(&place)).await {
            return Err(Failure::usage("the checkout's branches cannot be read").cause(&error));
        }
        let (owner, name) = free_name(&self.name()?, &known);
        let entry =
            Actor::server("up").did("project.add", format!("{owner}/{name}"), serde_json::json!({ "git": git }));
        let new = NewProject { owner, name, git: git.to_owned() };
        let project = plane.store.add_project(&new, plane.now(), &entry).await.map_err(failed)?;
        plane.queue.project(project.clone());
        first_look(plane, &project)
            .await
            .map_err(|error| Failure::platform("the checkout's branches cannot be read").cause(&error))?;
        let Some((reference, commit)) = self.newest() else { return Ok(Added { project, runs: Vec::new() }) };
        let change = RefChange { name: reference, to: RefMove::Made(commit) };
        // Whoever is killed in between leaves it to the watcher of the next start.
        let due = plane.now().after(OURS);
        let push = plane.store.add_push(project.id, &change, due).await.map_err(failed)?;
        let runs = event::push(plane, &project, &change, None, Some(push)).await;
        plane.store.drop_push(push).await.map_err(failed)?;
        let runs = runs.map_err(|error| Failure::platform("the newest commit started nothing").cause(&error))?;
        Ok(Added { project, runs })
    }
}

/// The name that a remote gives, where its pages have an address of their own.
fn own_address(remote: Option<String>) -> Option<ProjectName> {
    remote?.parse().ok().filter(|name: &ProjectName| !is_reserved(name.owner()))
}

/// The name, with a number behind it where another repository has it.
fn free_name(wanted: &ProjectName, known: &[Project]) -> (String, String) {
    let is_taken = |name: &str| {
        known.iter().any(|project| {
            project.owner.eq_ignore_ascii_case(wanted.owner()) && project.name.eq_ignore_ascii_case(name)
        })
    };
    let numbered = (2..).map(|number| format!("{}-{number}", wanted.name()));
    let mut names = std::iter::once(wanted.name().to_owned()).chain(numbered);
    let name = names.find(|name| !is_taken(name)).unwrap_or_else(|| wanted.name().to_owned());
    (wanted.owner().to_owned(), name)
}

/// The runs of a commit that a project has, as far as a push started them.
pub(super) async fn runs_of(plane: &Plane, project: ProjectId, commit: &str) -> Result<Vec<StoredRun>, StoreError> {
    let filter = store::RunFilter {
        project: Some(project),
        commit: Some(commit.to_owned()),
        event: Some(PUSH.to_owned()),
        limit: 50,
        ..store::RunFilter::default()
    };
    plane.store.runs(&filter).await
}

#[cfg(test)]
mod tests {
    use super::own_address;

    #[test]
    fn an_owner_that_is_a_page_of_the_servers_own_is_none() {
        let name = |remote: &str| own_address(Some(remote.to_owned())).map(|name| name.to_string());
        assert_eq!(name("lab/shop").as_deref(), Some("lab/shop"));
        assert_eq!([name("Login/shop"), name("api/v1"), name("no name")], [None, None, None]);
    }
}
