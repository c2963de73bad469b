//! `on`: the events and their keys.

use super::{
    ANYTHING, BOOL, Mapping, NON_EMPTY, ONE_OR_MORE, Others, Rule, SCALAR, STRING, Shape, Text, at, of, optional,
    places, required,
};

/// `on`. Keys inside an event that nobody knows are warnings, as the reference lets them pass; wrong types are errors.
pub(super) static ON: Shape = of(&[
    Rule::Text(Text::NonEmpty),
    Rule::Sequence(&NON_EMPTY),
    Rule::Mapping(&Mapping {
        keys: &[
            optional("push", &PUSH),
            optional("pull_request", &PULL_REQUEST),
            optional("pull_request_target", &PULL_REQUEST),
            optional("merge_group", &BRANCHES),
            optional("workflow_run", &WORKFLOW_RUN),
            optional("image_version", &IMAGE_VERSION),
            optional("repository_dispatch", &TYPES),
            optional("branch_protection_rule", &TYPES),
            optional("check_run", &TYPES),
            optional("check_suite", &TYPES),
            optional("create", &TYPES),
            optional("delete", &TYPES),
            optional("deployment", &TYPES),
            optional("deployment_status", &TYPES),
            optional("discussion", &TYPES),
            optional("discussion_comment", &TYPES),
            optional("fork", &TYPES),
            optional("gollum", &TYPES),
            optional("issue_comment", &TYPES),
            optional("issues", &TYPES),
            optional("label", &TYPES),
            optional("milestone", &TYPES),
            optional("page_build", &TYPES),
            optional("project", &TYPES),
            optional("project_card", &TYPES),
            optional("project_column", &TYPES),
            optional("public", &TYPES),
            optional("pull_request_comment", &TYPES),
            optional("pull_request_review", &TYPES),
            optional("pull_request_review_comment", &TYPES),
            optional("registry_package", &TYPES),
            optional("release", &TYPES),
            optional("status", &TYPES),
            optional("watch", &TYPES),
            optional("schedule", &SCHEDULE),
            optional("workflow_dispatch", &DISPATCH),
            optional("workflow_call", &CALL),
        ],
        others: Others::Allowed(&ANYTHING),
    }),
]);

static PATTERNS: Shape = of(&[Rule::Null, Rule::Text(Text::NonEmpty), Rule::Sequence(&NON_EMPTY)]);

static PUSH: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[
            optional("branches", &PATTERNS),
            optional("branches-ignore", &PATTERNS),
            optional("tags", &PATTERNS),
            optional("tags-ignore", &PATTERNS),
            optional("paths", &PATTERNS),
            optional("paths-ignore", &PATTERNS),
        ],
        others: Others::Ignored,
    }),
]);

static PULL_REQUEST: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[
            optional("types", &PATTERNS),
            optional("branches", &PATTERNS),
            optional("branches-ignore", &PATTERNS),
            optional("paths", &PATTERNS),
            optional("paths-ignore", &PATTERNS),
        ],
        others: Others::Ignored,
    }),
]);

static BRANCHES: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[optional("types", &PATTERNS), optional("branches", &PATTERNS), optional("branches-ignore", &PATTERNS)],
        others: Others::Ignored,
    }),
]);

static WORKFLOW_RUN: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[
            optional("types", &PATTERNS),
            optional("workflows", &PATTERNS),
            optional("branches", &PATTERNS),
            optional("branches-ignore", &PATTERNS),
        ],
        others: Others::Ignored,
    }),
]);

static IMAGE_VERSION: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[optional("types", &PATTERNS), optional("names", &PATTERNS), optional("versions", &PATTERNS)],
        others: Others::Ignored,
    }),
]);

static TYPES: Shape =
    of(&[Rule::Null, Rule::Mapping(&Mapping { keys: &[optional("types", &PATTERNS)], others: Others::Ignored })]);

static SCHEDULE: Shape = of(&[Rule::Sequence(&CRON)]);
static CRON: Shape = of(&[Rule::Mapping(&Mapping {
    keys: &[required("cron", &NON_EMPTY), optional("timezone", &NON_EMPTY)],
    others: Others::Ignored,
})]);

static DISPATCH: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping { keys: &[optional("inputs", &DISPATCH_INPUTS)], others: Others::Ignored }),
]);
static DISPATCH_INPUTS: Shape =
    of(&[Rule::Null, Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&DISPATCH_INPUT) })]);
static DISPATCH_INPUT: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[
            optional("type", &DISPATCH_TYPE),
            optional("required", &BOOL),
            optional("default", &LITERAL),
            optional("description", &STRING),
            optional("options", &ONE_OR_MORE),
            optional("deprecationMessage", &STRING),
        ],
        others: Others::Ignored,
    }),
]);
static DISPATCH_TYPE: Shape = of(&[Rule::Text(Text::OneOf(&["string", "boolean", "number", "choice", "environment"]))]);
static LITERAL: Shape = of(SCALAR);

static CALL: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[
            optional("inputs", &CALL_INPUTS),
            optional("secrets", &CALL_SECRETS),
            optional("outputs", &CALL_OUTPUTS),
        ],
        others: Others::Refused,
    }),
]);
static CALL_INPUTS: Shape = of(&[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&CALL_INPUT) })]);
static CALL_INPUT: Shape = of(&[Rule::Mapping(&Mapping {
    keys: &[
        optional("description", &STRING),
        required("type", &CALL_TYPE),
        optional("required", &BOOL),
        optional("default", &CALL_DEFAULT),
    ],
    others: Others::Refused,
})]);
static CALL_TYPE: Shape = of(&[Rule::Text(Text::OneOf(&["string", "boolean", "number"]))]);
static CALL_DEFAULT: Shape = at(&places::CALL_INPUT_DEFAULT, SCALAR);
static CALL_SECRETS: Shape = of(&[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&CALL_SECRET) })]);
static CALL_SECRET: Shape = of(&[
    Rule::Null,
    Rule::Mapping(&Mapping {
        keys: &[optional("description", &STRING), optional("required", &BOOL)],
        others: Others::Refused,
    }),
]);
static CALL_OUTPUTS: Shape = of(&[Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&CALL_OUTPUT) })]);
static CALL_OUTPUT: Shape = of(&[Rule::Mapping(&Mapping {
    keys: &[optional("description", &STRING), required("value", &CALL_OUTPUT_VALUE)],
    others: Others::Refused,
})]);
static CALL_OUTPUT_VALUE: Shape = at(&places::CALL_OUTPUT, &[Rule::Text(Text::Any)]);
