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
    let range = mark(diagnostic, source);
    // The line alone: the renderer would take all of a long text apart, for each finding anew.
    let start = source[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = source[range.end..].find('\n').map_or(source.len(), |length| range.end + length + 1);
    let (start, end) = if end > start { (start, end) } else { (0, source.len()) };
    if end - start > LONG_LINE {
        return render_long(diagnostic, path, &source[start..end], range.start - start);
    }
    // Counting lines for each finding of a long file would take longer than finding them did.
    let number = match diagnostic.span.line {
        0 => source.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1,
        known => known as usize,
    };
    if let (Colours::None, Some(text)) =
        (colours, plain(diagnostic, path, &source[start..end], range.start - start, range.len(), number))
    {
        return text;
    }
    full(diagnostic, path, &source[start..end], range.start - start..range.end - start, number, colours)
}

/// As the library shows it: whatever the characters, and with colours.
fn full(
    diagnostic: &Diagnostic,
    path: &str,
    line: &str,
    range: std::ops::Range<usize>,
    number: usize,
    colours: Colours,
) -> String {
    let excerpt =
        Snippet::source(line).line_start(number).path(path).fold(true).annotation(AnnotationKind::Primary.span(range));
    let mut group: Group<'_> =
        level(diagnostic).primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(excerpt);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match colours {
        Colours::None => Renderer::plain(),
        Colours::Ansi => Renderer::styled(),
    };
    renderer.render(&[group]).to_string()
}

const fn level(diagnostic: &Diagnostic) -> Level<'static> {
    match diagnostic.severity {
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    }
}

const fn level_name(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The widest line that is shown whole.
const WIDTH: usize = 100;

/// The same form for what most findings are: a mark in one short line of plain ASCII. The library takes longer for it than checking
/// a short file does.
fn plain(diagnostic: &Diagnostic, path: &str, line: &str, at: usize, length: usize, number: usize) -> Option<String> {
    let visible = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let line = line.strip_suffix('\n').unwrap_or(line);
    let words = [line, path, &diagnostic.message, diagnostic.help.as_deref().unwrap_or_default()];
    let whole = line.len() <= WIDTH && !line.ends_with(' ') && length > 0 && at + length <= line.len();
    if !whole || !words.into_iter().all(visible) {
        return None;
    }
    let number = number.to_string();
    let (gutter, level) = (" ".repeat(number.len()), level_name(diagnostic));
    let mut out = format!(
        "{level}[{}]: {}\n{gutter}--> {path}:{number}:{}\n{gutter} |\n{number} | {line}\n{gutter} | {:at$}{:^<length$}",
        diagnostic.code,
        diagnostic.message,
        at + 1,
        "",
        "",
    );
    if let Some(help) = &diagnostic.help {
        out.push_str(&format!("\n{gutter} |\n{gutter} = help: {help}"));
    }
    Some(out)
}

/// Longer lines are not given to the renderer, which would take seconds for some of them.
const LONG_LINE: usize = 4096;

/// The same form for a very long line, of which only what is around the place is shown.
fn render_long(diagnostic: &Diagnostic, path: &str, line: &str, at: usize) -> String {
    const AROUND: usize = 60;
    let level = level_name(diagnostic);
    let from = line[..at].char_indices().rev().take(AROUND).last().map_or(at, |(at, _)| at);
    let clean = |text: &str| -> String { text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect() };
    let before = clean(&line[from..at]);
    let after = clean(&line[at..].trim_end().chars().take(AROUND).collect::<String>());
    let number = diagnostic.span.line.to_string();
    let (gutter, pad) = (" ".repeat(number.len()), " ".repeat(before.chars().count()));
    let mut out = format!(
        "{level}[{}]: {}\n{gutter}--> {path}:{number}:{}\n{gutter} |\n{number} | …{before}{after}…\n{gutter} |  {pad}^",
        diagnostic.code, diagnostic.message, diagnostic.span.column
    );
    if let Some(help) = &diagnostic.help {
        out.push_str(&format!("\n{gutter} |\n{gutter} = help: {help}"));
    }
    out
}

/// What to underline: the span, but nothing past its first line, within the text and between characters.
fn mark(diagnostic: &Diagnostic, source: &str) -> std::ops::Range<usize> {
    let clamp = |at: u32| {
        let at = (at as usize).min(source.len());
        (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
    };
    let (start, end) = (clamp(diagnostic.span.start), clamp(diagnostic.span.end));
    // Only within the span: the rest of its line may be a megabyte.
    let end = end.max(start);
    start..source[start..end].find(['\n', '\r']).map_or(end, |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::{Colours, full, plain, render};
    use crate::diagnostic::{Diagnostic, Severity};
    use crate::yaml::Span;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_plain_looks_as_the_library_shows_it(
            line in "[ -~\\t\u{e9}]{0,110}",
            message in "[ -~\u{e9}]{1,160}",
            help in prop::option::of("[ -~]{1,160}"),
            (at, length) in (0_usize..90, 0_usize..90),
            number in prop::sample::select(vec![1_usize, 9, 10, 123, 100_000]),
            error in any::<bool>(),
        ) {
            let end = [String::new(), "\n".to_owned()][number % 2].clone();
            let severity = if error { Severity::Error } else { Severity::Warning };
            let finding = Diagnostic { code: "a-code", severity, message, help, span: Span::default() };
            let line = line + &end;
            if line.is_char_boundary(at)
                && line.is_char_boundary(at + length)
                && let Some(text) = plain(&finding, "a/ci.yml", &line, at, length, number)
            {
                prop_assert_eq!(text, full(&finding, "a/ci.yml", &line, at..at + length, number, Colours::None));
            }
        }
    }

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
    fn of_a_very_long_line_a_part_is_shown() {
        let source = format!("a: 1\n{}HERE{}\n", "é".repeat(5_000), "b".repeat(9_000));
        let at = u32::try_from(source.find("HERE").expect("it is there")).expect("small");
        let span = Span { start: at, end: at + 4, line: 2, column: 5_001, ..Span::default() };
        let finding = Diagnostic { code: "x", severity: Severity::Warning, message: "m".to_owned(), help: None, span };
        let text = render(&finding, "f", &source, Colours::None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(text.len() < 600 && lines[1] == " --> f:2:5001", "{text}");
        assert_eq!(lines[3].chars().position(|c| c == 'H'), lines[4].chars().position(|c| c == '^'));
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
