//! What a step tells the engine: `::commands::` in its output, lines that problem matchers know, and command files.
//!
//! Everything here is pure: text in, typed [`Said`] and [`Effects`] out. `output` reads the pipes, asks these modules and
//! prints; `job` applies the [`Effects`] when the step has ended. Rules: `execution-semantics` 3.4 and 3.5.
//!
//! - `line`: one line as a command: syntax and unescaping.
//! - [`command`]: the registered commands as types, and what makes one wrong.
//! - [`interpreter`]: the commands of one step in order: stop tokens, echo, what is printed.
//! - [`files`]: `GITHUB_ENV`, `GITHUB_OUTPUT`, `GITHUB_PATH`, `GITHUB_STATE`, `GITHUB_STEP_SUMMARY`.
//! - [`place`]: the file, lines and columns of an annotation.
//! - [`matchers`]: problem matchers.

pub mod command;
mod effects;
pub mod files;
pub mod interpreter;
pub mod line;
pub mod matchers;
pub mod place;
mod rules;

pub use effects::{EFFECTS_LIMIT, Effect, Effects, TooMuch, Verdict};
pub use interpreter::Said;
pub use rules::{ALLOW_UNSECURE_COMMANDS, ALLOW_UNSECURE_STOP_TOKENS, CommandRules, StopTokens, UnsecureCommands};
