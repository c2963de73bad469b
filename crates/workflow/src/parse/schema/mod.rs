//! What may stand where, as data: the shape of workflow files and action manifests. `reader` walks a tree of nodes along it;
//! what a shape cannot say (ids, cycles, `uses`) is checked by the converters beside it.

mod action;
mod activity;
mod event;
mod job;
mod matrix;
mod places;
mod step;
mod workflow;

pub(super) use action::ACTION;
pub(super) use activity::{ACTIVITIES, KNOWN_EVENTS};
pub(super) use workflow::WORKFLOW;

use crate::expr::Availability;

/// What one value may be.
#[derive(Debug)]
pub(super) struct Shape {
    /// What expressions inside may use; as around it when absent, and none at the top.
    pub(super) allows: Option<&'static Availability>,
    /// The alternatives.
    pub(super) of: &'static [Rule],
}

/// One alternative of a value.
#[derive(Debug)]
pub(super) enum Rule {
    /// Nothing.
    Null,
    /// A boolean.
    Bool,
    /// A number.
    Number,
    /// A string; scalars of other types become one when nothing else fits.
    Text(Text),
    /// A sequence of values.
    Sequence(&'static Shape),
    /// A mapping.
    Mapping(&'static Mapping),
    /// A mapping that is not suggested to who left the telling keys out.
    RareMapping(&'static Mapping),
}

/// Which strings.
#[derive(Debug)]
pub(super) enum Text {
    /// Any.
    Any,
    /// Any but the empty one.
    NonEmpty,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `$word`, which the site of a starter workflow replaces before the file is used.
    Placeholder,
}

/// Which keys a mapping may hold.
#[derive(Debug)]
pub(super) struct Mapping {
    /// The known keys.
    pub(super) keys: &'static [Key],
    /// All other keys.
    pub(super) others: Others,
}

/// A known key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) value: &'static Shape,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Optional,
    Required,
}

/// What keys that are not known mean.
#[derive(Debug)]
pub(super) enum Others {
    /// An error.
    Refused,
    /// A warning: the reference lets them pass unread.
    Ignored,
    /// Entries of their own: keys are strings that are not empty.
    Allowed(&'static Shape),
}

const fn optional(name: &'static str, value: &'static Shape) -> Key {
    Key { name, need: Need::Optional, value }
}

const fn required(name: &'static str, value: &'static Shape) -> Key {
    Key { name, need: Need::Required, value }
}

const fn of(of: &'static [Rule]) -> Shape {
    Shape { allows: None, of }
}

const fn at(allows: &'static Availability, of: &'static [Rule]) -> Shape {
    Shape { allows: Some(allows), of }
}

const ANY_TEXT: &[Rule] = &[Rule::Text(Text::Any)];
const SOME_TEXT: &[Rule] = &[Rule::Text(Text::NonEmpty)];
const BOOLEAN: &[Rule] = &[Rule::Bool];
const NUMBER: &[Rule] = &[Rule::Number];
const SCALAR: &[Rule] = &[Rule::Text(Text::Any), Rule::Bool, Rule::Number];

static STRING: Shape = of(ANY_TEXT);
static NON_EMPTY: Shape = of(SOME_TEXT);
static BOOL: Shape = of(BOOLEAN);
static NON_EMPTY_LIST: Shape = of(&[Rule::Sequence(&NON_EMPTY)]);
static ONE_OR_MORE: Shape = of(&[Rule::Text(Text::NonEmpty), Rule::Sequence(&NON_EMPTY)]);

/// Anything at all.
static ANYTHING: Shape = of(&[
    Rule::Null,
    Rule::Bool,
    Rule::Number,
    Rule::Text(Text::Any),
    Rule::Sequence(&ANYTHING),
    Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&ANYTHING) }),
]);

/// `name: text` entries.
static TEXTS: Mapping = Mapping { keys: &[], others: Others::Allowed(&STRING) };
