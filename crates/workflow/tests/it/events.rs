//! Which events start which workflows.

use serde_json::{Value as Json, json};
use workflow::event::{Event, Match, starts};
use workflow::model::Workflow;
use workflow::parse;
use workflow::yaml::FileId;

fn workflow(on: &str) -> Workflow {
    let text = format!("on:\n{on}\njobs:\n  a:\n    runs-on: x\n    steps: [{{run: x}}]\n");
    let parsed = parse::workflow(FileId(0), "w.yml", &text);
    parsed.value.unwrap_or_else(|| panic!("{text}: {:?}", parsed.diagnostics))
}

fn event(name: &str, reference: &str, payload: Json) -> Event {
    Event { name: name.to_owned(), reference: reference.to_owned(), payload, ..Event::default() }
}

fn push(reference: &str) -> Event {
    event("push", reference, json!({}))
}

fn changed(event: Event, files: &[&str]) -> Event {
    Event { changed_files: Some(files.iter().map(|file| (*file).to_owned()).collect()), ..event }
}

/// `yes`, or the filter that holds it back.
fn verdict(on: &str, event: &Event) -> String {
    match starts(&workflow(on), event) {
        Match::Starts => "yes".to_owned(),
        Match::OtherEvent => "other".to_owned(),
        Match::HeldBack { filter, why } => {
            assert!(!why.is_empty());
            filter.to_owned()
        }
        Match::Wrong { filter, why } => format!("{filter}: {why}"),
    }
}

#[test]
fn pushes() {
    let (main, dev, tag) = (push("refs/heads/main"), push("refs/heads/dev/x"), push("refs/tags/v1.2"));
    let rows: &[(&str, [&str; 3])] = &[
        ("  push:", ["yes", "yes", "yes"]),
        ("  push: {branches: [main]}", ["yes", "branches", "branches"]),
        ("  push: {branches: '**'}", ["yes", "yes", "branches"]),
        ("  push: {branches-ignore: ['dev/**']}", ["yes", "branches-ignore", "branches-ignore"]),
        ("  push: {tags: ['v*']}", ["tags", "tags", "yes"]),
        ("  push: {tags-ignore: ['v1*']}", ["tags-ignore", "tags-ignore", "tags-ignore"]),
        ("  push: {branches: [main], tags: ['v2*']}", ["yes", "branches", "tags"]),
        ("  push: {branches: ['**', '!dev/**'], tags: ['*']}", ["yes", "branches", "yes"]),
        ("  pull_request:", ["other", "other", "other"]),
        ("  pull_request:\n  push: {branches: [x]}", ["branches", "branches", "branches"]),
    ];
    for (on, wanted) in rows {
        let found = [&main, &dev, &tag].map(|event| verdict(on, event));
        assert_eq!(found, *wanted, "{on}");
    }
}

#[test]
fn a_pattern_that_is_none_is_no_filter_that_holds_back() {
    let main = changed(push("refs/heads/main"), &["a"]);
    for (on, wanted) in [
        ("  push: {branches: [main, 'rel-[z-a]']}", "branches: the pattern 'rel-[z-a]' is wrong: "),
        ("  push: {paths-ignore: ['[']}", "paths-ignore: the pattern '[' is wrong: "),
        ("  push: {branches: ['[']}\n  pull_request:", "branches: the pattern '[' is wrong: "),
    ] {
        let found = verdict(on, &main);
        assert!(found.starts_with(wanted), "{on}: {found}");
    }
    // Nobody asks it about a tag.
    assert_eq!(verdict("  push: {branches: ['['], tags: ['*']}", &push("refs/tags/v1")), "yes");
}

/// nektos/act#454: paths are looked at.
#[test]
fn paths() {
    let on = "  push: {branches: [main], tags: ['*'], paths: ['src/**', '!src/**.md']}";
    let main = || push("refs/heads/main");
    assert_eq!(verdict(on, &main()), "yes", "nobody knows the files");
    assert_eq!(verdict(on, &changed(main(), &[])), "paths");
    assert_eq!(verdict(on, &changed(main(), &["README", "src/a.rs"])), "yes");
    assert_eq!(verdict(on, &changed(main(), &["README", "src/a.md"])), "paths");
    assert_eq!(verdict(on, &changed(push("refs/heads/dev"), &["src/a.rs"])), "branches");
    assert_eq!(verdict(on, &changed(push("refs/tags/v1"), &["README"])), "yes");
    let ignore = "  push: {paths-ignore: ['docs/**']}";
    assert_eq!(verdict(ignore, &changed(main(), &["docs/a", "docs/b"])), "paths-ignore");
    assert_eq!(verdict(ignore, &changed(main(), &["docs/a", "src/b"])), "yes");
    let many: Vec<String> = (0..400).map(|i| if i < 300 { format!("docs/{i}") } else { format!("src/{i}") }).collect();
    let many = Event { changed_files: Some(many), ..main() };
    assert_eq!(verdict(ignore, &many), "paths-ignore", "only the first 300 files count");
}

#[test]
fn the_reason_names_what_was_seen() {
    let why = |on: &str, event: &Event| match starts(&workflow(on), event) {
        Match::HeldBack { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why("  push: {branches: [main, 'v*']}", &push("refs/heads/dev")), "'dev' does not match main, v*");
    assert_eq!(why("  push: {branches: [main]}", &push("refs/tags/v1")), "'v1' is a tag, and only branches are named");
    let files = changed(push("refs/heads/main"), &["a", "b"]);
    assert_eq!(why("  push: {paths: [src/**]}", &files), "each of the 2 changed files matches none of src/**");
    assert_eq!(why("  push: {paths-ignore: ['*']}", &changed(push("refs/heads/main"), &["a"])), "'a' matches *");
}

#[test]
fn pull_requests_filter_on_types_and_base() {
    let pr = |action: &str, base: &str| {
        event("pull_request", "refs/pull/1/merge", json!({"action": action, "pull_request": {"base": {"ref": base}}}))
    };
    assert_eq!(verdict("  pull_request:", &pr("opened", "main")), "yes");
    assert_eq!(verdict("  pull_request:", &pr("labeled", "main")), "types");
    assert_eq!(verdict("  pull_request: {types: [labeled]}", &pr("labeled", "main")), "yes");
    assert_eq!(verdict("  pull_request: {branches: ['release/**']}", &pr("opened", "release/1/x")), "yes");
    assert_eq!(verdict("  pull_request: {branches: ['release/**']}", &pr("opened", "main")), "branches");
    assert_eq!(verdict("  pull_request: {branches-ignore: [main]}", &pr("opened", "main")), "branches-ignore");
    assert_eq!(
        verdict("  pull_request: {branches: [main]}", &event("pull_request", "refs/pull/1/merge", Json::Null)),
        "yes"
    );
    assert_eq!(verdict("  pull_request_target:", &pr("opened", "main")), "other");
}

#[test]
fn other_events() {
    let run = |name: &str, branch: &str| {
        event(
            "workflow_run",
            "refs/heads/main",
            json!({"action": "completed", "workflow": {"name": name}, "workflow_run": {"head_branch": branch}}),
        )
    };
    let on = "  workflow_run: {workflows: [Build, Test], types: [completed], branches: [main]}";
    assert_eq!(verdict(on, &run("Build", "main")), "yes");
    assert_eq!(verdict(on, &run("Lint", "main")), "workflows");
    assert_eq!(verdict(on, &run("Test", "dev")), "branches");
    assert_eq!(verdict("  issues:", &event("issues", "", json!({"action": "anything"}))), "yes");
    assert_eq!(verdict("  issues: {types: [opened]}", &event("issues", "", json!({"action": "closed"}))), "types");
    assert_eq!(
        verdict("  repository_dispatch: {types: [go]}", &event("repository_dispatch", "", json!({"action": "stop"}))),
        "types"
    );
    let group =
        event("merge_group", "", json!({"action": "checks_requested", "merge_group": {"base_ref": "refs/heads/main"}}));
    assert_eq!(verdict("  merge_group: {branches: [main]}", &group), "yes");
    assert_eq!(verdict("  merge_group: {branches: [dev]}", &group), "branches");
    let crons = "  schedule: [{cron: '0 1 * * *'}, {cron: '30 2 * * 1'}]";
    assert_eq!(verdict(crons, &event("schedule", "", json!({"schedule": "30 2 * * 1"}))), "yes");
    assert_eq!(verdict(crons, &event("schedule", "", json!({"schedule": "0 0 * * *"}))), "schedule");
    assert_eq!(verdict(crons, &event("schedule", "", json!({}))), "yes");
}

#[test]
fn commit_messages_and_deletions_hold_back() {
    let says = |name: &str, message: &str| event(name, "refs/heads/main", json!({"head_commit": {"message": message}}));
    assert_eq!(verdict("  push:", &says("push", "x [skip ci]")), "commit message");
    assert_eq!(verdict("  workflow_dispatch:", &says("workflow_dispatch", "x [skip ci]")), "yes");
    let pr =
        Event { head_message: Some("[no ci]".to_owned()), ..event("pull_request", "", json!({"action": "opened"})) };
    assert_eq!(verdict("  pull_request:", &pr), "commit message");
    assert_eq!(verdict("  push:", &event("push", "refs/heads/x", json!({"deleted": true}))), "push");
}
