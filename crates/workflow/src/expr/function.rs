//! The functions of the language and how many arguments each takes.

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `contains(search, item)`
    Contains,
    /// `startsWith(text, part)`
    StartsWith,
    /// `endsWith(text, part)`
    EndsWith,
    /// `format(text, …)`
    Format,
    /// `join(list, separator)`
    Join,
    /// `toJSON(value)`
    ToJson,
    /// `fromJSON(text)`
    FromJson,
    /// `case(condition, value, …, default)`
    Case,
    /// `hashFiles(pattern, …)`
    HashFiles,
    /// A function about what went before.
    Status(StatusFunction),
}

/// A function that tells how the job, or what the job needs, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusFunction {
    /// `always()`
    Always,
    /// `success()`
    Success,
    /// `failure()`
    Failure,
    /// `cancelled()`
    Cancelled,
}

impl StatusFunction {
    /// The name as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Every function, in the order that lists show.
pub(crate) const FUNCTIONS: [Function; 13] = [
    Function::Contains,
    Function::StartsWith,
    Function::EndsWith,
    Function::Format,
    Function::Join,
    Function::ToJson,
    Function::FromJson,
    Function::Case,
    Function::HashFiles,
    Function::Status(StatusFunction::Always),
    Function::Status(StatusFunction::Success),
    Function::Status(StatusFunction::Failure),
    Function::Status(StatusFunction::Cancelled),
];

impl Function {
    /// The function of a name; case does not matter.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        FUNCTIONS.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// The name as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Format => "format",
            Self::Join => "join",
            Self::ToJson => "toJSON",
            Self::FromJson => "fromJSON",
            Self::Case => "case",
            Self::HashFiles => "hashFiles",
            Self::Status(status) => status.name(),
        }
    }

    /// The least and the most arguments.
    #[must_use]
    pub const fn arity(self) -> (usize, usize) {
        match self {
            Self::Contains | Self::StartsWith | Self::EndsWith => (2, 2),
            Self::Format | Self::HashFiles => (1, 255),
            Self::Join => (1, 2),
            Self::ToJson | Self::FromJson => (1, 1),
            Self::Case => (3, 255),
            Self::Status(StatusFunction::Always | StatusFunction::Cancelled) => (0, 0),
            Self::Status(StatusFunction::Success | StatusFunction::Failure) => (0, usize::MAX),
        }
    }
}
