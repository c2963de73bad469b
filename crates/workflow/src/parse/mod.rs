//! From a spanned tree to the model, reporting every fault in the order of the document.
//!
//! The way of a file: `yaml` gives nodes, `reader` walks them along a `schema` (which finds unknown keys, wrong types and faulty
//! expressions), and `workflow` and `action` make the model, with one module beside them for each part of it, checking what a
//! schema cannot say. `plan`, `lint` and the engine call [`workflow`] and [`action`].

mod action;
mod candidates;
mod concurrency;
mod condition;
mod container;
mod entries;
mod expression;
mod findings;
mod fit;
mod ids;
mod job;
mod matrix;
mod needs;
mod payload;
mod permissions;
mod reader;
mod schema;
mod seen;
mod step;
mod trigger;
mod uses;
mod workflow;

pub use crate::lint::LocalActions;
pub use action::action;
pub use payload::{Condition, Payload, called, payload};
pub(crate) use trigger::{fits, shown};
pub(crate) use uses::{Call, call, invalid_call};
pub(crate) use workflow::workflow_within;
pub use workflow::{linted_workflow, workflow};

use crate::diagnostic::{Diagnostic, code};
use crate::template::Template;
use crate::yaml::{self, Anchor, Document, FaultKind, FileId, Limits, YamlFault};
use findings::Findings;
use schema::Shape;

/// A parsed file and what was found on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// The value; absent when a diagnostic is an error.
    pub value: Option<T>,
    /// Findings in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
}

/// What the makers of the model share.
struct Reading<'a> {
    source: &'a str,
    findings: &'a mut Findings,
}

/// Reads one document along a shape, lets `look` see the tree, and makes a value of it; also gives the bytes it counts for.
fn document<T>(
    file: FileId,
    source: &str,
    limits: &Limits,
    shape: &'static Shape,
    look: impl FnOnce(&Template, &[Anchor]),
    make: impl FnOnce(Template, &mut Reading<'_>) -> T,
) -> (Parsed<T>, usize) {
    match yaml::read(file, source, limits) {
        Ok(document) => (read_tree(source, &document, shape, look, make), document.bytes),
        Err(fault) => (unreadable(fault), 0),
    }
}

/// Reads the tree of a document along a shape.
fn read_tree<T>(
    source: &str,
    document: &Document<'_>,
    shape: &'static Shape,
    look: impl FnOnce(&Template, &[Anchor]),
    make: impl FnOnce(Template, &mut Reading<'_>) -> T,
) -> Parsed<T> {
    let mut findings = Findings::default();
    for circle in &document.circles {
        findings.error(code::YAML, circle.span, circle.message.clone());
    }
    let root = reader::read(source, &document.root, shape, &mut findings);
    look(&root, &document.unused);
    let value = make(root, &mut Reading { source, findings: &mut findings });
    let value = (!findings.has_errors()).then_some(value);
    Parsed { value, diagnostics: findings.finish() }
}

/// What is no document has no value.
fn unreadable<T>(fault: YamlFault) -> Parsed<T> {
    let code = match fault.kind {
        FaultKind::Syntax | FaultKind::Alias | FaultKind::SecondDocument => code::YAML,
        FaultKind::Tag => code::YAML_TAG,
        FaultKind::Limit => code::LIMIT,
    };
    let mut findings = Findings::default();
    findings.error(code, fault.span, fault.message);
    Parsed { value: None, diagnostics: findings.finish() }
}
