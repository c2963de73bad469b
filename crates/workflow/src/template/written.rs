//! Templates as their file has them: for names that cannot be evaluated, for lists of what would run, and for
//! documents of one job, whose runner evaluates them.

use super::{ExpressionPart, ExpressionText, Template, TemplateKind};
use std::fmt::Write as _;

impl Template {
    /// The text of a scalar with its `${{ }}`, as it was written but for blanks inside the braces; empty for a list or a mapping.
    #[must_use]
    pub fn as_written(&self) -> String {
        match &self.kind {
            TemplateKind::String(text) | TemplateKind::Number(_, text) => text.to_string(),
            TemplateKind::Bool(value) => value.to_string(),
            TemplateKind::Expression(expression) => expression.as_written(),
            TemplateKind::Null | TemplateKind::Insert | TemplateKind::Sequence(_) | TemplateKind::Mapping(_) => {
                String::new()
            }
        }
    }

    /// The text of an `if` as it was written, without what was added to it; nothing where there was none.
    #[must_use]
    pub fn condition_as_written(&self) -> Option<String> {
        let TemplateKind::Expression(condition) = &self.kind else {
            return Some(self.as_written()).filter(|text| !text.is_empty());
        };
        let text: &str = &condition.text;
        // `success() && (…)` stands around what asks for no status.
        let inner = text.strip_prefix("success() && (").and_then(|text| text.strip_suffix(')'));
        match &*condition.parts {
            [] => None,
            [only] if **only.expression.text() == *text || inner == Some(&**only.expression.text()) => {
                let text = only.expression.text();
                Some(if only.position == 0 { text.to_string() } else { format!("${{{{ {text} }}}}") })
            }
            parts => Some(joined(inner.unwrap_or(text), parts)),
        }
    }
}

impl ExpressionText {
    /// The scalar with its `${{ }}`, as it was written but for blanks inside the braces.
    pub(crate) fn as_written(&self) -> String {
        match &*self.parts {
            [only] if only.expression == self.expression => format!("${{{{ {} }}}}", only.expression.text()),
            parts => joined(&self.text, parts),
        }
    }
}

/// The text that became `format('…{0}…', …)`: it was escaped for that.
fn joined(text: &str, parts: &[ExpressionPart]) -> String {
    let Some(format) = text.strip_prefix("format('") else { return text.to_owned() };
    let mut written = String::new();
    let mut parts = parts.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '{' | '}' => match (chars.next(), parts.as_slice()) {
                (Some(same), _) if same == c => written.push(c),
                (Some(digit), [part, ..]) if c == '{' && digit.is_ascii_digit() => {
                    // Writing to a string does not fail.
                    let _never = write!(written, "${{{{ {} }}}}", part.expression.text());
                    parts.next();
                    chars.by_ref().find(|c| *c == '}');
                }
                _ => break,
            },
            _ => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{Template, TemplateKind};
    use crate::expr::Availability;
    use crate::template::{condition, scan};
    use crate::yaml::Span;

    #[test]
    fn text_comes_back_as_it_was_written() {
        for text in [
            "plain",
            "${{ github.sha }}",
            "echo \"9 [${{ hashFiles('x') }}]\"",
            "it's {b} ${{ vars.a }}}} '${{ format('{0}', 1) }}' {{",
        ] {
            let template = Template { kind: scan(text, &Availability::ALL).unwrap(), span: Span::default() };
            assert_eq!(template.as_written(), text);
        }
    }

    #[test]
    fn conditions_come_back_without_what_was_added() {
        for text in [
            "always()",
            "${{ always() }}",
            "vars.a == '(x)'",
            "${{ vars.a }}",
            "true",
            "false || ${{ vars.a }}",
            "it's {0} ${{ failure() }} and ${{ vars.b }}",
            "success() && (vars.a)",
        ] {
            let scalar = scan(text, &Availability::ALL).unwrap();
            let kind = TemplateKind::Expression(condition(&scalar, &Availability::ALL).unwrap());
            let template = Template { kind, span: Span::default() };
            assert_eq!(template.condition_as_written().as_deref(), Some(text));
        }
        let kind = TemplateKind::Expression(condition(&TemplateKind::Null, &Availability::ALL).unwrap());
        assert_eq!(Template { kind, span: Span::default() }.condition_as_written(), None);
    }
}
