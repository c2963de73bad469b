//! What is known of widely used actions: their inputs, outputs and the oldest major version whose node still runs.

use std::sync::{LazyLock, OnceLock};

const TABLE: &str = include_str!("popular_actions.txt");

/// The lines of the table; of each, the facts are read when they are first asked for.
static ACTIONS: LazyLock<Vec<Line>> = LazyLock::new(|| TABLE.lines().filter_map(Line::of).collect());

/// What the table says of one action.
#[derive(Debug)]
struct Line {
    name: &'static str,
    facts: &'static str,
    read: OnceLock<Option<PopularAction>>,
}

impl Line {
    fn of(line: &'static str) -> Option<Self> {
        let (name, facts) = line.split_once(' ').filter(|(name, _)| !name.starts_with('#'))?;
        Some(Self { name, facts, read: OnceLock::new() })
    }
}

/// The facts of one action.
#[derive(Debug, Clone)]
pub(crate) struct PopularAction {
    /// Versions below this major ask for a node that no runner has.
    pub(crate) oldest: u32,
    /// Known inputs; `None` when it takes any.
    pub(crate) inputs: Option<Vec<PopularInput>>,
    /// Known outputs; `None` when it gives any.
    pub(crate) outputs: Option<Vec<&'static str>>,
}

/// One input of a known action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PopularInput {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is known of it.
    pub(crate) kind: InputKind,
}

/// What is known of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// It may be given.
    Optional,
    /// It must be given.
    Required,
    /// It should no longer be given.
    Deprecated,
}

/// Looks up `owner/repo[/path]`, ignoring case.
pub(crate) fn action(name: &str) -> Option<&'static PopularAction> {
    let line = ACTIONS.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
    line.read.get_or_init(|| read(line.facts)).as_ref()
}

/// The names of its known inputs; none where it takes any.
pub(crate) fn input_names(name: &str) -> Vec<&'static str> {
    let inputs = action(name).and_then(|action| action.inputs.as_deref()).unwrap_or_default();
    inputs.iter().map(|input| input.name).collect()
}

fn read(facts: &'static str) -> Option<PopularAction> {
    let mut columns = facts.split('|').map(str::trim);
    let oldest = columns.next()?.rsplit(' ').next()?.parse().ok()?;
    let (inputs, outputs) = (columns.next()?, columns.next()?);
    let inputs = (!inputs.split(' ').any(|word| word == "-"))
        .then(|| inputs.split(' ').filter(|word| !word.is_empty()).map(input).collect());
    let outputs = (outputs != "-").then(|| outputs.split(' ').filter(|word| !word.is_empty()).collect());
    Some(PopularAction { oldest, inputs, outputs })
}

fn input(word: &'static str) -> PopularInput {
    if let Some(name) = word.strip_prefix('!') {
        return PopularInput { name, kind: InputKind::Required };
    }
    match word.strip_prefix('~') {
        Some(name) => PopularInput { name, kind: InputKind::Deprecated },
        None => PopularInput { name: word, kind: InputKind::Optional },
    }
}

/// The major version that a reference names: `v4`, `v4.1.0`, `4`; `None` for branches and commits.
pub(crate) fn major(reference: &str) -> Option<u32> {
    let digits = reference.strip_prefix('v').unwrap_or(reference);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let rest = &digits[end..];
    if end == 0 || end > 4 || !(rest.is_empty() || rest.starts_with('.')) {
        return None;
    }
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_well_formed() {
        let names: Vec<_> = TABLE.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(' ').next()).collect();
        assert!(names.len() > 50);
        for name in names {
            let action = action(name).unwrap_or_else(|| panic!("{name}"));
            assert!(action.inputs.as_ref().is_none_or(|inputs| inputs.iter().all(|i| !i.name.is_empty())), "{name}");
        }
    }

    #[test]
    fn names_are_whole_and_ignore_case() {
        let checkout = action("Actions/Checkout").expect("known");
        assert_eq!((checkout.oldest, checkout.outputs.clone()), (4, Some(vec!["ref", "commit"])));
        assert!(action("actions/check").is_none());
    }

    #[test]
    fn majors_come_from_tags_only() {
        assert_eq!((major("v4"), major("v4.1.2"), major("2"), major("v2.x")), (Some(4), Some(4), Some(2), Some(2)));
        assert_eq!(
            (major("main"), major("release/v1"), major("08c6903cd8c0fde910a37f88322edcfb5dd907a8")),
            (None, None, None)
        );
        assert_eq!(major("v3-node20"), None);
    }
}
