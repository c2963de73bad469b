//! Filter patterns of `branches`, `tags` and `paths` (`execution-semantics` 2.3). Neither git-ignore nor fnmatch: `?` and `+` are
//! quantifiers. `event` matches with them.

mod pattern;

pub use pattern::{Pattern, PatternFault, Verdict, judge};
