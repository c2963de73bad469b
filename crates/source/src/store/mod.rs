//! The store of actions and other repositories: fetched once by commit, kept content-addressed, shared read-only by all jobs.
//!
//! ```text
//! <root>/trees/<commit>/          the files at a commit, read-only, without .git
//! <root>/trees/<commit>.json      present when the tree is whole; its modification time is the last use
//! <root>/repositories/<key>/      a git folder that the built-in checkout copies into a job
//! <root>/references/…/<repo>.json which commit a reference was last, and which commits are known to be of the repository
//! <root>/locks, tmp, empty
//! ```
//! The engine reaches it as [`workflow::action_source::ActionSource`], `ekiden action` through its verbs. Nothing that was fetched runs.

mod action;
mod fetch;
mod folder;
mod links;
mod options;
mod place;
mod references;
mod repositories;
mod resolve;
mod unpack;
mod verbs;

pub use action::{FileUnavailable, RemoteFile};
pub use folder::StoreError;
pub use options::{Access, StoreLimits, StoreOptions};
pub use repositories::{History, StoredRepository, WantedRepository};
pub use unpack::UnpackError;
pub use verbs::{Prune, Pruned, StoredTree};

pub(crate) use folder::{Folder, Temporary, readable_folder};
pub(crate) use place::RepositoryName;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The store. Cheap to open: nothing is read or made before it is needed.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
    folder: Folder,
    places: Vec<place::Place>,
    /// What this run has resolved: each reference is asked for once.
    resolved: Mutex<HashMap<resolve::Key, resolve::Once>>,
    /// The locks on what this run uses, so that `prune` leaves it.
    held: Mutex<HashMap<PathBuf, File>>,
}

impl Store {
    /// Opens the store.
    ///
    /// # Errors
    /// When a mirror is no URL template.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let places = place::places(&options)?;
        let folder = Folder::new(options.root.clone());
        Ok(Self { options, folder, places, resolved: Mutex::default(), held: Mutex::default() })
    }

    /// The store's own folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// An empty folder, read-only: the top of views that hold only what is laid into them.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn empty_folder(&self) -> Result<PathBuf, StoreError> {
        self.folder.shared("empty")
    }

    /// The folder of repositories that jobs copy from.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn repositories_folder(&self) -> Result<PathBuf, StoreError> {
        self.folder.shared("repositories")
    }

    /// Says that this process uses what the marker file stands for, until the store is dropped; false when there is no such marker
    /// or `prune` is removing it.
    fn hold(&self, marker: &Path) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.contains_key(marker) {
            let Ok(file) = File::open(marker) else { return false };
            if file.try_lock_shared().is_err() || !marker.is_file() {
                return false;
            }
            // Its time is that of the last use. A store that others own still works.
            let _ = file.set_modified(SystemTime::now());
            held.insert(marker.to_owned(), file);
        }
        true
    }
}
