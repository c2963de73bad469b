//! The linter of one workflow file: walks the keys, finds expressions with their places, keeps the findings.

use super::check::{self, Environment};
use super::types::Type;
use super::{contexts, events, job, tree, untrusted};
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::Expression;
use crate::template::{ExpressionText, Template, TemplateKey, TemplateKind};
use crate::yaml::{FileId, Span, Spanned};
use std::sync::{Arc, LazyLock};

/// The warnings of a workflow file, in the order of the file. `root` is its template tree, `source` its text; faults that make
/// GitHub refuse the file are not among them.
#[must_use]
pub(crate) fn warnings(source: &str, root: &Template) -> Vec<Diagnostic> {
    let mut linter = Linter { source, file: root.span.file, findings: Vec::new() };
    linter.file(root);
    let mut findings = linter.findings;
    findings.sort_by_key(|finding| (finding.span.start, finding.code));
    findings.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    findings
}

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
#[derive(Debug)]
pub(super) struct Linter<'a> {
    source: &'a str,
    file: FileId,
    findings: Vec<Diagnostic>,
}

impl<'a> Linter<'a> {
    fn file(&mut self, root: &Template) {
        let mut environment = BASE.clone();
        if let Some(on) = tree::get(root, "on") {
            environment.insert("inputs", events::inputs(on));
            if let Some(github) = events::github(on) {
                environment.insert("github", github);
            }
            if let Some(secrets) = events::secrets(on) {
                environment.insert("secrets", secrets);
            }
            let jobs = tree::get(root, "jobs").map_or(Type::Any, job::outputs_of_jobs);
            let mut with_jobs = environment.clone();
            with_jobs.insert("jobs", jobs);
            events::check(self, on);
            self.expressions(on, &with_jobs, Use::Text);
        }
        for (key, value) in tree::entries(root) {
            if key.value.as_ref() == "concurrency" {
                self.incomplete(key, value, &["group"]);
            }
            match key.value.as_ref() {
                "on" => {}
                "jobs" => job::check_all(self, value, &environment),
                "env" => job::env(self, value, &environment),
                "run-name" => self.expressions(value, &environment, Use::Text),
                _ => self.expressions(value, &environment, Use::Value),
            }
        }
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
        self.findings.push(Diagnostic { code, severity: Severity::Warning, message: message.into(), help, span });
    }

    /// Says at the key of a mapping that it lacks another key, when the mapping itself begins further down.
    pub(super) fn incomplete(&mut self, key: &Spanned<Arc<str>>, node: &Template, needed: &[&str]) {
        if let Some(lacking) = tree::lacks(node, needed)
            && key.span.line != node.span.line
        {
            self.warn("incomplete", key.span, format!("'{}' lacks '{lacking}'", key.value));
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
        let places = scan(self.raw(span));
        for (i, part) in text.parts.iter().enumerate() {
            let expression = &part.expression;
            let start = span.start as usize + places.get(i).map_or(0, |(_, start)| *start);
            let given = self.expression(expression, start, environment);
            if used != Use::Value && !given.is_textual() {
                let at = self.place(start, start + expression.text().len());
                self.warn(
                    "expression-in-text",
                    at,
                    format!("a value of type {given} becomes no useful text here; did you mean toJSON()?"),
                );
            }
            if used == Use::Script {
                for (path, range) in untrusted::inputs(expression) {
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
        let (given, findings) = check::infer(expression, environment);
        for finding in findings {
            let at = self.place(start + finding.at.start as usize, start + finding.at.end as usize);
            self.warn(finding.code, at, finding.message);
        }
        given
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
        let before = self.source.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
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
        let close = raw[start..].char_indices().find(|(at, c)| {
            quoted ^= *c == '\'';
            !quoted && raw[start + at..].starts_with("}}")
        });
        let Some((length, _)) = close else { break };
        found.push((&raw[start..start + length], start));
        from = start + length + 2;
    }
    found
}

/// The contexts that are the same in every file.
static BASE: LazyLock<Environment> = LazyLock::new(|| {
    ["github", "vars", "env", "secrets", "runner", "job", "strategy"]
        .into_iter()
        .filter_map(|name| Some((name, contexts::fixed(name)?)))
        .collect()
});

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
