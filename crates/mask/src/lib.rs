//! The streaming masker: every secret, in every form in which a secret usually shows up, becomes `***`.
//!
//! The engine feeds it what a job says before anything becomes a `JobEvent`; the server uses it for what it shows.
//! Rules: `execution-semantics` 3.6 and `security` R42 (which forms), R43 (what is too short).
//!
//! - [`Masker`] holds the secrets of a job, is shared by all its steps, and takes new ones at any time.
//! - [`Stream`] masks one stream of bytes; it holds back what may be the beginning of a secret until more is known.
//! - [`Masker::mask_text`] masks a whole text at once (messages, names, summaries).
//!
//! Pure: no IO, no clock.

mod forms;
mod index;
mod masker;
mod needles;
mod stream;

pub use masker::{Added, FixedMasker, Masker};
pub use stream::Stream;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
