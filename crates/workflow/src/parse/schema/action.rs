//! Action manifests.

use super::step::COMPOSITE_STEPS;
use super::{
    ANY_TEXT, ANYTHING, Mapping, NON_EMPTY, Others, Rule, SOME_TEXT, STRING, Shape, TEXTS, at, of, optional, places,
    required,
};

/// `action.yml`.
pub(in super::super) static ACTION: Shape = of(&[Rule::Mapping(&Mapping {
    keys: &[
        optional("name", &STRING),
        optional("description", &STRING),
        optional("inputs", &INPUTS),
        optional("outputs", &OUTPUTS),
        required("runs", &RUNS),
    ],
    others: Others::Allowed(&ANYTHING),
})]);

static INPUTS: Shape = of(&[Rule::Null, Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&INPUT) })]);
static INPUT: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping { keys: &[optional("default", &INPUT_DEFAULT)], others: Others::Allowed(&ANYTHING) }),
]);
static INPUT_DEFAULT: Shape = at(&places::ACTION_INPUT_DEFAULT, ANY_TEXT);

static OUTPUTS: Shape = of(&[Rule::Null, Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&OUTPUT) })]);
static OUTPUT: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[optional("description", &STRING), optional("value", &OUTPUT_VALUE)],
        others: Others::Refused,
    }),
]);
static OUTPUT_VALUE: Shape = at(&places::ACTION_OUTPUT, ANY_TEXT);

static RUNS: Shape = of(&[Rule::Mapping(&DOCKER), Rule::Mapping(&NODE), Rule::Mapping(&COMPOSITE)]);

static DOCKER: Mapping = Mapping {
    keys: &[
        required("using", &NON_EMPTY),
        required("image", &NON_EMPTY),
        optional("entrypoint", &NON_EMPTY),
        optional("args", &ARGS),
        optional("env", &ENV),
        optional("pre-entrypoint", &NON_EMPTY),
        optional("pre-if", &CONDITION),
        optional("post-entrypoint", &NON_EMPTY),
        optional("post-if", &CONDITION),
    ],
    others: Others::Refused,
};

static NODE: Mapping = Mapping {
    keys: &[
        required("using", &NON_EMPTY),
        required("main", &NON_EMPTY),
        optional("pre", &NON_EMPTY),
        optional("pre-if", &CONDITION),
        optional("post", &NON_EMPTY),
        optional("post-if", &CONDITION),
    ],
    others: Others::Refused,
};

static COMPOSITE: Mapping =
    Mapping { keys: &[required("using", &NON_EMPTY), required("steps", &COMPOSITE_STEPS)], others: Others::Refused };

static ARGS: Shape = of(&[Rule::Sequence(&ARG)]);
static ARG: Shape = at(&places::ACTION_DOCKER, ANY_TEXT);
static ENV: Shape = at(&places::ACTION_DOCKER, &[Rule::Mapping(&TEXTS)]);
static CONDITION: Shape = at(&places::ACTION_CONDITION, SOME_TEXT);
