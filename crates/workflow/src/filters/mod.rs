//! Filter patterns of `branches`, `tags` and `paths` (`execution-semantics` 2.3). Neither git-ignore nor fnmatch: `?` and `+` are
//! quantifiers. `event` matches with them, the linter checks them.

mod check;
mod pattern;

pub use check::{PatternUse, check};
pub use pattern::{Pattern, PatternFault, Verdict, judge};
