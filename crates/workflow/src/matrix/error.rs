//! What can be wrong with a matrix, and where in it.

/// One fault of a matrix.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{fault}{}", place(.path))]
pub struct MatrixError {
    /// What.
    #[source]
    pub fault: MatrixFault,
    /// Where in the matrix, outermost first; empty for the whole.
    pub path: Vec<PathSegment>,
}

/// One step into a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// The value of a key.
    Key(String),
    /// The key itself.
    KeyOf(String),
    /// An item of a list.
    Index(usize),
}

fn place(path: &[PathSegment]) -> String {
    if path.len() < 2 {
        return String::new();
    }
    let steps = path.iter().map(|segment| match segment {
        PathSegment::Key(key) | PathSegment::KeyOf(key) => format!(".{key}"),
        PathSegment::Index(i) => format!("[{i}]"),
    });
    format!(" (matrix{})", steps.collect::<String>())
}

/// The faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixFault {
    /// Neither a vector nor an `include`.
    #[error("Matrix must define at least one vector")]
    NoVector,
    /// A vector without values.
    #[error("Matrix vector '{0}' does not contain any values")]
    EmptyVector(String),
    /// A part has the wrong kind.
    #[error("Unexpected type '{found}' encountered while reading '{what}'. The type '{expected}' was expected.")]
    Type {
        /// What was read.
        what: &'static str,
        /// The kind that was found.
        found: &'static str,
        /// The kind that was expected.
        expected: &'static str,
    },
    /// `exclude: [{}]`
    #[error("Matrix exclude filter must not be empty")]
    EmptyExclude,
    /// An `exclude` entry names a key that is no vector.
    #[error("Matrix exclude key '{0}' does not match any key within the matrix")]
    UnknownExclude(String),
    /// `include: [{}]`
    #[error("Matrix include mapping does not contain any values")]
    EmptyInclude,
    /// Too many configurations.
    #[error("The matrix has more than {} configurations, the most that a job may have", super::MAX_CONFIGURATIONS)]
    TooMany,
}
