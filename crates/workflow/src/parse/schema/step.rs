//! Steps of a job, and of a composite action, which knows fewer kinds and contexts.

use super::{
    ANY_TEXT, BOOL, BOOLEAN, Mapping, NON_EMPTY, NUMBER, ONE_OR_MORE, Others, Rule, SOME_TEXT, Shape, TEXTS, at, of,
    optional, places, required,
};

/// `steps` of a job.
pub(super) static STEPS: Shape = of(&[Rule::Sequence(&STEP)]);

static STEP: Shape = of(&[
    Rule::Mapping(&RUN),
    Rule::Mapping(&USES),
    Rule::RareMapping(&WAIT),
    Rule::RareMapping(&WAIT_ALL),
    Rule::RareMapping(&CANCEL),
    Rule::RareMapping(&PARALLEL),
]);

static RUN: Mapping = Mapping {
    keys: &[
        optional("name", &TEXT),
        optional("id", &NON_EMPTY),
        optional("if", &IF),
        optional("timeout-minutes", &MINUTES),
        required("run", &TEXT),
        optional("continue-on-error", &FLAG),
        optional("env", &ENTRIES),
        optional("working-directory", &TEXT),
        optional("shell", &NON_EMPTY),
        optional("background", &BOOL),
    ],
    others: Others::Refused,
};

static USES: Mapping = Mapping {
    keys: &[
        optional("name", &TEXT),
        optional("id", &NON_EMPTY),
        optional("if", &IF),
        optional("continue-on-error", &FLAG),
        optional("timeout-minutes", &MINUTES),
        required("uses", &NON_EMPTY),
        optional("with", &ENTRIES),
        optional("env", &ENTRIES),
        optional("background", &BOOL),
    ],
    others: Others::Refused,
};

static WAIT: Mapping = Mapping {
    keys: &[
        optional("name", &TEXT),
        optional("id", &NON_EMPTY),
        required("wait", &ONE_OR_MORE),
        optional("continue-on-error", &FLAG),
        optional("timeout-minutes", &MINUTES),
    ],
    others: Others::Refused,
};

static WAIT_ALL: Mapping = Mapping {
    keys: &[
        optional("name", &TEXT),
        optional("id", &NON_EMPTY),
        required("wait-all", &NOTHING),
        optional("continue-on-error", &FLAG),
        optional("timeout-minutes", &MINUTES),
    ],
    others: Others::Refused,
};

static CANCEL: Mapping = Mapping {
    keys: &[optional("name", &TEXT), optional("id", &NON_EMPTY), required("cancel", &NON_EMPTY)],
    others: Others::Refused,
};

static PARALLEL: Mapping = Mapping {
    keys: &[optional("name", &TEXT), optional("id", &NON_EMPTY), required("parallel", &PARALLEL_STEPS)],
    others: Others::Refused,
};
static PARALLEL_STEPS: Shape = of(&[Rule::Sequence(&PARALLEL_STEP)]);
static PARALLEL_STEP: Shape = of(&[Rule::Mapping(&RUN), Rule::Mapping(&USES)]);

static NOTHING: Shape = of(&[Rule::Null, Rule::Bool]);
static TEXT: Shape = at(&places::STEP, ANY_TEXT);
static IF: Shape = at(&places::STEP_IF, ANY_TEXT);
static MINUTES: Shape = at(&places::STEP, NUMBER);
static FLAG: Shape = at(&places::STEP, BOOLEAN);
static ENTRIES: Shape = at(&places::STEP, &[Rule::Mapping(&TEXTS)]);

/// `runs.steps` of a composite action.
pub(super) static COMPOSITE_STEPS: Shape = of(&[Rule::Sequence(&COMPOSITE_STEP)]);

static COMPOSITE_STEP: Shape = of(&[Rule::Mapping(&COMPOSITE_RUN), Rule::Mapping(&COMPOSITE_USES)]);

static COMPOSITE_RUN: Mapping = Mapping {
    keys: &[
        optional("name", &COMPOSITE_TEXT),
        optional("id", &NON_EMPTY),
        optional("if", &COMPOSITE_IF),
        required("run", &COMPOSITE_TEXT),
        optional("env", &COMPOSITE_ENTRIES),
        optional("continue-on-error", &COMPOSITE_FLAG),
        optional("working-directory", &COMPOSITE_TEXT),
        required("shell", &COMPOSITE_SHELL),
    ],
    others: Others::Refused,
};

static COMPOSITE_USES: Mapping = Mapping {
    keys: &[
        optional("name", &COMPOSITE_TEXT),
        optional("id", &NON_EMPTY),
        optional("if", &COMPOSITE_IF),
        required("uses", &NON_EMPTY),
        optional("continue-on-error", &COMPOSITE_FLAG),
        optional("with", &COMPOSITE_ENTRIES),
        optional("env", &COMPOSITE_ENTRIES),
    ],
    others: Others::Refused,
};

static COMPOSITE_TEXT: Shape = at(&places::ACTION_STEP, ANY_TEXT);
static COMPOSITE_SHELL: Shape = at(&places::ACTION_STEP, SOME_TEXT);
static COMPOSITE_IF: Shape = at(&places::ACTION_STEP_IF, ANY_TEXT);
static COMPOSITE_FLAG: Shape = at(&places::ACTION_STEP, BOOLEAN);
static COMPOSITE_ENTRIES: Shape = at(&places::ACTION_STEP, &[Rule::Mapping(&TEXTS)]);
