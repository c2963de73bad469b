//! Git and actions: a local repository's facts, what the built-in checkout places, the store of actions, mirrors.
//!
//! [`repository`] reads a working tree's repository from its files; [`checkout`] answers the built-in `actions/checkout`, [`forge`]
//! in jobs of a forge; [`store`] keeps actions and other repositories by commit; [`project`] is what the control plane sees of its
//! projects. Git runs as a process, never with hooks or filters.

mod changes;
pub mod checkout;
pub mod forge;
mod git;
pub mod project;
pub mod repository;
pub mod store;
pub mod text;

pub use changes::{ChangesError, PushFacts, Uncommitted};
pub use checkout::Checkout;
pub use git::{CancelFlag, GitError};
pub use repository::{CommitId, Repository, RepositoryError};
pub use store::{Store, StoreOptions};
