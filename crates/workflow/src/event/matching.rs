//! Triggers against events.

use super::{Event, Match, skip_token};
use crate::filters::{PatternFault, Verdict, judge};
use crate::model::{Cron, Filter, Trigger, TriggerKind, Workflow};
use crate::yaml::Spanned;

/// How many changed files a `paths` filter looks at.
const MAX_FILES: usize = 300;
/// The activity types that start a workflow when it names none, where that is not all of them.
const PULL_REQUEST_TYPES: [&str; 3] = ["opened", "synchronize", "reopened"];

/// Whether an event starts a workflow: one of its triggers must say so.
#[must_use]
pub fn starts(workflow: &Workflow, event: &Event) -> Match {
    let mut result = Match::OtherEvent;
    for trigger in &workflow.on {
        match matches(trigger, event) {
            Match::Starts => return Match::Starts,
            Match::OtherEvent => {}
            wrong @ Match::Wrong { .. } => result = wrong,
            held if matches!(result, Match::Wrong { .. }) => drop(held),
            held => result = held,
        }
    }
    result
}

/// What a trigger says to an event.
#[must_use]
pub fn matches(trigger: &Trigger, event: &Event) -> Match {
    if trigger.event.value != event.name {
        return Match::OtherEvent;
    }
    match &trigger.kind {
        TriggerKind::Dispatch(_) | TriggerKind::Call { .. } => Match::Starts,
        TriggerKind::Schedule(crons) => scheduled(crons, event),
        TriggerKind::Event { types, branches, tags, paths, workflows } => {
            let checks: [&dyn Fn() -> Option<Match>; 5] = [
                &|| skipped(event),
                &|| held_by_type(types.as_deref(), event),
                &|| held_by_workflow(workflows, event),
                &|| held_by_reference(branches.as_ref(), tags.as_ref(), event),
                &|| held_by_path(paths.as_ref(), event),
            ];
            checks.into_iter().find_map(|check| check()).unwrap_or(Match::Starts)
        }
    }
}

const fn held(filter: &'static str, why: String) -> Option<Match> {
    Some(Match::HeldBack { filter, why })
}

fn scheduled(crons: &[Cron], event: &Event) -> Match {
    match event.text("/schedule") {
        Some(due) if !crons.iter().any(|cron| cron.cron.value == due) => {
            Match::HeldBack { filter: "schedule", why: format!("none of its crons is '{due}'") }
        }
        _ => Match::Starts,
    }
}

/// A commit message that asks for nothing to run; a push that deletes a ref.
fn skipped(event: &Event) -> Option<Match> {
    let message = match event.name.as_str() {
        "push" => event.head_message.as_deref().or_else(|| event.text("/head_commit/message")),
        "pull_request" => event.head_message.as_deref(),
        _ => return None,
    };
    if event.name == "push" && event.payload.pointer("/deleted").and_then(serde_json::Value::as_bool) == Some(true) {
        return held("push", format!("{} was deleted", event.reference));
    }
    let token = skip_token(message?)?;
    held("commit message", format!("the head commit says '{token}'"))
}

fn held_by_type(types: Option<&[Spanned<String>]>, event: &Event) -> Option<Match> {
    let action = event.action()?;
    let allowed: Vec<&str> = match types {
        Some(types) => types.iter().map(|wanted| wanted.value.as_str()).collect(),
        None if matches!(event.name.as_str(), "pull_request" | "pull_request_target") => PULL_REQUEST_TYPES.to_vec(),
        None => return None,
    };
    if allowed.contains(&action) {
        return None;
    }
    held("types", format!("the activity is '{action}', not {}", one_of(&allowed)))
}

fn held_by_workflow(workflows: &[Spanned<String>], event: &Event) -> Option<Match> {
    if workflows.is_empty() || event.name != "workflow_run" {
        return None;
    }
    let name = event.text("/workflow/name").or_else(|| event.text("/workflow_run/name"))?;
    let wanted: Vec<&str> = workflows.iter().map(|wanted| wanted.value.as_str()).collect();
    if wanted.contains(&name) {
        return None;
    }
    held("workflows", format!("the workflow that ran is '{name}', not {}", one_of(&wanted)))
}

fn one_of(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or ")
}

/// The key of a filter as written.
const fn key(filter: &Filter, plain: &'static str, ignore: &'static str) -> &'static str {
    if filter.ignore { ignore } else { plain }
}

fn held_by_reference(branches: Option<&Filter>, tags: Option<&Filter>, event: &Event) -> Option<Match> {
    let branch_key = |filter| key(filter, "branches", "branches-ignore");
    if event.name != "push" {
        let filter = branches?;
        return held_by_name(filter, branch_key(filter), base_branch(event)?);
    }
    let tag_key = |filter| key(filter, "tags", "tags-ignore");
    match (event.reference.strip_prefix("refs/tags/"), branches, tags) {
        (Some(tag), _, Some(filter)) => held_by_name(filter, tag_key(filter), tag),
        (Some(tag), Some(filter), None) => {
            held(branch_key(filter), format!("'{tag}' is a tag, and only branches are named"))
        }
        (Some(_), None, None) => None,
        (None, branches, tags) => {
            let branch = event.reference.strip_prefix("refs/heads/").unwrap_or(&event.reference);
            match (branches, tags) {
                (Some(filter), _) => held_by_name(filter, branch_key(filter), branch),
                (None, Some(filter)) => {
                    held(tag_key(filter), format!("'{branch}' is a branch, and only tags are named"))
                }
                (None, None) => None,
            }
        }
    }
}

/// The branch that a filter of an event other than `push` is about.
fn base_branch(event: &Event) -> Option<&str> {
    let pointer = match event.name.as_str() {
        "merge_group" => "/merge_group/base_ref",
        "workflow_run" => "/workflow_run/head_branch",
        _ => "/pull_request/base/ref",
    };
    event.text(pointer).map(|branch| branch.strip_prefix("refs/heads/").unwrap_or(branch))
}

fn held_by_name(filter: &Filter, key: &'static str, name: &str) -> Option<Match> {
    match judge(filter, name) {
        Ok(Verdict::Passes) => None,
        Ok(Verdict::Held) => held(key, format!("'{name}' {}", verdict(filter))),
        Err(fault) => Some(wrong(filter, key, fault)),
    }
}

fn wrong(filter: &Filter, key: &'static str, (i, fault): (usize, PatternFault)) -> Match {
    Match::Wrong { filter: key, why: format!("the pattern '{}' is wrong: {fault}", filter.patterns[i].value) }
}

fn verdict(filter: &Filter) -> String {
    let patterns: Vec<&str> = filter.patterns.iter().map(|pattern| pattern.value.as_str()).collect();
    let verb = if filter.ignore { "matches" } else { "does not match" };
    format!("{verb} {}", patterns.join(", "))
}

/// One file that passes is enough. Tags have no changed files.
fn held_by_path(paths: Option<&Filter>, event: &Event) -> Option<Match> {
    let filter = paths?;
    if event.name == "push" && event.reference.starts_with("refs/tags/") {
        return None;
    }
    let files = event.changed_files.as_ref()?;
    let key = key(filter, "paths", "paths-ignore");
    if files.is_empty() {
        return held(key, "no file changed".to_owned());
    }
    for file in files.iter().take(MAX_FILES) {
        match judge(filter, file) {
            Ok(Verdict::Passes) => return None,
            Ok(Verdict::Held) => {}
            Err(fault) => return Some(wrong(filter, key, fault)),
        }
    }
    let which =
        if files.len() == 1 { format!("'{}'", files[0]) } else { format!("each of the {} changed files", files.len()) };
    let why =
        if filter.ignore { verdict(filter) } else { verdict(filter).replace("does not match", "matches none of") };
    held(key, format!("{which} {why}"))
}
