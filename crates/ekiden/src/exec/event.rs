//! The event that a run stands for: its name and payload, from the command line, a file and the local repository.

use super::facts::Facts;
use crate::failure::Failure;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What happened, or is taken to have happened.
#[derive(Debug, Clone)]
pub(crate) struct Occasion {
    /// The event's name.
    pub(crate) name: String,
    /// Its payload.
    pub(crate) payload: Value,
    /// `github.ref`.
    pub(crate) reference: String,
    /// `github.sha`.
    pub(crate) sha: String,
    /// `github.head_ref`: the source branch of a pull request.
    pub(crate) head_ref: String,
    /// `github.base_ref`: the target branch of a pull request.
    pub(crate) base_ref: String,
}

/// Whether an event is about a pull request.
pub(crate) fn is_pull_request(name: &str) -> bool {
    matches!(name, "pull_request" | "pull_request_target")
}

/// The payload in a file: a JSON object.
pub(crate) fn read_payload(path: &Path) -> Result<Map<String, Value>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::not_found(format!("could not read the event's payload {}", path.display())).cause(&error)
    })?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(payload)) => Ok(payload),
        Ok(_) => Err(Failure::invalid(format!("{} holds no JSON object", path.display()))),
        Err(error) => Err(Failure::invalid(format!("{} is no JSON", path.display())).cause(&error)),
    }
}

impl Occasion {
    /// The event `name`. What `given` says wins; what it leaves out comes from the repository.
    pub(crate) fn new(name: &str, given: Option<Map<String, Value>>, facts: &Facts) -> Result<Self, Failure> {
        let mut payload = match name {
            "push" => push(facts)?,
            "workflow_dispatch" => Map::from_iter([("ref".to_owned(), json!(facts.reference()))]),
            _ if is_pull_request(name) => pull_request(facts),
            _ => Map::new(),
        };
        for (key, value) in given.unwrap_or_default() {
            merge(payload.entry(key).or_insert(Value::Null), value);
        }
        payload.entry("repository").or_insert_with(|| facts.repository_json());
        payload.entry("sender").or_insert_with(|| json!({ "login": facts.actor }));
        let payload = Value::Object(payload);

        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (mut reference, mut sha) = (facts.reference(), facts.sha());
        let (mut head_ref, mut base_ref) = (String::new(), String::new());
        if name == "push" {
            reference = text("/ref").unwrap_or(reference);
            sha = text("/after").unwrap_or(sha);
        } else if is_pull_request(name) {
            head_ref = text("/pull_request/head/ref").unwrap_or_default();
            base_ref = text("/pull_request/base/ref").unwrap_or_default();
            if name == "pull_request_target" {
                reference = format!("refs/heads/{base_ref}");
                sha = text("/pull_request/base/sha").unwrap_or(sha);
            } else {
                let number = payload.pointer("/number").and_then(Value::as_u64).unwrap_or(1);
                reference = format!("refs/pull/{number}/merge");
            }
        } else if let Some(given) = text("/ref") {
            // `workflow_dispatch` and others name a branch or tag, in full or not.
            reference = if given.starts_with("refs/") { given } else { format!("refs/heads/{given}") };
        }
        Ok(Self { name: name.to_owned(), payload, reference, sha, head_ref, base_ref })
    }

    /// `github.ref_name` and `github.ref_type`.
    pub(crate) fn short_reference(&self) -> (&str, &'static str) {
        for (prefix, kind) in [("refs/heads/", "branch"), ("refs/tags/", "tag"), ("refs/pull/", "branch")] {
            if let Some(name) = self.reference.strip_prefix(prefix) {
                return (name, kind);
            }
        }
        (&self.reference, "branch")
    }
}

/// Lays `over` over `value`: objects are joined, everything else is replaced.
fn merge(value: &mut Value, over: Value) {
    match (value, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (value, over) => *value = over,
    }
}

fn push(facts: &Facts) -> Result<Map<String, Value>, Failure> {
    let pushed = facts.repository.push_facts(&facts.head).map_err(|error| {
        Failure::platform("could not read the commit that is checked out").cause(&error).fix("git fsck")
    })?;
    let payload = pushed.map(|push| push.payload(&facts.name, facts.remote.as_ref(), &facts.actor));
    match payload {
        Some(Value::Object(mut payload)) => {
            payload.insert("repository".to_owned(), facts.repository_json());
            Ok(payload)
        }
        // A branch without commits.
        _ => {
            Ok(Map::from_iter([("ref".to_owned(), json!(facts.reference())), ("after".to_owned(), json!(facts.sha()))]))
        }
    }
}

fn pull_request(facts: &Facts) -> Map<String, Value> {
    let base = facts.default_branch();
    let base_sha = ["refs/remotes/origin/", "refs/heads/"]
        .iter()
        .find_map(|prefix| facts.repository.resolve(&format!("{prefix}{base}")))
        .map_or_else(|| facts.sha(), |commit| commit.to_string());
    let head = facts.branch();
    let (owner, _) = facts.owner_and_name();
    let side = |reference: &str, sha: &str| {
        json!({
            "ref": reference, "sha": sha, "label": format!("{owner}:{reference}"), "repo": facts.repository_json(), "user": { "login": owner },
        })
    };
    let payload = json!({
        "action": "synchronize",
        "number": 1,
        "pull_request": {
            "number": 1,
            "state": "open",
            "title": format!("{head} into {base}"),
            "body": "",
            "draft": false,
            "merged": false,
            "labels": [],
            "html_url": format!("{}/{}/pull/1", facts.server, facts.name),
            "user": { "login": facts.actor },
            "head": side(&head, &facts.sha()),
            "base": side(&base, &base_sha),
        },
    });
    match payload {
        Value::Object(payload) => payload,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::json;

    #[test]
    fn a_given_payload_wins_over_what_the_repository_says() {
        let mut value = json!({ "a": { "x": 1, "y": 2 }, "b": [1] });
        merge(&mut value, json!({ "a": { "y": 3 }, "b": [2] }));
        assert_eq!(value, json!({ "a": { "x": 1, "y": 3 }, "b": [2] }));
    }
}
