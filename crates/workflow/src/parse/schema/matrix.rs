//! `strategy` and its matrix.

use super::{ANYTHING, BOOLEAN, Mapping, NUMBER, Others, Rule, Shape, Text, at, of, optional, places};

/// `strategy` of a job.
pub(super) static STRATEGY: Shape = at(
    &places::STRATEGY,
    &[Rule::Mapping(&Mapping {
        keys: &[
            optional("fail-fast", &FAIL_FAST),
            optional("max-parallel", &MAX_PARALLEL),
            optional("matrix", &MATRIX),
        ],
        others: Others::Refused,
    })],
);

static FAIL_FAST: Shape = of(BOOLEAN);
static MAX_PARALLEL: Shape = of(NUMBER);
static MATRIX: Shape = of(&[
    Rule::Mapping(&Mapping {
        keys: &[optional("include", &FILTER), optional("exclude", &FILTER)],
        others: Others::Allowed(&VECTOR),
    }),
    Rule::Text(Text::Placeholder),
]);
static FILTER: Shape = of(&[Rule::Sequence(&FILTER_ITEM)]);
static FILTER_ITEM: Shape = of(&[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&ANYTHING) })]);
static VECTOR: Shape = of(&[Rule::Sequence(&ANYTHING)]);
