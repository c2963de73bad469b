//! Problem matchers: regular expressions that turn lines of output into annotations.
//!
//! [`config`] reads and checks the JSON of `add-matcher`, [`regex`] runs the reference's dialect of expressions, [`list`] holds the
//! matchers of a job and finds what a line matches. Pure; `output::step` reads files and makes annotations of what was found.

pub mod config;
pub mod list;
pub mod regex;

pub use config::{MatcherConfig, MatcherConfigError};
pub use list::{Found, MatcherList, Problem};
