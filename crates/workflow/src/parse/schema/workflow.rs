//! The top of a workflow file.

use super::event::ON;
use super::job::{CONCURRENCY_MAPPING, JOBS};
use super::{
    ANY_TEXT, Mapping, NON_EMPTY, Others, Rule, STRING, Shape, TEXTS, Text, at, of, optional, places, required,
};

/// A workflow file.
pub(in super::super) static WORKFLOW: Shape = of(&[Rule::Mapping(&Mapping {
    keys: &[
        optional("on", &ON),
        optional("name", &STRING),
        optional("description", &STRING),
        optional("run-name", &RUN_NAME),
        optional("defaults", &DEFAULTS),
        optional("env", &ENV),
        optional("permissions", &PERMISSIONS),
        optional("concurrency", &CONCURRENCY),
        required("jobs", &JOBS),
    ],
    others: Others::Refused,
})]);

static RUN_NAME: Shape = at(&places::RUN_NAME, ANY_TEXT);
static ENV: Shape = at(&places::WORKFLOW_ENV, &[Rule::Mapping(&TEXTS)]);
static CONCURRENCY: Shape =
    at(&places::WORKFLOW_CONCURRENCY, &[Rule::Text(Text::Any), Rule::Mapping(&CONCURRENCY_MAPPING)]);
static DEFAULTS: Shape =
    of(&[Rule::Mapping(&Mapping { keys: &[optional("run", &DEFAULTS_RUN)], others: Others::Refused })]);
static DEFAULTS_RUN: Shape = of(&[Rule::Mapping(&DEFAULTS_RUN_MAPPING)]);

/// `shell` and `working-directory`.
pub(super) static DEFAULTS_RUN_MAPPING: Mapping = Mapping {
    keys: &[optional("shell", &NON_EMPTY), optional("working-directory", &NON_EMPTY)],
    others: Others::Refused,
};

/// `permissions`, of a workflow or a job.
pub(super) static PERMISSIONS: Shape = of(&[
    Rule::Text(Text::OneOf(&["read-all", "write-all"])),
    Rule::Mapping(&Mapping {
        keys: &[
            optional("actions", &LEVEL),
            optional("artifact-metadata", &LEVEL),
            optional("attestations", &LEVEL),
            optional("checks", &LEVEL),
            optional("code-quality", &LEVEL),
            optional("contents", &LEVEL),
            optional("copilot-requests", &LEVEL),
            optional("deployments", &LEVEL),
            optional("discussions", &LEVEL),
            optional("drives", &LEVEL),
            optional("id-token", &WRITE_OR_NONE),
            optional("issues", &LEVEL),
            optional("models", &READ_OR_NONE),
            optional("packages", &LEVEL),
            optional("pages", &LEVEL),
            optional("pull-requests", &LEVEL),
            optional("repository-projects", &LEVEL),
            optional("security-events", &LEVEL),
            optional("statuses", &LEVEL),
            optional("vulnerability-alerts", &READ_OR_NONE),
        ],
        others: Others::Refused,
    }),
]);

static LEVEL: Shape = of(&[Rule::Text(Text::OneOf(&["read", "write", "none"]))]);
static WRITE_OR_NONE: Shape = of(&[Rule::Text(Text::OneOf(&["write", "none"]))]);
static READ_OR_NONE: Shape = of(&[Rule::Text(Text::OneOf(&["read", "none"]))]);
