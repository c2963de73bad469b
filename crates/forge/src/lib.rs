//! What a forge can do for us, per capability: hear the status of a commit. Used by `server`.
//!
//! Gitea and Forgejo: `POST /api/v1/repos/{owner}/{repo}/statuses/{sha}`; GitHub: `POST /repos/{owner}/{repo}/statuses/{sha}` of its API's host.

mod client;
mod error;
mod place;
mod status;

pub use client::Forge;
pub use error::ForgeError;
pub use place::{Kind, Place, PlaceError};
pub use status::{State, Status};
