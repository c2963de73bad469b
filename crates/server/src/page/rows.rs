//! Rows of a log as markup: numbered, coloured, groups folded. Called by `job` for pages and by `live` for streams.
//!
//! Each row is `<div class="r" id="L42">` with a link to itself and its text in `<code>`. On pages groups are `<details>`, folded unless something in
//! them failed or they have not ended. In streams, where a group's end is not known yet, its rows say what they are (`data-g`) and the script folds.

use super::ansi::{Look, paint};
use std::fmt::Write as _;

/// So much of a row is shown; all of it is in the raw text.
const LONGEST: usize = 8 * 1024;
/// Groups within groups are folded up to here.
const DEEPEST: usize = 8;

/// A row to be painted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Its number in the log, from 0.
    pub(crate) number: u64,
    /// When it was written, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The line.
    pub(crate) content: &'a str,
}

/// What a row is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Command,
    Debug,
    Notice,
    Warning,
    Error,
    Group,
    EndGroup,
}

impl Kind {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain | Self::EndGroup => "r",
            Self::Command => "r k-command",
            Self::Debug => "r k-debug",
            Self::Notice => "r k-notice",
            Self::Warning => "r k-warning",
            Self::Error => "r k-error",
            Self::Group => "r k-group",
        }
    }

    /// What says it to those who see no colours.
    const fn label(self) -> &'static str {
        match self {
            Self::Debug => "<b>Debug:</b> ",
            Self::Notice => "<b>Notice:</b> ",
            Self::Warning => "<b>Warning:</b> ",
            Self::Error => "<b>Error:</b> ",
            Self::Plain | Self::Command | Self::Group | Self::EndGroup => "",
        }
    }
}

/// What a row is, and its text without what says so: `##[error]…` as runners write it, `::error file=…::…` as jobs do.
fn kind(content: &str) -> (Kind, &str) {
    let of = |word: &str| match word {
        "command" => Some(Kind::Command),
        "debug" => Some(Kind::Debug),
        "notice" => Some(Kind::Notice),
        "warning" => Some(Kind::Warning),
        "error" => Some(Kind::Error),
        "group" => Some(Kind::Group),
        "endgroup" => Some(Kind::EndGroup),
        _ => None,
    };
    let ours = content.strip_prefix("##[").and_then(|rest| rest.split_once(']'));
    let theirs = || content.strip_prefix("::").and_then(|rest| rest.split_once("::"));
    let Some((head, text)) = ours.or_else(theirs) else { return (Kind::Plain, content) };
    match of(head.split(' ').next().unwrap_or_default()) {
        Some(kind) => (kind, text),
        None => (Kind::Plain, content),
    }
}

/// Paints rows for a page.
pub(crate) fn page(rows: &[Row<'_>], look: &mut Look) -> String {
    let kinds: Vec<(Kind, &str)> = rows.iter().map(|row| kind(row.content)).collect();
    let opened = opened(&kinds);
    let mut out = String::with_capacity(rows.iter().map(|row| row.content.len() + 110).sum());
    let (mut depth, mut deeper) = (0, 0);
    for ((row, (kind, text)), is_open) in rows.iter().zip(&kinds).zip(opened) {
        match kind {
            Kind::Group if depth < DEEPEST => {
                depth += 1;
                out.push_str(if is_open { "<details class=\"g\" open>" } else { "<details class=\"g\">" });
                element("summary", "", row, *kind, text, look, &mut out);
            }
            Kind::EndGroup if deeper > 0 => deeper -= 1,
            Kind::EndGroup if depth > 0 => {
                depth -= 1;
                out.push_str("</details>");
            }
            Kind::EndGroup => {}
            _ => {
                deeper += usize::from(*kind == Kind::Group);
                element("div", "", row, *kind, text, look, &mut out);
            }
        }
    }
    (0..depth).for_each(|_| out.push_str("</details>"));
    out
}

/// Paints rows for a stream: each is an element of its own, in one line.
pub(crate) fn stream(rows: &[Row<'_>], look: &mut Look) -> String {
    let mut out = String::with_capacity(rows.iter().map(|row| row.content.len() + 120).sum());
    for row in rows {
        let (kind, text) = kind(row.content);
        let group = match kind {
            Kind::Group => " data-g=\"1\"",
            Kind::EndGroup => " data-g=\"0\"",
            _ => "",
        };
        element("div", group, row, kind, text, look, &mut out);
    }
    out
}

/// Which groups are open at first: those in which something failed, and those that go on.
fn opened(kinds: &[(Kind, &str)]) -> Vec<bool> {
    let mut opened = vec![false; kinds.len()];
    let mut within = Vec::new();
    for (at, (kind, _)) in kinds.iter().enumerate() {
        match kind {
            Kind::Group => within.push(at),
            Kind::EndGroup => drop(within.pop()),
            Kind::Error => within.iter().for_each(|group| opened[*group] = true),
            _ => {}
        }
    }
    within.into_iter().for_each(|group| opened[group] = true);
    opened
}

fn element(tag: &str, more: &str, row: &Row<'_>, kind: Kind, text: &str, look: &mut Look, out: &mut String) {
    let (number, at) = (row.number + 1, row.at);
    let (class, label) = (kind.class(), kind.label());
    let _ = write!(
        out,
        "<{tag} class=\"{class}\" id=\"L{number}\" data-ms=\"{at}\"{more}><a href=\"?line={number}#L{number}\" data-n=\"{number}\" aria-label=\"line {number}\"></a><code>{label}"
    );
    paint(text, LONGEST, look, out);
    let _ = write!(out, "</code></{tag}>");
}

#[cfg(test)]
mod tests {
    use super::{Row, kind, page, stream};
    use crate::page::ansi::Look;
    use proptest::prelude::*;

    fn rows<'a>(contents: &[&'a str]) -> Vec<Row<'a>> {
        contents.iter().zip(6..).map(|(content, number)| Row { number, at: 5, content }).collect()
    }

    /// What is left of markup for a reader of its structure.
    fn shape(contents: &[&str]) -> String {
        let html = page(&rows(contents), &mut Look::default());
        let mut out = String::new();
        for piece in html.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap();
            match tag {
                "details class=\"g\"" => out.push('('),
                "details class=\"g\" open" => out.push('['),
                "/details" => out.push(')'),
                "code" | "b" | "/b" => out.push_str(text.trim()),
                _ => {}
            }
        }
        out
    }

    #[test]
    fn a_row_has_its_number_its_time_and_a_link_to_itself() {
        let html = page(&rows(&["a<b"]), &mut Look::default());
        assert_eq!(
            html,
            "<div class=\"r\" id=\"L7\" data-ms=\"5\"><a href=\"?line=7#L7\" data-n=\"7\" aria-label=\"line 7\"></a><code>a&lt;b</code></div>"
        );
        let html = stream(&rows(&["::group::x", "##[endgroup]"]), &mut Look::default());
        assert!(html.starts_with("<div class=\"r k-group\" id=\"L7\" data-ms=\"5\" data-g=\"1\">"), "{html}");
        assert!(html.contains("id=\"L8\" data-ms=\"5\" data-g=\"0\">") && !html.contains('\n'));
    }

    #[test]
    fn groups_are_folded_unless_something_failed_in_them_or_they_go_on() {
        assert_eq!(shape(&["a", "##[group]G", "b", "##[endgroup]", "c"]), "a(Gb)c");
        assert_eq!(
            shape(&["::group::G", "::group::H", "::error file=x::bad", "::endgroup::", "::endgroup::"]),
            "[G[HError:bad))"
        );
        assert_eq!(shape(&["##[group]G", "##[group]H", "##[endgroup]", "b"]), "[G(H)b)");
        assert_eq!(shape(&["##[endgroup]", "a"]), "a");
        let deep = vec!["##[group]g"; 20];
        assert_eq!(shape(&deep).matches('[').count(), 8);
    }

    #[test]
    fn only_what_says_what_it_is_is_more_than_text() {
        for plain in ["::x::y", "##[x]y", "a::error::b", "::error", "##[error", " ::group::x"] {
            assert_eq!(format!("{:?}", kind(plain)), format!("(Plain, {plain:?})"));
        }
        assert_eq!(kind("::warning title=a::b::c").1, "b::c");
    }

    proptest! {
        #[test]
        fn whatever_comes_it_is_balanced(contents in prop::collection::vec("(##\\[group\\]|::endgroup::|##\\[endgroup\\]|::group::|##\\[error\\]|<details>|\\PC){0,5}", 0..30)) {
            let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
            let html = page(&rows(&contents), &mut Look::default());
            prop_assert_eq!(html.matches("<details").count(), html.matches("</details>").count());
            prop_assert_eq!(html.matches("<code>").count(), html.matches("</code>").count());
            let html = stream(&rows(&contents), &mut Look::default());
            prop_assert_eq!(html.matches("<div").count(), contents.len());
            prop_assert_eq!(html.matches("<details").count(), 0);
        }
    }
}
