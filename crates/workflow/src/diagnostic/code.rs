//! The codes of what `parse` and `plan` find; stable, so that people can look them up and switch warnings off.

/// The text is not YAML, or not one document.
pub const YAML: &str = "yaml";
/// A tag that is not known, or a value that is not of its tag's type.
pub const YAML_TAG: &str = "yaml-tag";
/// A file or run asks for more than its budget.
pub const LIMIT: &str = "limit";
/// A key that is not known here.
pub const UNKNOWN_KEY: &str = "unknown-key";
/// A key that is there twice, ignoring case.
pub const DUPLICATE_KEY: &str = "duplicate-key";
/// A key that must be there.
pub const MISSING_KEY: &str = "missing-key";
/// A value of a type, or with a text, that cannot stand here.
pub const WRONG_TYPE: &str = "wrong-type";
/// An expression that cannot be read.
pub const EXPRESSION: &str = "expression";
/// An expression where none is allowed.
pub const EXPRESSION_NOT_ALLOWED: &str = "expression-not-allowed";
/// A context that does not exist, or not at this key.
pub const UNKNOWN_CONTEXT: &str = "unknown-context";
/// A function that does not exist, or not at this key.
pub const UNKNOWN_FUNCTION: &str = "unknown-function";
/// Text around the expressions of an `if`: always true.
pub const IF_ALWAYS_TRUE: &str = "if-always-true";
/// An id of a wrong form, or one that is there twice.
pub const BAD_ID: &str = "bad-id";
/// `needs` names no job of the file.
pub const UNKNOWN_JOB: &str = "unknown-job";
/// Jobs need each other in a circle, or every job needs another.
pub const NEEDS_CYCLE: &str = "needs-cycle";
/// `uses` of a wrong form.
pub const BAD_USES: &str = "bad-uses";
/// A matrix without values, or an `exclude` that fits nothing.
pub const MATRIX: &str = "matrix";
/// A container or service without an image, or half of its credentials.
pub const CONTAINER: &str = "container";
/// A runner group of a wrong form.
pub const RUNNER_GROUP: &str = "runner-group";
/// A concurrency group that is too long, or settings that exclude each other.
pub const CONCURRENCY: &str = "concurrency";
/// `wait` or `cancel` names no background step before it.
pub const BACKGROUND: &str = "background";
/// Keys of two forms of a thing, such as `run` and `uses` of a step.
pub const EXCLUSIVE: &str = "exclusive-keys";
/// An image version of a wrong form.
pub const SNAPSHOT: &str = "snapshot";
/// An event that the reference does not know; a forge may.
pub const UNKNOWN_EVENT: &str = "unknown-event";
/// An activity type that the event does not have.
pub const UNKNOWN_ACTIVITY: &str = "unknown-activity";
/// Filters of an event that exclude each other or match nothing.
pub const FILTER: &str = "filter";
/// An input whose declaration contradicts itself.
pub const INPUT: &str = "input";
/// `runs.using` names nothing that is known.
pub const ACTION_USING: &str = "action-using";
/// A reusable workflow that cannot be had.
pub const MISSING_FILE: &str = "missing-file";
/// A called workflow without the trigger `workflow_call`.
pub const NOT_CALLABLE: &str = "not-callable";
/// Calls in a circle, or nested too deeply.
pub const CALL_DEPTH: &str = "call-depth";
/// An input that the called workflow does not have, or needs and was not given.
pub const CALL_INPUT: &str = "call-input";
/// A secret that the called workflow does not have, or needs and was not given.
pub const CALL_SECRET: &str = "call-secret";
/// A called workflow asks for more than its caller may give.
pub const CALL_PERMISSION: &str = "call-permission";
/// Something that may be empty, but then does nothing.
pub const EMPTY: &str = "empty";
/// A `$word` of a starter workflow that was not replaced.
pub const PLACEHOLDER: &str = "placeholder";
