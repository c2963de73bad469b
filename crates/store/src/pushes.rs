//! Moves of refs on their way to runs: noted with the refs in one transaction, gone when their runs are there. Called by the server's watcher of refs, and by `up`.

use crate::database::{change, read};
use crate::news::Change;
use crate::projects::RefChange;
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::ProjectId;

/// The number of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PushId(pub i64);

/// A move that is to become runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Its number, which its runs name.
    pub id: PushId,
    /// Whose.
    pub project: ProjectId,
    /// What moved. Never one that is gone.
    pub change: RefChange,
    /// How often making its runs failed.
    pub tries: u32,
}

/// What a look at refs is to leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Nothing: where they lead is noted alone.
    Nothing,
    /// A push for each that is new or leads elsewhere, unless they are more than so many: then somebody put a whole repository in the place of another.
    UpTo {
        /// So many.
        most: usize,
        /// When they are due.
        due: Timestamp,
    },
}

impl Store {
    /// Notes where the refs of a project lead now, with the pushes that follow, and gives those that moved. Of two callers who see the same move one gets it.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn note_moves(
        &self,
        id: ProjectId,
        refs: &[(String, String)],
        queue: Queue,
    ) -> Result<Vec<RefChange>, StoreError> {
        Ok(change!(self, projects::note_refs(id, refs, queue), |moved| {
            moved.iter().take(1).map(|_| Change::Project(id)).collect()
        }))
    }

    /// Notes one push, due at a time.
    ///
    /// # Errors
    /// When there is no such project, or the ref is gone.
    pub async fn add_push(&self, id: ProjectId, push: &RefChange, due: Timestamp) -> Result<PushId, StoreError> {
        Ok(change!(self, pushes::add(id, push, due)))
    }

    /// Takes pushes that are due, the oldest first: they are due again at `until`, when nobody has made their runs by then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_pushes(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Push>, StoreError> {
        // A look that finds nothing holds up no writer.
        if !read!(self, pushes::is_one_due(now)) {
            return Ok(Vec::new());
        }
        Ok(change!(self, pushes::take(now, until, limit)))
    }

    /// The workflows of which a push has its run already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workflows_of_push(&self, push: PushId) -> Result<Vec<String>, StoreError> {
        Ok(read!(self, pushes::workflows(push)))
    }

    /// All runs of a push are there, or it is given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_push(&self, push: PushId) -> Result<(), StoreError> {
        change!(self, pushes::remove(push));
        Ok(())
    }

    /// Making the runs of a push failed; it is due again at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_push(&self, push: PushId, due: Timestamp) -> Result<(), StoreError> {
        change!(self, pushes::put_off(push, due));
        Ok(())
    }
}
