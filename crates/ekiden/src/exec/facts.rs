//! What the local repository says about itself: the ground of every event and of the `github` context.

use crate::failure::Failure;
use serde_json::{Value, json};
use source::repository::{Head, HeadReference, Remote};
use source::{Repository, RepositoryError};
use std::path::{Path, PathBuf};

/// A repository and what is checked out in it.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The repository.
    pub(crate) repository: Repository,
    /// What is checked out.
    pub(crate) head: Head,
    /// Where it comes from.
    pub(crate) remote: Option<Remote>,
    /// `owner/repo`.
    pub(crate) name: String,
    /// `https://github.com`, or the forge of the remote.
    pub(crate) server: String,
    /// Who causes the event.
    pub(crate) actor: String,
}

impl Facts {
    /// Reads the repository of a folder.
    pub(crate) fn read(directory: &Path, actor: Option<&str>) -> Result<Self, Failure> {
        if directory.is_file() {
            return Err(Failure::usage(format!("{} is a file, not a folder", directory.display()))
                .fix("ekiden exec -W FILE runs one workflow; -C names the repository"));
        }
        let mut repository = Repository::discover(directory).map_err(|error| no_repository(directory, &error))?;
        let nested = within(directory, &repository);
        let head = repository.head().map_err(|error| {
            Failure::invalid(format!("could not read what is checked out in {}", repository.top.display()))
                .cause(&error)
        })?;
        let remote = match &nested {
            Some(top) => {
                repository.top.clone_from(top);
                None
            }
            None => repository.remote(&head),
        };
        let name = remote.as_ref().map_or_else(|| repository.local_name(), |remote| remote.repository.clone());
        let server = remote.as_ref().and_then(|remote| remote.server.clone());
        let actor = actor.map(str::to_owned).or_else(|| repository.user_name()).unwrap_or_else(|| "local".to_owned());
        Ok(Self {
            repository,
            head,
            remote,
            name,
            server: server.unwrap_or_else(|| "https://github.com".to_owned()),
            actor,
        })
    }

    /// The commit that is checked out; zeros on a branch without commits.
    pub(crate) fn sha(&self) -> String {
        self.head.commit.as_ref().map_or_else(|| "0".repeat(40), ToString::to_string)
    }

    /// The full reference that is checked out.
    pub(crate) fn reference(&self) -> String {
        self.head.full_reference().unwrap_or_else(|| "refs/heads/HEAD".to_owned())
    }

    /// The branch that is checked out, or what stands for it.
    pub(crate) fn branch(&self) -> String {
        match &self.head.reference {
            HeadReference::Branch(name) | HeadReference::Tag(name) => name.clone(),
            HeadReference::Detached => "HEAD".to_owned(),
        }
    }

    /// `owner` and `repo`.
    pub(crate) fn owner_and_name(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or(("local", &self.name))
    }

    /// The branch that pull requests go into; the current one where nothing says which.
    pub(crate) fn default_branch(&self) -> String {
        let remote = self.remote.as_ref().map_or("origin", |remote| remote.name.as_str());
        let is_here = |name: &String| {
            let places = [format!("refs/heads/{name}"), format!("refs/remotes/{remote}/{name}")];
            places.iter().any(|place| self.repository.resolve(place).is_some())
        };
        self.repository.main_branches(remote).find(is_here).unwrap_or_else(|| self.branch())
    }

    /// The repository as payloads show it.
    pub(crate) fn repository_json(&self) -> Value {
        let (owner, name) = self.owner_and_name();
        let url = format!("{}/{}", self.server, self.name);
        json!({
            "name": name,
            "full_name": self.name,
            "html_url": url,
            "url": url,
            "clone_url": format!("{url}.git"),
            "default_branch": self.default_branch(),
            "owner": { "login": owner, "name": owner },
        })
    }
}

/// A folder with workflows of its own inside a bigger repository is run as if it were one: its files, the commit of the whole.
fn within(directory: &Path, repository: &Repository) -> Option<PathBuf> {
    let folder = directory.canonicalize().ok()?;
    (folder != repository.top && crate::workflows::FOLDERS.iter().any(|known| folder.join(known).is_dir()))
        .then_some(folder)
}

fn no_repository(directory: &Path, error: &RepositoryError) -> Failure {
    let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    match error {
        RepositoryError::NotARepository(_) => Failure::not_found(format!("{} is in no git repository", real.display()))
            .fact("no folder above it is one either")
            .fix("git init && git add -A && git commit -m start, or name a repository: ekiden exec -C DIR"),
        _ => Failure::not_found(format!("could not use the repository of {}", real.display())).cause(error),
    }
}
