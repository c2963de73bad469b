//! What can be wrong with an expression: its text ([`ExpressionError`]), or its evaluation ([`EvaluationError`]).

use super::{Availability, Function, ValueKind};
use crate::nearest::nearest;

/// The text is no expression, or uses what its key does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", self.place())]
pub struct ExpressionError {
    /// What is wrong.
    pub kind: ExpressionErrorKind,
    /// The first byte of the token that it is about.
    pub position: usize,
    /// The byte after that token.
    pub end: usize,
    /// The token as written; empty when the whole text is meant.
    pub token: String,
    /// The whole text.
    pub expression: String,
    /// What would be right, when known.
    pub help: Option<String>,
}

impl ExpressionError {
    /// In the words of the reference, which people search for; long expressions are cut.
    fn place(&self) -> String {
        if self.token.is_empty() {
            return String::new();
        }
        let column = self.expression.get(..self.position).map_or(0, |before| before.encode_utf16().count()) + 1;
        format!(": '{}'. Located at position {column} within expression: {}", cut(&self.token), cut(&self.expression))
    }
}

/// At most 500 characters, as messages of the reference.
fn cut(text: &str) -> &str {
    text.char_indices().nth(500).map_or(text, |(end, _)| &text[..end])
}

/// What is wrong with the text of an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionErrorKind {
    /// A character or token that cannot stand there.
    #[error("Unexpected symbol")]
    UnexpectedSymbol,
    /// Something is missing at the end.
    #[error("Unexpected end of expression")]
    UnexpectedEnd,
    /// A function that does not exist, or not here.
    #[error("Unrecognized function")]
    UnknownFunction,
    /// A context that does not exist, or not here.
    #[error("Unrecognized named-value")]
    UnknownContext,
    /// Too few arguments.
    #[error("Too few parameters supplied")]
    TooFewArguments,
    /// Too many arguments.
    #[error("Too many parameters supplied")]
    TooManyArguments,
    /// `case` with an even number of arguments.
    #[error("Even number of parameters supplied, requires an odd number of parameters")]
    EvenArguments,
    /// Nested too deeply.
    #[error("Exceeded max expression depth {}", super::MAX_DEPTH)]
    TooDeep,
    /// Too long.
    #[error("Exceeded max expression length {}", super::MAX_LENGTH)]
    TooLong,
}

/// Help for a context that its key does not have: names the key and what it has, and the nearest name.
pub(crate) fn context_help(name: &str, availability: &Availability) -> String {
    let allowed: Vec<&str> = availability.contexts().collect();
    let mut help =
        nearest(name, allowed.iter().copied()).map_or_else(String::new, |near| format!("did you mean '{near}'? "));
    let place = place(availability);
    if allowed.is_empty() {
        help.push_str(&format!("no contexts are available{place}"));
    } else {
        help.push_str(&format!("contexts available{place}: {}", allowed.join(", ")));
    }
    help
}

/// Help for a function that does not exist, or not at this key.
pub(crate) fn function_help(name: &str, availability: &Availability) -> String {
    let names: Vec<&str> = availability.functions().map(Function::name).collect();
    let place = place(availability);
    if let Some(function) = Function::by_name(name) {
        return format!("'{}' is not available{place}; functions available: {}", function.name(), names.join(", "));
    }
    let near = nearest(name, names.iter().copied()).map_or_else(String::new, |near| format!("did you mean '{near}'? "));
    format!("{near}functions available{place}: {}", names.join(", "))
}

fn place(availability: &Availability) -> String {
    if availability.key().is_empty() { " here".to_owned() } else { format!(" at '{}'", availability.key()) }
}

/// An expression or template could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// `hashFiles` needs the digest of these files: compute it, give it through `Scope::hash_files`, evaluate again.
    #[error("hashFiles needs the files of a job's workspace, which are not at hand here")]
    NeedsHash {
        /// The arguments as given: patterns, and maybe the option `--follow-symbolic-links` as the first.
        patterns: Vec<String>,
    },
    /// Intermediate values grew past the limit.
    #[error("The maximum allowed memory size was exceeded ({limit} bytes)")]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// A template's result is nested too deeply.
    #[error("Maximum object depth exceeded ({limit} levels)")]
    Depth {
        /// The limit in levels.
        limit: usize,
    },
    /// The text given to `format` has a lone brace or a bad placeholder.
    #[error("The following format string is invalid: {format}")]
    Format {
        /// The text.
        format: String,
    },
    /// The text given to `format` names an argument that was not given.
    #[error("The following format string references more arguments than were supplied: {format}")]
    FormatArguments {
        /// The text.
        format: String,
    },
    /// `{0:x}` in the text given to `format`.
    #[error("The format specifiers '{specifiers}' are not valid for objects of type '{kind}'")]
    FormatSpecifiers {
        /// What follows the colon.
        specifiers: String,
        /// The kind of the argument.
        kind: ValueKind,
    },
    /// A condition of `case` was not a boolean.
    #[error("case predicate must evaluate to a boolean value; it was of type '{found}'")]
    CasePredicate {
        /// What it was.
        found: ValueKind,
    },
    /// `fromJSON` got no JSON.
    #[error("Error parsing fromJSON: {0}")]
    Json(#[source] JsonError),
    /// `hashFiles` got an option that it does not know.
    #[error("Invalid glob option '{option}'; the only option is '--follow-symbolic-links'")]
    HashOption {
        /// The option.
        option: String,
    },
    /// A status function was given the name of a job that is not among the job's needs.
    #[error("{function}('{job}') names a job that this job does not need")]
    UnknownJob {
        /// The function's name.
        function: &'static str,
        /// The job's id as given.
        job: String,
    },
    /// A value has the wrong kind for its place.
    #[error("Unexpected type '{found}' encountered{}; the type '{expected}' was expected", at_key(.key))]
    Type {
        /// The key, when known; else empty.
        key: String,
        /// The kind that was expected.
        expected: &'static str,
        /// The kind that was found.
        found: ValueKind,
    },
    /// A text that is no number or boolean where one is wanted, or has another fault that the message says.
    #[error("Unexpected value '{value}'{}: {problem}", at_key(.key))]
    Value {
        /// The key, when known; else empty.
        key: String,
        /// The value as text.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A key that came out of an expression is there twice.
    #[error("'{key}' is already defined")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The digest of files could not be computed.
    #[error("hashFiles failed: {0}")]
    Hash(String),
}

fn at_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" while reading '{key}'") }
}

/// A text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong.
    pub problem: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}
