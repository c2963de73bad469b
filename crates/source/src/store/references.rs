//! What the store knows of each repository: which commit a reference was last, and which commits are of it.

use super::folder::StoreError;
use super::place::RepositoryName;
use super::{Access, Store};
use crate::repository::CommitId;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// One repository's file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Known {
    /// The name as it was written first.
    pub(super) repository: String,
    /// Branches and tags; `HEAD` for the default branch.
    pub(super) references: BTreeMap<String, KnownReference>,
    /// Commits that a place gave for this repository. A commit of another one does not count, whatever the store holds.
    pub(super) commits: BTreeSet<CommitId>,
}

/// What a reference was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownReference {
    pub(super) commit: CommitId,
    /// `refs/tags/…`, `refs/heads/…`.
    pub(super) full: String,
    /// The place that said so.
    pub(super) from: String,
    pub(super) at: Timestamp,
}

impl KnownReference {
    /// Whether the answer still holds, so that no place is asked.
    pub(super) fn is_fresh(&self, access: Access, now: Timestamp) -> bool {
        match access {
            Access::Offline => true,
            Access::Online { fresh } => !fresh.is_zero() && now.since(self.at) < fresh,
        }
    }
}

impl Store {
    fn known_file(&self, repository: &RepositoryName) -> PathBuf {
        let host =
            repository.host.as_deref().map_or_else(|| "default".to_owned(), |host| host.replace(['/', ':'], "_"));
        let name = format!("{}.json", repository.name.to_ascii_lowercase());
        self.folder
            .path("references")
            .join(host.to_ascii_lowercase())
            .join(repository.owner.to_ascii_lowercase())
            .join(name)
    }

    /// What is known of a repository; nothing when the file is absent or damaged.
    pub(super) fn known(&self, repository: &RepositoryName) -> Known {
        let known =
            fs_err::read(self.known_file(repository)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        known.unwrap_or_else(|| Known { repository: repository.to_string(), ..Known::default() })
    }

    /// Changes what is known, together with other processes.
    pub(super) fn remember(
        &self,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Known),
    ) -> Result<(), StoreError> {
        let _lock = self.folder.lock("references", Duration::from_secs(30))?;
        let before = self.known(repository);
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let file = self.known_file(repository);
        if let Some(folder) = file.parent() {
            fs_err::create_dir_all(folder).map_err(|error| self.folder.failed(error))?;
        }
        let text = serde_json::to_vec_pretty(&after).map_err(|error| self.folder.failed(error.into()))?;
        self.folder.write(&file, &text)
    }
}
