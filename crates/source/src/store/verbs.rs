//! What `ekiden action list` and `ekiden action prune` ask.

use super::fetch::Marker;
use super::folder::{Lock, remove_tree};
use super::repositories::{COMPLETE, USUAL_AGE};
use super::{Store, StoreError};
use crate::git::size_below;
use crate::repository::CommitId;
use domain::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A tree in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredTree {
    /// The commit.
    pub commit: CommitId,
    /// The repository that it was first fetched for.
    pub repository: String,
    /// The branches and tags of that repository which were this commit when last asked.
    pub references: Vec<String>,
    /// The place that gave it.
    pub from: String,
    /// Files.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// When it was last used.
    pub used: Timestamp,
}

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// What was not used for 30 days.
    Usual,
    /// What was not used for this long.
    UnusedFor(Duration),
    /// Everything that no running job uses.
    Everything,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pruned {
    /// Trees of actions.
    pub trees: u64,
    /// Repositories of checkouts.
    pub repositories: u64,
    /// Bytes that are free now.
    pub bytes: u64,
    /// Trees and repositories that stay as a running job uses them.
    pub in_use: u64,
}

impl Store {
    /// The trees in the store, the last used first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<StoredTree>, StoreError> {
        let references = self.all_references();
        let mut trees = Vec::new();
        for (marker, used) in self.markers()? {
            let of = references
                .iter()
                .filter(|(repository, _, commit)| *repository == marker.repository && *commit == marker.commit);
            trees.push(StoredTree {
                references: of.map(|(_, reference, _)| reference.clone()).collect(),
                commit: marker.commit,
                repository: marker.repository,
                from: marker.from,
                files: marker.files,
                bytes: marker.bytes,
                fetched: marker.fetched,
                used: timestamp(used),
            });
        }
        trees.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.commit.cmp(&b.commit)));
        Ok(trees)
    }

    /// Removes what is old, never what a job uses.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn prune(&self, what: Prune) -> Result<Pruned, StoreError> {
        let age = match what {
            Prune::Usual => USUAL_AGE,
            Prune::UnusedFor(age) => age,
            Prune::Everything => Duration::ZERO,
        };
        let now = SystemTime::now();
        let old = |used: SystemTime| now.duration_since(used).unwrap_or_default() >= age;
        let mut pruned = Pruned::default();
        let failed = |error| self.folder.failed(error);
        for (marker, used) in self.markers()? {
            if !old(used) {
                continue;
            }
            let path = self.marker_path(&marker.commit);
            let Some(_locks) = self.unused(&path, marker.commit.as_str()) else {
                pruned.in_use += 1;
                continue;
            };
            // Without its marker, the tree is nothing to anybody.
            fs_err::remove_file(&path).map_err(failed)?;
            remove_tree(&self.tree_path(&marker.commit)).map_err(failed)?;
            pruned.trees += 1;
            pruned.bytes += marker.bytes;
        }
        for entry in entries(&self.folder.path("repositories")) {
            let marker = entry.join(COMPLETE);
            let used = std::fs::metadata(&marker).and_then(|found| found.modified()).unwrap_or(UNIX_EPOCH);
            if !old(used) {
                continue;
            }
            let name =
                entry.file_name().map(|name| format!("repository-{}", name.to_string_lossy())).unwrap_or_default();
            let Some(_locks) = self.unused(&marker, &name) else {
                pruned.in_use += 1;
                continue;
            };
            pruned.bytes += size_below(&entry, u64::MAX);
            remove_tree(&entry).map_err(failed)?;
            pruned.repositories += 1;
        }
        self.clear_leftovers().map_err(failed)?;
        Ok(pruned)
    }

    /// Both locks of something stored: nobody uses it, nobody is bringing it. `None` when somebody does.
    fn unused(&self, marker: &Path, lock: &str) -> Option<(Option<File>, Lock)> {
        let making = self.folder.lock(lock, Duration::ZERO).ok()?;
        let file = File::open(marker).ok();
        if let Some(file) = &file {
            file.try_lock().ok()?;
        }
        Some((file, making))
    }

    /// Temporary folders of processes that are gone.
    fn clear_leftovers(&self) -> std::io::Result<()> {
        self.folder.clear_leftovers()
    }

    fn markers(&self) -> Result<Vec<(Marker, SystemTime)>, StoreError> {
        let mut markers = Vec::new();
        for path in entries(&self.folder.path("trees")) {
            if path.extension().is_some_and(|extension| extension == "json")
                && let Ok(bytes) = fs_err::read(&path)
                && let Ok(marker) = serde_json::from_slice::<Marker>(&bytes)
            {
                let used = fs_err::metadata(&path)
                    .and_then(|found| found.modified())
                    .map_err(|error| self.folder.failed(error))?;
                markers.push((marker, used));
            }
        }
        Ok(markers)
    }

    /// Repository, reference and commit of all that is known.
    fn all_references(&self) -> Vec<(String, String, CommitId)> {
        let mut all = Vec::new();
        for host in entries(&self.folder.path("references")) {
            for owner in entries(&host) {
                for file in entries(&owner) {
                    let known = fs_err::read(&file)
                        .ok()
                        .and_then(|bytes| serde_json::from_slice::<super::references::Known>(&bytes).ok());
                    if let Some(known) = known {
                        let repository = &known.repository;
                        all.extend(
                            known
                                .references
                                .iter()
                                .map(|(name, known)| (repository.clone(), name.clone(), known.commit.clone())),
                        );
                    }
                }
            }
        }
        all
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp(u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
}
