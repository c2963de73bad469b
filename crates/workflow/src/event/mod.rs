//! Which workflows an event starts (`execution-semantics` 2.3 and 4.1). `exec` and the server ask. The inputs of a dispatch are
//! checked by [`crate::dispatch`].

mod matching;
mod skip;
mod types;

pub use matching::{matches, starts};
pub use skip::skip_token;
pub use types::{Event, Match};
