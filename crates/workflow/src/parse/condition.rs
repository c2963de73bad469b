//! `if`: the whole value is an expression, with or without `${{ }}`, and asks for success unless it says otherwise.

use super::{Reading, expression};
use crate::diagnostic::code;
use crate::expr::{Availability, Expression};
use crate::template::{self, ExpressionPart, ExpressionText, Template, TemplateKind};
use crate::yaml::Span;
use std::sync::OnceLock;

/// The condition of a value; `success()` when there is none.
pub(super) fn condition(
    written: Option<Template>,
    around: Span,
    available: &Availability,
    reading: &mut Reading<'_>,
) -> Template {
    let Some(written) = written else { return Template { kind: success(), span: around } };
    let span = written.span;
    if let TemplateKind::Expression(whole) = &written.kind {
        warn_of_text_around(whole, span, reading);
    }
    let bare = written.as_literal_str().map_or(0, |text| text.len());
    if !reading.findings.admits_expression(bare, span) {
        return Template { kind: TemplateKind::Null, span };
    }
    match template::condition(&written.kind, available) {
        Ok(compiled) => Template { kind: TemplateKind::Expression(compiled), span },
        Err(error) => {
            if !reading.findings.is_faulty(span) {
                let text = written.as_literal_str().map_or("", |text| text);
                expression::report(reading.findings, reading.source, span, text, &error);
            }
            Template { kind: TemplateKind::Null, span }
        }
    }
}

/// `success()`, which most steps have: compiled once.
fn success() -> TemplateKind {
    static SUCCESS: OnceLock<TemplateKind> = OnceLock::new();
    let make = || {
        template::condition(&TemplateKind::Null, &Availability::ALL)
            .map_or(TemplateKind::Bool(true), TemplateKind::Expression)
    };
    SUCCESS.get_or_init(make).clone()
}

/// The condition of a `pre` or `post`: unlike other conditions it asks for nothing by itself.
pub(super) fn hook(written: Template, available: &Availability, reading: &mut Reading<'_>) -> Option<Template> {
    let span = written.span;
    let TemplateKind::String(text) = &written.kind else {
        return matches!(written.kind, TemplateKind::Expression(_)).then_some(written);
    };
    match Expression::parse_for(text, available) {
        Ok(compiled) => {
            let parts = [ExpressionPart { expression: compiled.clone(), position: 0 }].into();
            let whole = ExpressionText { text: compiled.text().clone(), expression: compiled, parts };
            Some(Template { kind: TemplateKind::Expression(whole), span })
        }
        Err(error) => {
            expression::report(reading.findings, reading.source, span, text, &error);
            None
        }
    }
}

/// Text beside `${{ }}` makes a string of the condition, and that is always true.
fn warn_of_text_around(whole: &ExpressionText, span: Span, reading: &mut Reading<'_>) {
    let [only] = &*whole.parts else { return warn(span, reading) };
    if only.expression.text() != &whole.text {
        warn(span, reading);
    }
}

fn warn(span: Span, reading: &mut Reading<'_>) {
    reading.findings.warning(
        code::IF_ALWAYS_TRUE,
        span,
        "This condition is always true: text around '${{ }}' makes a string of it",
        Some("put everything inside one '${{ }}', or leave '${{ }}' away".to_owned()),
    );
}
