//! What each context holds (GitHub's "Contexts" reference), as types.

use super::types::Type;
use std::sync::LazyLock;

/// The contexts whose shape does not depend on the file.
pub(crate) fn fixed() -> [(&'static str, Type); 7] {
    static RUNNER: LazyLock<Type> = LazyLock::new(|| {
        Type::strings(&["arch", "debug", "environment", "name", "os", "temp", "tool_cache", "workspace"])
    });
    static JOB: LazyLock<Type> = LazyLock::new(job);
    static STRATEGY: LazyLock<Type> = LazyLock::new(|| {
        Type::strict([
            ("fail-fast", Type::Bool),
            ("job-index", Type::Number),
            ("job-total", Type::Number),
            ("max-parallel", Type::Number),
        ])
    });
    [
        ("github", GITHUB.fixed()),
        ("runner", RUNNER.fixed()),
        ("job", JOB.fixed()),
        ("env", texts()),
        ("vars", texts()),
        ("secrets", texts()),
        ("strategy", STRATEGY.fixed()),
    ]
}

/// The `github` context, whatever the event.
pub(crate) fn github() -> Type {
    GITHUB.fixed()
}

/// A mapping of any names to texts.
pub(crate) fn texts() -> Type {
    static TEXTS: LazyLock<Type> = LazyLock::new(|| Type::map_of(Type::String));
    TEXTS.fixed()
}

/// A mapping of nothing.
pub(crate) fn nothing() -> Type {
    static NOTHING: LazyLock<Type> = LazyLock::new(|| Type::strict::<String>([]));
    NOTHING.fixed()
}

/// What a job that is needed leaves behind.
pub(crate) fn needed_job(outputs: Type) -> Type {
    Type::strict([("outputs", outputs), ("result", Type::String)])
}

/// What a step that ended leaves behind.
pub(crate) fn ended_step(outputs: Type) -> Type {
    Type::strict([("conclusion", Type::String), ("outcome", Type::String), ("outputs", outputs)])
}

static GITHUB: LazyLock<Type> = LazyLock::new(|| {
    let mut github: Vec<(&str, Type)> = [
        "action",
        "action_path",
        "action_ref",
        "action_repository",
        "action_status",
        "actor",
        "actor_id",
        "api_url",
        "artifact_cache_size_limit",
        "artifacts",
        "base_ref",
        "env",
        "event_name",
        "event_path",
        "graphql_url",
        "head_ref",
        "job",
        "job_workflow_sha",
        "output",
        "path",
        "ref",
        "ref_name",
        "ref_type",
        "repository",
        "repository_id",
        "repository_owner",
        "repository_owner_id",
        "repositoryurl",
        "retention_days",
        "run_attempt",
        "run_id",
        "run_number",
        "secret_source",
        "server_url",
        "sha",
        "state",
        "step_summary",
        "token",
        "triggering_actor",
        "workflow",
        "workflow_ref",
        "workflow_sha",
        "workspace",
    ]
    .into_iter()
    .map(|name| (name, Type::String))
    .collect();
    github.push(("ref_protected", Type::Bool));
    github.push(("event", Type::map_of(Type::Any)));
    Type::strict(github)
});

fn job() -> Type {
    let service =
        Type::strict([("id", Type::String), ("network", Type::String), ("ports", Type::map_of(Type::String))]);
    Type::strict([
        ("check_run_id", Type::Number),
        ("container", Type::strings(&["id", "network"])),
        ("services", Type::map_of(service)),
        ("status", Type::String),
        ("workflow_file_path", Type::String),
        ("workflow_ref", Type::String),
        ("workflow_repository", Type::String),
        ("workflow_sha", Type::String),
    ])
}

/// Paths that an outsider can fill with text of their choice; `*` stands for one element. Public lists of script-injection sources.
const UNTRUSTED: &[&str] = &[
    "github.event.issue.title",
    "github.event.issue.body",
    "github.event.pull_request.title",
    "github.event.pull_request.body",
    "github.event.pull_request.head.ref",
    "github.event.pull_request.head.label",
    "github.event.pull_request.head.repo.default_branch",
    "github.event.comment.body",
    "github.event.review.body",
    "github.event.review_comment.body",
    "github.event.discussion.title",
    "github.event.discussion.body",
    "github.event.pages.*.page_name",
    "github.event.commits.*.message",
    "github.event.commits.*.author.email",
    "github.event.commits.*.author.name",
    "github.event.head_commit.message",
    "github.event.head_commit.author.email",
    "github.event.head_commit.author.name",
    "github.event.workflow_run.head_branch",
    "github.event.workflow_run.head_commit.message",
    "github.event.workflow_run.head_commit.author.email",
    "github.event.workflow_run.head_commit.author.name",
    "github.event.workflow_run.pull_requests.*.head.ref",
    "github.head_ref",
];

/// The untrusted path that a property path (lower case, `*` for a filter or an index) is, if it is one.
pub(crate) fn untrusted(path: &[String]) -> Option<&'static str> {
    UNTRUSTED.iter().copied().find(|known| {
        let mut parts = known.split('.');
        path.iter().all(|part| parts.next().is_some_and(|known| known == part || part == "*")) && parts.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_paths_are_whole_paths() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert!(untrusted(&path("github.event.issue.title")).is_some());
        assert!(untrusted(&path("github.event.commits.*.message")).is_some());
        assert!(untrusted(&path("github.event.issue")).is_none());
        assert!(untrusted(&path("github.event.issue.number")).is_none());
    }
}
