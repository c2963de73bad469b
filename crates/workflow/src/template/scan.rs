//! Finds `${{ }}` in the text of a scalar (`execution-semantics` 1.10).

use super::{ExpressionPart, ExpressionText, TemplateKind};
use crate::expr::{Availability, Expression, ExpressionError};
use std::fmt::Write as _;
use std::sync::Arc;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";
/// More expressions than `format` has arguments.
const MAX_PARTS: usize = 255;

/// What is wrong with the `${{ }}` of a scalar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ScanError {
    /// What.
    #[source]
    pub problem: ScanProblem,
    /// The first byte that it is about, within the value of the scalar.
    pub position: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanProblem {
    /// `${{` without `}}`.
    #[error(
        "The expression is not closed. An unescaped ${{{{ sequence was found, but the closing }}}} sequence was not found."
    )]
    NotClosed,
    /// `${{ }}`
    #[error("An expression was expected")]
    Empty,
    /// `${{ insert }}` with text around it.
    #[error(
        "The directive 'insert' is not allowed in this context. Directives are not supported for expressions that are embedded within a string. Directives are only supported when the entire value is an expression."
    )]
    InsertInText,
    /// `${{ insert x }}`
    #[error("Exactly 0 parameter(s) were expected following the directive 'insert'. Actual parameter count: {0}")]
    InsertParameters(usize),
    /// The text between the braces is no expression.
    #[error(transparent)]
    Expression(ExpressionError),
}

/// How many characters of a text belong to expressions, as far as that is seen without reading them.
#[must_use]
pub fn expression_length(text: &str) -> usize {
    let written = text.split(OPEN).skip(1);
    written.map(|rest| rest.find(CLOSE).unwrap_or(rest.len())).sum()
}

/// What a scalar's text is: a string, an expression, or `${{ insert }}`. Text around expressions makes a `format(…)` of them.
///
/// # Errors
/// When an expression is not closed, empty, wrong, or uses what its key does not have.
pub fn scan(text: &str, availability: &Availability) -> Result<TemplateKind, ScanError> {
    let Some(mut open) = opening(text) else { return Ok(TemplateKind::String(text.into())) };
    let mut parts: Vec<ExpressionPart> = Vec::new();
    // The text for `format`, with its own braces and quotes escaped.
    let mut format = String::new();
    let mut at = 0;
    loop {
        escape(&text[at..open], &mut format);
        let inner = open + OPEN.len();
        let close =
            close(text, inner).ok_or(ScanError { problem: ScanProblem::NotClosed, position: open, end: text.len() })?;
        let end = close + CLOSE.len();
        let whole = open == 0 && end == text.len();
        let raw = &text[inner..close];
        let trimmed = raw.trim();
        let position = inner + (raw.len() - raw.trim_start().len());
        let fault = |problem| ScanError { problem, position: open, end };
        if trimmed.is_empty() {
            return Err(fault(ScanProblem::Empty));
        }
        if let Some(rest) = trimmed.strip_prefix("insert")
            && rest.chars().next().is_none_or(char::is_whitespace)
        {
            return match rest.split_whitespace().count() {
                0 if whole => Ok(TemplateKind::Insert),
                0 => Err(fault(ScanProblem::InsertInText)),
                parameters => Err(fault(ScanProblem::InsertParameters(parameters))),
            };
        }
        let expression = Expression::parse_for(trimmed, availability).map_err(|error| ScanError {
            position: position + error.position,
            end: position + error.end,
            problem: ScanProblem::Expression(error),
        })?;
        if whole {
            return Ok(match expression.string_literal() {
                Some(literal) => TemplateKind::String(Arc::clone(literal)),
                None => TemplateKind::Expression(ExpressionText {
                    text: Arc::clone(expression.text()),
                    parts: Arc::from([ExpressionPart { expression: expression.clone(), position }]),
                    expression,
                }),
            });
        }
        // Writing to a string does not fail.
        let _never = write!(format, "{{{}}}", parts.len());
        parts.push(ExpressionPart { expression, position });
        at = end;
        match opening(&text[at..]) {
            // More than `format` takes: it is refused below, the rest need not be compiled.
            Some(_) if parts.len() > MAX_PARTS => break,
            Some(offset) => open = at + offset,
            None => break,
        }
    }
    escape(&text[at..], &mut format);
    let mut canonical = String::with_capacity(text.len() + 16);
    canonical.push_str("format('");
    canonical.push_str(&format);
    canonical.push('\'');
    for part in &parts {
        canonical.push_str(", ");
        canonical.push_str(part.expression.text());
    }
    canonical.push(')');
    let whole = |error| ScanError { problem: ScanProblem::Expression(error), position: 0, end: text.len() };
    if parts.len() + 1 > MAX_PARTS {
        // Refused as any call with too many arguments is.
        Expression::parse_for(&canonical, availability).map_err(whole)?;
    }
    let depth = parts.iter().map(|part| part.expression.depth()).max().unwrap_or(0).max(1) + 1;
    let expression = Expression::joined(canonical, depth).map_err(whole)?;
    Ok(TemplateKind::Expression(ExpressionText {
        text: Arc::clone(expression.text()),
        expression,
        parts: parts.into(),
    }))
}

/// The first `${{`. Most texts are too short for a search that makes itself ready first.
pub(crate) fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'$') {
        if bytes[from + at..].starts_with(OPEN.as_bytes()) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// The first `}}` outside single quotes.
fn close(text: &str, from: usize) -> Option<usize> {
    let mut quoted = false;
    let mut previous = b' ';
    for (offset, byte) in text.as_bytes()[from..].iter().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted && previous == b'}' => return Some(from + offset - 1),
            _ => {}
        }
        previous = *byte;
    }
    None
}

/// Escapes quotes for the literal and braces for `format`.
fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['\'', '{', '}']) {
        // Each of these is one byte.
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        out.push_str(&before[at..]);
        rest = after;
    }
    out.push_str(rest);
}

/// The expression of an `if`, from what [`scan`] gave for it: the whole text is an expression even without `${{ }}`; `success()` when
/// it is empty, `success() && (…)` when it calls no status function.
///
/// # Errors
/// When the text is no expression; places are those within the scalar's value.
pub fn condition(scalar: &TemplateKind, availability: &Availability) -> Result<ExpressionText, ExpressionError> {
    let text: &str = match scalar {
        TemplateKind::Expression(written) => {
            let expression = written.expression.clone().into_condition()?;
            let parts = Arc::clone(&written.parts);
            return Ok(ExpressionText { text: Arc::clone(expression.text()), expression, parts });
        }
        TemplateKind::String(text) | TemplateKind::Number(_, text) => text,
        TemplateKind::Bool(true) => "true",
        TemplateKind::Bool(false) => "false",
        _ => "",
    };
    let own = Expression::parse_for(text, availability)?;
    let parts: Arc<[ExpressionPart]> = if own.is_empty() {
        Arc::from([])
    } else {
        Arc::from([ExpressionPart { expression: own.clone(), position: 0 }])
    };
    let expression = own.into_condition()?;
    Ok(ExpressionText { text: Arc::clone(expression.text()), expression, parts })
}

#[cfg(test)]
mod tests {
    use super::{ScanProblem, condition, scan};
    use crate::expr::{Availability, availability};
    use crate::template::TemplateKind;

    fn canonical(text: &str) -> String {
        match scan(text, &Availability::ALL).unwrap() {
            TemplateKind::Expression(expression) => expression.text.to_string(),
            TemplateKind::String(text) => format!("text {text}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn scalars_become_expressions() {
        assert_eq!(canonical("${{ github.sha }}"), "github.sha");
        assert_eq!(canonical("${{github.sha}}"), "github.sha");
        assert_eq!(canonical("a ${{ github.sha }}"), "format('a {0}', github.sha)");
        assert_eq!(canonical(" ${{ github.sha }}"), "format(' {0}', github.sha)");
        assert_eq!(
            canonical("it's {x} ${{ github.sha }}-${{ vars.a }}}"),
            "format('it''s {{x}} {0}-{1}}}', github.sha, vars.a)"
        );
        assert_eq!(canonical("${{ '${{ }}' }}"), "text ${{ }}");
        assert_eq!(canonical("${{ 'it''s' }}"), "text it's");
        assert_eq!(canonical("x ${{ '}}' }}"), "format('x {0}', '}}')");
        assert_eq!(canonical("no $ {{ here }}"), "text no $ {{ here }}");
        assert_eq!(canonical("${{ insert }}"), "Insert");
        assert_eq!(canonical("${{ toJSON(fromJSON('{\"a\":{\"b\":1}}')) }}"), "toJSON(fromJSON('{\"a\":{\"b\":1}}'))");
    }

    #[test]
    fn faults_have_places() {
        let fault = |text: &str| {
            let error = scan(text, &Availability::ALL).unwrap_err();
            (error.position, error.end, error.problem)
        };
        assert_eq!(fault("a ${{ x"), (2, 7, ScanProblem::NotClosed));
        assert_eq!(fault("a ${{ '}}'"), (2, 10, ScanProblem::NotClosed));
        assert_eq!(fault("a ${{  }} b"), (2, 9, ScanProblem::Empty));
        assert_eq!(fault("${{}}"), (0, 5, ScanProblem::Empty));
        assert_eq!(fault("a ${{ insert }}"), (2, 15, ScanProblem::InsertInText));
        assert_eq!(fault("${{ insert x y }}").2, ScanProblem::InsertParameters(2));
        let (position, end, problem) = fault("a ${{ github.sha }} ${{ nope.x }}");
        assert_eq!((position, end), (24, 28));
        assert!(problem.to_string().starts_with("Unrecognized named-value: 'nope'"), "{problem}");
    }

    #[test]
    fn at_most_255_arguments() {
        assert!(scan(&"${{ 1 }}".repeat(254), &Availability::ALL).is_ok());
        assert!(scan(&"${{ 1 }}".repeat(255), &Availability::ALL).is_err());
    }

    #[test]
    fn conditions_get_their_status_function() {
        let text = |text: &str| {
            let scalar = scan(text, &availability::JOB_IF).unwrap();
            condition(&scalar, &availability::JOB_IF).unwrap().text.to_string()
        };
        assert_eq!(text(""), "success()");
        assert_eq!(text("  "), "success()");
        assert_eq!(text("github.foo == 'bar'"), "success() && (github.foo == 'bar')");
        assert_eq!(text("${{ github.foo == 'bar' }}"), "success() && (github.foo == 'bar')");
        assert_eq!(text("false && ALWAYS()"), "false && ALWAYS()");
        assert_eq!(text("${{ success('build', 'build2') }}"), "success('build', 'build2')");
        assert_eq!(text("false || ${{ true && true }}"), "success() && (format('false || {0}', true && true))");
        assert_eq!(
            condition(&TemplateKind::Bool(true), &availability::JOB_IF).unwrap().text.as_ref(),
            "success() && (true)"
        );
        assert!(condition(&TemplateKind::String("secrets.x".into()), &availability::JOB_IF).is_err());
    }
}
