//! Templates as their file has them: for names that cannot be evaluated, and for lists of what would run.

use super::{ExpressionText, Template, TemplateKind};

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
}

impl ExpressionText {
    fn as_written(&self) -> String {
        let inner = |part: usize| format!("${{{{ {} }}}}", self.parts[part].expression.text());
        if self.parts.len() == 1 && self.parts[0].expression == self.expression {
            return inner(0);
        }
        // `format('…{0}…', …)`: the text was escaped for it.
        let Some(format) = self.text.strip_prefix("format('") else { return self.text.to_string() };
        let mut written = String::new();
        let mut part = 0;
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' | '{' | '}' => match chars.next() {
                    Some(same) if same == c => written.push(c),
                    Some(digit) if c == '{' && digit.is_ascii_digit() && part < self.parts.len() => {
                        written.push_str(&inner(part));
                        part += 1;
                        chars.by_ref().find(|c| *c == '}');
                    }
                    _ => break,
                },
                _ => written.push(c),
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::expr::Availability;
    use crate::template::scan;
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
}
