//! `jobs`.

use super::matrix::STRATEGY;
use super::step::STEPS;
use super::workflow::{DEFAULTS_RUN_MAPPING, PERMISSIONS};
use super::{
    ANY_TEXT, BOOL, BOOLEAN, Mapping, NON_EMPTY, NON_EMPTY_LIST, NUMBER, ONE_OR_MORE, Others, Rule, SCALAR, SOME_TEXT,
    STRING, Shape, TEXTS, Text, at, of, optional, places, required,
};

/// `jobs`.
pub(super) static JOBS: Shape = of(&[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&JOB) })]);

static JOB: Shape = of(&[Rule::Mapping(&NORMAL), Rule::Mapping(&REUSABLE)]);

static NORMAL: Mapping = Mapping {
    keys: &[
        optional("needs", &ONE_OR_MORE),
        optional("if", &IF),
        optional("strategy", &STRATEGY),
        optional("name", &NAME),
        required("runs-on", &RUNS_ON),
        optional("timeout-minutes", &TIMEOUT),
        optional("cancel-timeout-minutes", &CANCEL_TIMEOUT),
        optional("continue-on-error", &CONTINUE_ON_ERROR),
        optional("container", &CONTAINER),
        optional("services", &SERVICES),
        optional("env", &ENV),
        optional("environment", &ENVIRONMENT),
        optional("permissions", &PERMISSIONS),
        optional("concurrency", &CONCURRENCY),
        optional("outputs", &OUTPUTS),
        optional("defaults", &DEFAULTS),
        optional("steps", &STEPS),
        optional("snapshot", &SNAPSHOT),
    ],
    others: Others::Refused,
};

static REUSABLE: Mapping = Mapping {
    keys: &[
        optional("name", &NAME),
        required("uses", &NON_EMPTY),
        optional("with", &WITH),
        optional("secrets", &SECRETS),
        optional("needs", &ONE_OR_MORE),
        optional("if", &IF),
        optional("permissions", &PERMISSIONS),
        optional("concurrency", &CONCURRENCY),
        optional("strategy", &STRATEGY),
    ],
    others: Others::Refused,
};

static IF: Shape = at(&places::JOB_IF, ANY_TEXT);
static NAME: Shape = at(&places::JOB_NAME, ANY_TEXT);
static TIMEOUT: Shape = at(&places::JOB_TIMEOUT, NUMBER);
static CANCEL_TIMEOUT: Shape = at(&places::JOB_CANCEL_TIMEOUT, NUMBER);
static CONTINUE_ON_ERROR: Shape = at(&places::JOB_CONTINUE_ON_ERROR, BOOLEAN);
static ENV: Shape = at(&places::JOB_ENV, &[Rule::Mapping(&TEXTS)]);
static OUTPUTS: Shape = at(&places::JOB_OUTPUTS, &[Rule::Mapping(&TEXTS)]);
static WITH: Shape =
    at(&places::CALL_WITH, &[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&SCALAR_VALUE) })]);
static SECRETS: Shape = at(
    &places::CALL_SECRETS,
    &[
        Rule::Text(Text::OneOf(&["inherit"])),
        Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&SCALAR_VALUE) }),
    ],
);
static SCALAR_VALUE: Shape = of(SCALAR);

static RUNS_ON: Shape = at(
    &places::RUNS_ON,
    &[
        Rule::Text(Text::NonEmpty),
        Rule::Sequence(&NON_EMPTY),
        Rule::Mapping(&Mapping {
            keys: &[optional("group", &NON_EMPTY), optional("labels", &ONE_OR_MORE)],
            others: Others::Refused,
        }),
    ],
);

static ENVIRONMENT: Shape = at(
    &places::ENVIRONMENT,
    &[
        Rule::Text(Text::Any),
        Rule::Mapping(&Mapping {
            keys: &[required("name", &STRING), optional("url", &ENVIRONMENT_URL), optional("deployment", &BOOL)],
            others: Others::Refused,
        }),
    ],
);
static ENVIRONMENT_URL: Shape = at(&places::ENVIRONMENT_URL, ANY_TEXT);

static CONCURRENCY: Shape =
    at(&places::JOB_CONCURRENCY, &[Rule::Text(Text::NonEmpty), Rule::Mapping(&CONCURRENCY_MAPPING)]);

/// The long form of `concurrency`.
pub(super) static CONCURRENCY_MAPPING: Mapping = Mapping {
    keys: &[required("group", &NON_EMPTY), optional("cancel-in-progress", &BOOL), optional("queue", &QUEUE)],
    others: Others::Refused,
};
static QUEUE: Shape = of(&[Rule::Text(Text::OneOf(&["single", "max"]))]);

static DEFAULTS: Shape =
    of(&[Rule::Mapping(&Mapping { keys: &[optional("run", &DEFAULTS_RUN)], others: Others::Refused })]);
static DEFAULTS_RUN: Shape = at(&places::JOB_DEFAULTS, &[Rule::Mapping(&DEFAULTS_RUN_MAPPING)]);

static CONTAINER: Shape = at(
    &places::CONTAINER,
    &[
        Rule::Text(Text::Any),
        Rule::Mapping(&Mapping {
            keys: &[
                optional("image", &NON_EMPTY),
                optional("options", &STRING),
                optional("env", &CONTAINER_ENV),
                optional("ports", &NON_EMPTY_LIST),
                optional("volumes", &NON_EMPTY_LIST),
                optional("credentials", &CONTAINER_CREDENTIALS),
            ],
            others: Others::Refused,
        }),
    ],
);
static CONTAINER_ENV: Shape = at(&places::CONTAINER_ENV, &[Rule::Mapping(&TEXTS)]);
static CONTAINER_CREDENTIALS: Shape = at(&places::CONTAINER_CREDENTIALS, &[Rule::Mapping(&CREDENTIALS)]);
static CREDENTIALS: Mapping =
    Mapping { keys: &[optional("username", &NON_EMPTY), optional("password", &NON_EMPTY)], others: Others::Refused };

static SERVICES: Shape =
    at(&places::SERVICES, &[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&SERVICE) })]);
static SERVICE: Shape = of(&[
    Rule::Text(Text::Any),
    Rule::Mapping(&Mapping {
        keys: &[
            optional("image", &NON_EMPTY),
            optional("options", &STRING),
            optional("entrypoint", &STRING),
            optional("command", &STRING),
            optional("env", &SERVICE_ENV),
            optional("ports", &NON_EMPTY_LIST),
            optional("volumes", &NON_EMPTY_LIST),
            optional("credentials", &SERVICE_CREDENTIALS),
        ],
        others: Others::Refused,
    }),
]);
static SERVICE_ENV: Shape = at(&places::SERVICES_ENV, &[Rule::Mapping(&TEXTS)]);
static SERVICE_CREDENTIALS: Shape = at(&places::SERVICES_CREDENTIALS, &[Rule::Mapping(&CREDENTIALS)]);

static SNAPSHOT: Shape = at(
    &places::SNAPSHOT,
    &[
        Rule::Text(Text::NonEmpty),
        Rule::Mapping(&Mapping {
            keys: &[
                required("image-name", &SNAPSHOT_IMAGE),
                optional("if", &SNAPSHOT_IF),
                optional("version", &NON_EMPTY),
            ],
            others: Others::Refused,
        }),
    ],
);
static SNAPSHOT_IMAGE: Shape = of(SOME_TEXT);
static SNAPSHOT_IF: Shape = at(&places::SNAPSHOT_IF, ANY_TEXT);
