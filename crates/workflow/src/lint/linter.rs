//! The linter of one workflow file: walks the keys, finds expressions with their places, keeps the findings.

use super::check;
use super::environment::Environment;
use super::types::Type;
use super::{contexts, events, job, tree, untrusted};
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::Expression;
use crate::model::Action;
use crate::template::{ExpressionText, Template, TemplateKey, TemplateKind};
use crate::yaml::{Anchor, FileId, Span, Spanned};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// The warnings of a workflow file, in the order of the file. `root` is its template tree, `source` its text; faults that make
/// GitHub refuse the file are not among them.
#[must_use]
pub(crate) fn warnings(source: &str, root: &Template, unused: &[Anchor], local: &LocalActions<'_>) -> Vec<Diagnostic> {
    let mut linter = Linter {
        source,
        file: root.span.file,
        findings: Vec::new(),
        lines: OnceCell::new(),
        local,
        known: HashMap::new(),
    };
    for anchor in unused {
        linter.warn("unused-anchor", anchor.span, format!("no alias names the anchor '{}'", anchor.name));
    }
    linter.file(root);
    let mut findings = linter.findings;
    findings.sort_by_key(|finding| (finding.span.start, finding.code));
    findings.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    findings
}

/// Gives the manifest of the action in a folder of the repository, as `uses: ./folder` names it; `None` when it cannot be had.
pub type LocalActions<'a> = dyn Fn(&str) -> Option<Action> + 'a;

/// So many warnings of one file are kept; who mends these can ask again.
const MOST: usize = 500;
/// So many of them come with a guess at what was meant.
const MOST_HELPED: usize = 50;

/// Where an expression is used: what it may give there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It becomes text: objects and arrays make no sense.
    Text,
    /// It becomes text that a shell or an interpreter reads: outsiders' text is dangerous too.
    Script,
    /// Any type has a meaning.
    Value,
}

/// Keeps the findings of one file.
pub(super) struct Linter<'a> {
    source: &'a str,
    file: FileId,
    findings: Vec<Diagnostic>,
    /// Where each line begins; made for the first finding that needs it.
    lines: OnceCell<Vec<usize>>,
    local: &'a LocalActions<'a>,
    /// The local actions that were asked for.
    known: HashMap<String, Option<Rc<Action>>>,
}

impl<'a> Linter<'a> {
    fn file(&mut self, root: &Template) {
        let mut environment = Environment::of(contexts::fixed());
        if let Some(on) = tree::get(root, "on") {
            environment.insert("inputs", events::inputs(on));
            if let Some(github) = events::github(on) {
                environment.insert("github", github);
            }
            if let Some(secrets) = events::secrets(on) {
                environment.insert("secrets", secrets);
            }
            events::check(self, on, &environment);
            if tree::has_expression(on) {
                let jobs = tree::get(root, "jobs").map_or(Type::Any, job::outputs_of_jobs);
                let mut with_jobs = environment.clone();
                with_jobs.insert("jobs", jobs);
                self.expressions(on, &with_jobs, Use::Text);
            }
        }
        for (key, value) in tree::entries(root) {
            if key.value.as_ref() == "concurrency" {
                self.incomplete(key, value, &["group"]);
            }
            match key.value.as_ref() {
                "on" => {}
                "jobs" => job::check_all(self, value, &mut environment),
                "env" => job::env(self, value, &environment),
                "run-name" => self.expressions(value, &environment, Use::Text),
                _ => self.expressions(value, &environment, Use::Value),
            }
        }
    }

    /// Whether no more warnings are kept: then nothing more need be looked for.
    pub(super) fn is_full(&self) -> bool {
        self.findings.len() >= MOST
    }

    /// Whether what was meant is still looked for: in a file with so many warnings it is not a slip.
    pub(super) fn helps(&self) -> bool {
        self.findings.len() < MOST_HELPED
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.warn_with(code, span, message, None);
    }

    /// Adds a warning that says what would be right.
    pub(super) fn warn_with(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        if !self.is_full() {
            self.findings.push(Diagnostic { code, severity: Severity::Warning, message: message.into(), help, span });
        }
    }

    /// The manifest of a local action.
    pub(super) fn local_action(&mut self, uses: &str) -> Option<Rc<Action>> {
        if let Some(known) = self.known.get(uses) {
            return known.clone();
        }
        let found = (self.local)(uses).map(Rc::new);
        self.known.insert(uses.to_owned(), found.clone());
        found
    }

    /// Says at the key of a mapping that it lacks another key, when the mapping itself begins further down.
    pub(super) fn incomplete(&mut self, key: &Spanned<Arc<str>>, node: &Template, needed: &[&str]) {
        if let Some(lacking) = tree::lacks(node, needed)
            && key.span.line != node.span.line
        {
            self.warn("incomplete", key.span, format!("'{}' lacks '{lacking}'", key.value));
        }
    }

    /// Says that a list which must choose something is empty.
    pub(super) fn empty(&mut self, key: &str, node: Option<&Template>) {
        if let Some(node) = node
            && matches!(&node.kind, TemplateKind::Sequence(items) if items.is_empty())
        {
            self.warn("empty-list", node.span, format!("'{key}' is empty: leave it away, or put something into it"));
        }
    }

    /// The text of a node as it stands in the file, quotes included.
    pub(super) fn raw(&self, span: Span) -> &'a str {
        self.source.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Checks every expression in a node and below.
    pub(super) fn expressions(&mut self, node: &Template, environment: &Environment, used: Use) {
        match &node.kind {
            TemplateKind::Expression(text) => self.scalar(text, node.span, environment, used),
            TemplateKind::Sequence(items) => items.iter().for_each(|item| self.expressions(item, environment, used)),
            TemplateKind::Mapping(pairs) => {
                for (key, value) in pairs {
                    if let TemplateKey::Expression(key) = key {
                        self.scalar(&key.value, key.span, environment, Use::Text);
                    }
                    self.expressions(value, environment, used);
                }
            }
            TemplateKind::Null
            | TemplateKind::Insert
            | TemplateKind::Bool(_)
            | TemplateKind::Number(..)
            | TemplateKind::String(_) => {}
        }
    }

    /// Checks the expressions of one scalar.
    fn scalar(&mut self, text: &ExpressionText, span: Span, environment: &Environment, used: Use) {
        if self.is_full() {
            return;
        }
        // Few scalars hold something to report: places are looked for when one does.
        let raw = self.raw(span);
        let places = OnceCell::new();
        let start_of = |i: usize| {
            let places = places.get_or_init(|| scan(raw));
            span.start as usize + places.get(i).map_or(0, |(_, start)| *start)
        };
        for (i, part) in text.parts.iter().enumerate() {
            let expression = &part.expression;
            let (given, findings) = check::infer(expression, environment);
            if !findings.is_empty() {
                self.report(findings, start_of(i));
            }
            if used != Use::Value && !given.is_textual() {
                let start = start_of(i);
                let at = self.place(start, start + expression.text().len());
                self.warn(
                    "expression-in-text",
                    at,
                    format!("a value of type {given} becomes no useful text here; did you mean toJSON()?"),
                );
            }
            if used == Use::Script {
                for (path, range) in untrusted::inputs(expression) {
                    let start = start_of(i);
                    let at = self.place(start + range.start as usize, start + range.end as usize);
                    let help = "pass it to the step through 'env' and use the variable in the script".to_owned();
                    self.warn_with(
                        "untrusted-input",
                        at,
                        format!("an outsider chooses the text of {path}; here it becomes part of a script"),
                        Some(help),
                    );
                }
            }
        }
    }

    /// Checks an expression that starts at a byte of the file, and gives its type.
    pub(super) fn expression(&mut self, expression: &Expression, start: usize, environment: &Environment) -> Type {
        if self.is_full() {
            return Type::Any;
        }
        let (given, findings) = check::infer(expression, environment);
        self.report(findings, start);
        given
    }

    fn report(&mut self, findings: Vec<check::ExpressionFinding>, start: usize) {
        for finding in findings {
            let at = self.place(start + finding.at.start as usize, start + finding.at.end as usize);
            self.warn(finding.code, at, finding.message);
        }
    }

    /// The type that the expressions of a node give, without findings.
    pub(super) fn type_of(&self, node: &Template, environment: &Environment) -> Type {
        match &node.kind {
            TemplateKind::Expression(text) => match text.parts.as_ref() {
                [one] if one.expression == text.expression => check::infer(&one.expression, environment).0,
                _ => Type::String,
            },
            _ => Type::Any,
        }
    }

    /// The span of a byte range.
    pub(super) fn place(&self, start: usize, end: usize) -> Span {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        });
        let inside = if self.source.is_char_boundary(start) { start } else { 0 };
        let line = lines.partition_point(|first| *first <= inside).max(1);
        let column = self.source[lines[line - 1]..inside].chars().count() + 1;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: narrow(end), line: narrow(line), column: narrow(column), file: self.file }
    }
}

/// The expressions of a scalar as it stands in the file, with the byte where each begins (after `${{`).
pub(super) fn scan(raw: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = raw[from..].find("${{") {
        let start = from + open + 3;
        let mut quoted = false;
        let rest = &raw.as_bytes()[start..];
        let close = rest.iter().enumerate().position(|(at, byte)| {
            quoted ^= *byte == b'\'';
            !quoted && *byte == b'}' && rest.get(at + 1) == Some(&b'}')
        });
        let Some(length) = close else { break };
        found.push((&raw[start..start + length], start));
        from = start + length + 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn expressions_are_found_with_their_places() {
        let raw = "\"a ${{ 'x}}' }} b ${{y}} ${{ open\"";
        let found = scan(raw);
        assert_eq!(found, [(" 'x}}' ", 6), ("y", 21)]);
        assert_eq!(&raw[21..22], "y");
    }
}
