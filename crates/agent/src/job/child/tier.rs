//! How far the cause of a task is trusted (`security` 1.1), read from what the forge says of the event alone: nothing of the
//! workflow's own text is looked at. Pure.

use super::super::Forks;
use serde_json::{Map, Value};

/// How far an event is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// Anything that an outsider can cause.
    T0,
    /// What somebody caused who may write.
    T1,
    /// A protected branch or tag, a schedule, a manual start.
    T2,
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
        })
    }
}

/// What caused a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another repository than the task's own.
    Fork {
        /// Its name; empty when it is gone.
        repository: String,
    },
    /// Somebody who need not be known to the repository: a comment, an issue, a review.
    Anybody,
    /// Somebody who may write, on a branch or tag that is not known to be protected.
    Writer,
    /// A protected branch or tag.
    Protected,
    /// The clock, or somebody by hand.
    Started,
}

impl Cause {
    /// Reads it from the task's context.
    pub(super) fn of(context: &Map<String, Value>) -> Self {
        let text = |name: &str| context.get(name).and_then(Value::as_str).unwrap_or_default();
        let empty = Value::Null;
        let event = context.get("event").unwrap_or(&empty);
        let name = text("event_name");
        let own = text("repository");
        let fork = |head: Option<&str>| match head {
            Some(head) if head.eq_ignore_ascii_case(own) => None,
            head => Some(Self::Fork { repository: head.unwrap_or_default().to_owned() }),
        };
        let at = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        // Whatever the event is called: what comes from a pull request of a fork stays that. A comment on one has it deeper.
        if event.pointer("/pull_request/head").is_some()
            && let Some(fork) = fork(at("/pull_request/head/repo/full_name"))
        {
            return fork;
        }
        if let Some(head) = event.pointer("/workflow_run/head_repository")
            && let Some(fork) = fork(head.get("full_name").and_then(Value::as_str))
        {
            return fork;
        }
        if event.get("is_fork_pull_request").and_then(Value::as_bool) == Some(true) {
            return Self::Fork { repository: String::new() };
        }
        let protected = context
            .get("ref_protected")
            .is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"));
        match name {
            // Without the pull request there is nothing to tell where it comes from.
            "pull_request" | "pull_request_target" if event.pointer("/pull_request/head").is_none() => {
                Self::Fork { repository: String::new() }
            }
            "issues"
            | "issue_comment"
            | "discussion"
            | "discussion_comment"
            | "fork"
            | "watch"
            | "gollum"
            | "pull_request_comment"
            | "pull_request_review"
            | "pull_request_review_comment" => Self::Anybody,
            "schedule" | "workflow_dispatch" | "repository_dispatch" => Self::Started,
            _ if protected => Self::Protected,
            _ => Self::Writer,
        }
    }

    pub(super) const fn tier(&self) -> Tier {
        match self {
            Self::Fork { .. } | Self::Anybody => Tier::T0,
            Self::Writer => Tier::T1,
            Self::Protected | Self::Started => Tier::T2,
        }
    }

    /// Whether the machine's owner does not want it.
    pub(super) fn refusal(&self, forks: Forks) -> Option<String> {
        match (self, forks) {
            (Self::Fork { repository }, Forks::Refuse) => {
                let whose = if repository.is_empty() { "a fork".to_owned() } else { format!("the fork {repository}") };
                Some(format!(
                    "This runner takes no jobs that forks cause (forks = \"refuse\"), and {whose} caused this one. The runner's owner can run such \
                     jobs confined: forks = \"confined\""
                ))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fork { repository } if repository.is_empty() => f.write_str("caused by a fork"),
            Self::Fork { repository } => write!(f, "caused by the fork {repository}"),
            Self::Anybody => f.write_str("an event that anybody can cause"),
            Self::Writer => f.write_str("caused by somebody who may write"),
            Self::Protected => f.write_str("a protected branch or tag"),
            Self::Started => f.write_str("started by the clock or by hand"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Tier};
    use crate::job::Forks;
    use serde_json::{Value, json};

    fn cause(name: &str, event: Value) -> Cause {
        let context = json!({"event_name": name, "repository": "o/r", "event": event});
        Cause::of(context.as_object().unwrap())
    }

    fn pull(head: Value) -> Value {
        json!({"pull_request": {"head": {"repo": head}, "base": {"repo": {"full_name": "o/r"}}}})
    }

    #[test]
    fn a_fork_is_a_fork_under_every_event() {
        let fork = Cause::Fork { repository: "x/r".to_owned() };
        for name in ["pull_request", "pull_request_target", "pull_request_review", "issue_comment", "push"] {
            assert_eq!(cause(name, pull(json!({"full_name": "x/r"}))), fork, "{name}");
        }
        assert_eq!(cause("workflow_run", json!({"workflow_run": {"head_repository": {"full_name": "x/r"}}})), fork);
        // The fork was deleted: nobody knows whose it was.
        let gone = Cause::Fork { repository: String::new() };
        assert_eq!(cause("pull_request", pull(Value::Null)), gone);
        assert_eq!(cause("pull_request", json!({})), gone);
        assert_eq!(gone.tier(), Tier::T0);
    }

    #[test]
    fn the_own_repository_is_no_fork() {
        assert_eq!(cause("pull_request", pull(json!({"full_name": "O/R"}))), Cause::Writer);
        assert_eq!(cause("push", json!({})).tier(), Tier::T1);
        assert_eq!(cause("schedule", json!({})).tier(), Tier::T2);
        assert_eq!(cause("issue_comment", json!({"comment": {}})).tier(), Tier::T0);
        let context = json!({"event_name": "push", "repository": "o/r", "ref_protected": true});
        assert_eq!(Cause::of(context.as_object().unwrap()).tier(), Tier::T2);
    }

    #[test]
    fn only_forks_are_refused() {
        let fork = Cause::Fork { repository: "x/r".to_owned() };
        assert!(fork.refusal(Forks::Refuse).unwrap().contains("the fork x/r"));
        assert_eq!(fork.refusal(Forks::Confined), None);
        assert_eq!(Cause::Anybody.refusal(Forks::Refuse), None);
    }
}
