//! What a label or a pool may be called. Asked where tokens are made that name them, and where runners say theirs (`runner-protocol` 3.2).

/// No label is longer, in bytes.
const LONGEST_LABEL: usize = 255;

/// Where jobs run, as runners write it.
const PLACES: [&str; 3] = ["host", "docker", "lxc"];

/// So many characters of a label are said again where it is refused.
const SAID: usize = 64;

/// What is wrong with a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    /// Nothing is in it.
    #[error("is empty")]
    Empty,
    /// Nobody can show it.
    #[error("is longer than {LONGEST_LABEL} bytes")]
    Long,
    /// It would move the cursors of terminals.
    #[error("holds a control character")]
    Control,
}

/// Whether a label can be kept, and shown to people on terminals. It may hold spaces, as with Gitea.
///
/// # Errors
/// When it cannot.
pub fn sound_label(label: &str) -> Result<(), LabelFault> {
    if label.trim().is_empty() {
        return Err(LabelFault::Empty);
    }
    if label.len() > LONGEST_LABEL {
        return Err(LabelFault::Long);
    }
    if label.contains(char::is_control) { Err(LabelFault::Control) } else { Ok(()) }
}

/// The label in what some versions of the forges' runners write with where its jobs run: `NAME:host`, `NAME:docker://IMAGE`. Jobs ask for the name. Another colon is
/// a letter of the label.
pub(crate) fn bare_label(label: &str) -> &str {
    let is_place = |place: &str| PLACES.contains(&place.split_once("://").map_or(place, |(kind, _)| kind));
    match label.split_once(':') {
        Some((name, place)) if !name.trim().is_empty() && is_place(place) => name,
        _ => label,
    }
}

/// A label as a message names it: short, and without what would move a cursor.
pub(crate) fn quoted_label(label: &str) -> String {
    match label.char_indices().nth(SAID) {
        Some((end, _)) => format!("{:?}…", &label[..end]),
        None => format!("{label:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelFault, quoted_label, sound_label};

    #[test]
    fn labels() {
        for good in ["linux", "macOS 15", "gpu:docker://x:1", &"x".repeat(255)] {
            assert_eq!(sound_label(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", LabelFault::Empty),
            (" \t", LabelFault::Empty),
            ("a\u{1b}b", LabelFault::Control),
            (&"x".repeat(256), LabelFault::Long),
        ] {
            assert_eq!(sound_label(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_refused_label_is_named_and_moves_no_cursor() {
        assert_eq!(quoted_label("a\u{1b}\u{9b}b"), r#""a\u{1b}\u{9b}b""#);
        assert_eq!(quoted_label(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(quoted_label(&"é".repeat(65)), format!("\"{}\"…", "é".repeat(64)));
    }
}
