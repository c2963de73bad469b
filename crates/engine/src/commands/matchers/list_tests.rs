//! Tests of `list`: single, multi-line and looping matchers.

use super::*;
use crate::commands::matchers::config::parse;

fn list(json: &str) -> MatcherList {
    let mut list = MatcherList::default();
    list.add(&parse(json.as_bytes()).unwrap());
    list
}

fn messages(list: &mut MatcherList, lines: &[&str]) -> Vec<String> {
    let show = |problem: Problem| {
        let text = |value: Option<String>| value.unwrap_or_default();
        format!("{}:{} {} {}", text(problem.file), text(problem.line), text(problem.severity), text(problem.message))
    };
    lines.iter().filter_map(|line| list.line(line, |_| true).problem.map(show)).collect()
}

#[test]
fn one_line() {
    let mut list = list(
        r#"{"problemMatcher":[{"owner":"gcc","severity":"warning","pattern":[{"regexp":"^(.+):(\\d+): (?:(note|error): )?(.*)$","file":1,"line":2,"severity":3,"message":4}]}]}"#,
    );
    assert_eq!(messages(&mut list, &["a.c:1: error: x", "nothing", "b.c:2: y"]), ["a.c:1 error x", "b.c:2 warning y"]);
}

#[test]
fn several_lines_and_a_loop() {
    let json = |repeat: &str| {
        format!(
            r#"{{"problemMatcher":[{{"owner":"lint","pattern":[{{"regexp":"^(\\S+)$","file":1}},{{"regexp":"^  (\\d+) (.*)$","line":1,"message":2{repeat}}}]}}]}}"#
        )
    };
    let lines = ["a.js", "  1 first", "  2 second", "", "  3 lost", "b.js", "  4 third"];
    assert_eq!(messages(&mut list(&json("")), &lines), ["a.js:1  first", "b.js:4  third"]);
    assert_eq!(
        messages(&mut list(&json(",\"loop\":true")), &lines),
        ["a.js:1  first", "a.js:2  second", "b.js:4  third"]
    );
}

#[test]
fn the_last_added_is_asked_first_and_an_owner_has_one() {
    let matcher = |owner: &str, severity: &str| {
        format!(
            r#"{{"problemMatcher":[{{"owner":"{owner}","severity":"{severity}","pattern":[{{"regexp":"^(x)$","message":1}}]}}]}}"#
        )
    };
    let mut list = list(&matcher("a", "error"));
    list.add(&parse(matcher("b", "warning").as_bytes()).unwrap());
    assert_eq!(messages(&mut list, &["x"]), [": warning x"]);
    list.add(&parse(matcher("B", "notice").as_bytes()).unwrap());
    assert_eq!(messages(&mut list, &["x"]), [": notice x"]);
    assert_eq!(list.remove(["b", "c"]), ["B"]);
    assert_eq!(messages(&mut list, &["x"]), [": error x"]);
}

#[test]
fn a_problem_that_makes_no_annotation_leaves_the_line_to_the_next() {
    let mut list = list(
        r#"{"problemMatcher":[{"owner":"a","pattern":[{"regexp":"^(.)","message":1}]},{"owner":"b","pattern":[{"regexp":"^.(.)","message":1}]}]}"#,
    );
    let found = list.line("xy", |problem| problem.message.as_deref() == Some("x"));
    assert_eq!(found.problem.unwrap().message.as_deref(), Some("x"));
    assert_eq!(list.line("xy", |_| false).problem, None);
}

#[test]
fn a_matcher_that_takes_too_long_three_times_is_dropped() {
    let mut list = list(r#"{"problemMatcher":[{"owner":"slow","pattern":[{"regexp":"^((a+)\\2?)+c$","message":0}]}]}"#);
    let evil = "a".repeat(60);
    assert!(list.line(&evil, |_| true).dropped.is_empty());
    assert!(list.line(&evil, |_| true).dropped.is_empty());
    assert_eq!(list.line(&evil, |_| true).dropped, ["slow"]);
    assert!(list.is_empty());
}

#[test]
fn colours_are_not_seen() {
    assert_eq!(without_colours("\u{1b}[1;31merror\u{1b}[0m: \u{1b}[Kx"), "error: Kx");
    assert_eq!(without_colours("plain"), "plain");
}
