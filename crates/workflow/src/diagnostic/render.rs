//! A finding as text, with the line it is about.

use super::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    None,
    /// ANSI sequences.
    Ansi,
}

/// Shows a finding with its place in the file of this path and text, as compilers do. Ends without a line break.
#[must_use]
pub fn render(diagnostic: &Diagnostic, path: &str, source: &str, colours: Colours) -> String {
    let level = match diagnostic.severity {
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    };
    let range = mark(diagnostic, source);
    // The line alone: the renderer would take all of a long text apart, for each finding anew.
    let start = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = source[range.end..].find('\n').map_or(source.len(), |length| range.end + length + 1);
    let (start, end) = if end > start { (start, end) } else { (0, source.len()) };
    let before = source.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
    let excerpt = Snippet::source(&source[start..end])
        .line_start(before + 1)
        .path(path)
        .fold(true)
        .annotation(AnnotationKind::Primary.span(range.start - start..range.end - start));
    let mut group: Group<'_> = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(excerpt);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match colours {
        Colours::None => Renderer::plain(),
        Colours::Ansi => Renderer::styled(),
    };
    renderer.render(&[group]).to_string()
}

/// What to underline: the span, but nothing past its first line, within the text and between characters.
fn mark(diagnostic: &Diagnostic, source: &str) -> std::ops::Range<usize> {
    let clamp = |at: u32| {
        let at = (at as usize).min(source.len());
        (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
    };
    let (start, end) = (clamp(diagnostic.span.start), clamp(diagnostic.span.end));
    let line = source[start..].find(['\n', '\r']).map_or(source.len(), |length| start + length);
    start..end.clamp(start, line.max(start))
}

#[cfg(test)]
mod tests {
    use super::{Colours, render};
    use crate::diagnostic::{Diagnostic, Severity};
    use crate::yaml::Span;

    #[test]
    fn shows_the_line_and_what_would_be_right() {
        let source = "on: push\njobs:\n  a:\n    runs_on: x\n";
        let finding = Diagnostic {
            code: "unknown-key",
            severity: Severity::Error,
            message: "Unexpected value 'runs_on'".to_owned(),
            help: Some("did you mean 'runs-on'?".to_owned()),
            span: Span { start: 24, end: 31, line: 4, column: 5, ..Span::default() },
        };
        let text = render(&finding, "ci.yml", source, Colours::None);
        let wanted = "error[unknown-key]: Unexpected value 'runs_on'\n --> ci.yml:4:5\n  |\n4 |     runs_on: x\n  |     ^^^^^^^\n  |\n  = help: did you mean 'runs-on'?";
        assert_eq!(text, wanted);
        assert!(render(&finding, "ci.yml", source, Colours::Ansi).contains('\u{1b}'));
    }

    #[test]
    fn any_span_is_survived() {
        for (start, end) in [(0, 0), (5, 2), (1, 2), (99, 100), (0, 99)] {
            let span = Span { start, end, ..Span::default() };
            let finding =
                Diagnostic { code: "x", severity: Severity::Warning, message: "m".to_owned(), help: None, span };
            assert!(render(&finding, "f", "aéb\r\nc", Colours::None).contains("f:"));
        }
    }
}
