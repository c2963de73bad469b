//! `strategy`: what can be checked of a matrix before it is evaluated.

use super::entries::{Entries, has_expressions};
use super::findings::Findings;
use crate::diagnostic::code;
use crate::model::{Matrix, Strategy};
use crate::template::{Template, TemplateKey, TemplateKind};

/// `strategy`.
pub(super) fn strategy(written: Template, findings: &mut Findings) -> Strategy {
    let span = written.span;
    let whole = matches!(written.kind, TemplateKind::Expression(_)).then(|| written.clone());
    let mut entries = Entries::of(written.clone());
    let matrix = entries.take("matrix").map(|template| {
        check(&template, findings);
        Matrix { template }
    });
    Strategy {
        matrix,
        fail_fast: entries.take("fail-fast"),
        max_parallel: entries.take("max-parallel"),
        whole,
        span,
        written,
    }
}

fn check(matrix: &Template, findings: &mut Findings) {
    if let TemplateKind::String(word) = &matrix.kind {
        let message = format!("'{word}' is a word of a template that was not replaced: the matrix cannot be expanded");
        findings.warning(code::PLACEHOLDER, matrix.span, message, None);
    }
    let TemplateKind::Mapping(pairs) = &matrix.kind else { return };
    if findings.is_faulty(matrix.span) {
        return;
    }
    let mut vectors: Vec<&str> = Vec::new();
    let mut computed = false;
    let mut included = false;
    for (key, value) in pairs {
        let TemplateKey::Literal(key) = key else {
            computed = true;
            continue;
        };
        match (&*key.value, &value.kind) {
            ("include", kind) => {
                included |=
                    has_expressions(value) || !matches!(kind, TemplateKind::Sequence(items) if items.is_empty());
                empty_entries(value, "Matrix include mapping does not contain any values", findings);
            }
            ("exclude", _) => empty_entries(value, "Matrix exclude filter must not be empty", findings),
            (name, kind) => {
                vectors.push(name);
                if matches!(kind, TemplateKind::Sequence(items) if items.is_empty()) {
                    findings.check(
                        code::MATRIX,
                        value.span,
                        format!("Matrix vector '{name}' does not contain any values"),
                    );
                }
            }
        }
    }
    if computed {
        return;
    }
    if vectors.is_empty() && !included {
        findings.check(code::MATRIX, matrix.span, "Matrix must define at least one vector");
    }
    for (key, value) in pairs {
        let TemplateKey::Literal(key) = key else { continue };
        if &*key.value != "exclude" {
            continue;
        }
        let TemplateKind::Sequence(items) = &value.kind else { continue };
        for (name, _) in items.iter().flat_map(|item| Entries::of(item.clone()).into_list()) {
            if !vectors.iter().any(|vector| vector.eq_ignore_ascii_case(&name)) {
                let message = format!("Matrix exclude key '{}' does not match any key within the matrix", name.value);
                findings.check(code::MATRIX, name.span, message);
            }
        }
    }
}

fn empty_entries(value: &Template, message: &str, findings: &mut Findings) {
    let TemplateKind::Sequence(items) = &value.kind else { return };
    for item in items {
        if matches!(&item.kind, TemplateKind::Mapping(pairs) if pairs.is_empty()) {
            findings.check(code::MATRIX, item.span, message);
        }
    }
}
