//! What was parsed on the way to a plan: the files are asked for one after the other, and each is parsed once. Who looks at a
//! workflow before it is planned, as `exec` does at its events, hands over what it saw.

use super::{FileReference, Files, SourceFile};
use crate::diagnostic::Diagnostic;
use crate::model::Workflow;
use crate::parse::{self, Parsed};
use crate::yaml::{FileId, Limits};
use std::collections::HashMap;
use std::sync::Arc;

/// The workflow files of one [`Files`] that were parsed.
#[derive(Debug, Clone, Default)]
pub struct Parses(HashMap<FileId, Parse>);

/// What a file gave.
#[derive(Debug, Clone)]
pub(super) struct Parse {
    pub(super) workflow: Option<Arc<Workflow>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What it counts for against the budget of a run.
    pub(super) bytes: usize,
}

impl Parses {
    /// Parses a file within the reference's budgets; `None` when there is none, or no text of it.
    pub fn parse(&mut self, files: &Files, reference: &FileReference) -> Option<Parsed<Arc<Workflow>>> {
        let id = files.find(reference)?;
        let SourceFile { reference, text } = files.get(id)?;
        let text = text.as_deref().ok()?;
        let Parse { workflow, diagnostics, .. } = self.get(id, &reference.to_string(), text, &Limits::default());
        Some(Parsed { value: workflow.clone(), diagnostics: diagnostics.clone() })
    }

    /// Takes in what was parsed of a file by other rules than those of a repository's own files.
    pub(crate) fn put(&mut self, file: FileId, parsed: Parsed<Workflow>, bytes: usize) {
        let Parsed { value, diagnostics } = parsed;
        self.0.insert(file, Parse { workflow: value.map(Arc::new), diagnostics, bytes });
    }

    /// A file's parse within budgets.
    pub(super) fn get(&mut self, id: FileId, name: &str, text: &str, limits: &Limits) -> &Parse {
        // What was parsed with a larger budget than is left may exceed that; then it is said where.
        let fits = |parse: &Parse| parse.bytes <= limits.bytes;
        let parse = self.0.remove(&id).filter(fits).unwrap_or_else(|| {
            let (parsed, bytes) = parse::workflow_within(id, name, text, limits);
            Parse { workflow: parsed.value.map(Arc::new), diagnostics: parsed.diagnostics, bytes }
        });
        self.0.entry(id).insert_entry(parse).into_mut()
    }
}
