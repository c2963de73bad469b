//! The refs of all projects: what moved since the last look becomes a push. One loop ([`Watcher`]) with `tick(now)`; a signed POST
//! ([`hook_routes`]) makes it look at once.
//!
//! A look at a repository of this machine costs a few calls of the system when nothing moved, so that all are looked at several times a
//! second; one behind a URL is asked now and then, and when it is hinted at.

mod hook;
mod pushes;
mod watcher;

pub use hook::{hook_address, hook_routes};
pub use watcher::{Hints, Ticked, WatchSettings, Watcher, first_look, hints};
