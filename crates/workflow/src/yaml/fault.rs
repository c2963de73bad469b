//! Why a text is not a document.

use super::Span;

/// Why a text is not a document; reading stops at the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlFault {
    /// Which kind.
    pub kind: FaultKind,
    /// In one sentence.
    pub message: String,
    /// Where; the first character of the file for faults of the whole file.
    pub span: Span,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It is not YAML.
    Syntax,
    /// It asks for more than its budget.
    Limit,
    /// A tag that is not known, or a value that is not of its tag's type.
    Tag,
    /// An alias of an anchor that holds it.
    Alias,
    /// A second document.
    SecondDocument,
}

/// Makes a fault.
pub(super) fn fault(kind: FaultKind, message: impl Into<String>, span: Span) -> YamlFault {
    YamlFault { kind, message: message.into(), span }
}
