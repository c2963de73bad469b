//! Matrices of the documentation and of the C# reading.

use super::{MatrixFault, expand};
use crate::expr::{parse_json, write_json};
use crate::matrix::display_name;

/// `name -> matrix` of each configuration, compact.
fn configurations(json: &str) -> Vec<String> {
    expand(&parse_json(json).unwrap())
        .unwrap()
        .into_iter()
        .map(|c| {
            let matrix = write_json(&c.matrix).replace('\n', "").replace("  ", "").replace("\": ", "\":");
            format!("{} -> {matrix}", display_name("j", &c.segments))
        })
        .collect()
}

fn faults(json: &str) -> Vec<MatrixFault> {
    expand(&parse_json(json).unwrap()).unwrap_err().into_iter().map(|error| error.fault).collect()
}

#[test]
fn the_first_key_varies_slowest() {
    assert_eq!(
        configurations(r#"{"os":["l","w"],"v":[1,2]}"#),
        [
            r#"j (l, 1) -> {"os":"l","v":1}"#,
            r#"j (l, 2) -> {"os":"l","v":2}"#,
            r#"j (w, 1) -> {"os":"w","v":1}"#,
            r#"j (w, 2) -> {"os":"w","v":2}"#
        ]
    );
}

#[test]
fn excludes_match_loosely_partially_and_nested() {
    assert_eq!(
        configurations(r#"{"os":["l","w"],"v":[1,2],"exclude":[{"os":"L","v":"1"},{"v":2,"os":"w"}]}"#),
        [r#"j (l, 2) -> {"os":"l","v":2}"#, r#"j (w, 1) -> {"os":"w","v":1}"#]
    );
    assert_eq!(
        configurations(r#"{"c":[{"a":1,"b":2},{"a":2,"b":2}],"exclude":[{"c":{"a":1}}]}"#),
        [r#"j (2, 2) -> {"c":{"a":2,"b":2}}"#]
    );
    assert_eq!(configurations(r#"{"c":[[1,2],[1,3]],"exclude":[{"c":[1,2]}]}"#), [r#"j (1, 3) -> {"c":[1,3]}"#]);
    assert!(configurations(r#"{"v":[1],"exclude":[{"v":1}]}"#).is_empty());
}

#[test]
fn includes_extend_base_combinations_or_stand_alone() {
    // The example of the documentation.
    assert_eq!(
        configurations(
            r#"{"fruit":["apple","pear"],"animal":["cat","dog"],"include":[
                {"color":"green"},{"color":"pink","animal":"cat"},{"fruit":"apple","shape":"circle"},
                {"fruit":"banana"},{"fruit":"banana","animal":"cat"}]}"#
        ),
        [
            r#"j (apple, cat) -> {"fruit":"apple","animal":"cat","color":"pink","shape":"circle"}"#,
            r#"j (apple, dog) -> {"fruit":"apple","animal":"dog","color":"green","shape":"circle"}"#,
            r#"j (pear, cat) -> {"fruit":"pear","animal":"cat","color":"pink"}"#,
            r#"j (pear, dog) -> {"fruit":"pear","animal":"dog","color":"green"}"#,
            r#"j (banana) -> {"fruit":"banana"}"#,
            r#"j (banana, cat) -> {"fruit":"banana","animal":"cat"}"#
        ]
    );
}

#[test]
fn an_include_that_matches_only_what_was_excluded_stands_alone() {
    assert_eq!(
        configurations(r#"{"v":[1,2],"exclude":[{"v":1}],"include":[{"x":"y","v":1}]}"#),
        [r#"j (2) -> {"v":2}"#, r#"j (1, y) -> {"v":1,"x":"y"}"#]
    );
}

#[test]
fn include_alone_gives_configurations() {
    assert_eq!(
        configurations(r#"{"include":[{"a":1,"b":{"c":true,"d":null,"e":""}},{"a":1}]}"#),
        [r#"j (1, true) -> {"a":1,"b":{"c":true,"d":null,"e":""}}"#, r#"j (1) -> {"a":1}"#]
    );
}

#[test]
fn faults_are_named() {
    assert_eq!(faults("{}"), [MatrixFault::NoVector]);
    assert_eq!(faults(r#"{"include":[]}"#), [MatrixFault::NoVector]);
    assert_eq!(faults(r#"{"exclude":[]}"#), [MatrixFault::NoVector]);
    assert_eq!(
        faults(r#"{"a":[],"b":[]}"#),
        [MatrixFault::EmptyVector("a".into()), MatrixFault::EmptyVector("b".into())]
    );
    assert_eq!(faults(r#"{"a":[1],"exclude":[{}]}"#), [MatrixFault::EmptyExclude]);
    assert_eq!(faults(r#"{"a":[1],"exclude":[{"b":1}]}"#), [MatrixFault::UnknownExclude("b".into())]);
    assert_eq!(faults(r#"{"a":[1],"include":[{}]}"#), [MatrixFault::EmptyInclude]);
    assert_eq!(faults("[]").len(), 1);
    assert_eq!(faults(r#"{"a":1}"#).len(), 1);
    assert_eq!(faults(r#"{"a":[1],"include":{"b":1}}"#).len(), 1);
}

#[test]
fn at_most_256_configurations() {
    let vector = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(configurations(&format!(r#"{{"a":[{}],"b":[{}]}}"#, vector(16), vector(16))).len(), 256);
    assert_eq!(faults(&format!(r#"{{"a":[{}]}}"#, vector(257))), [MatrixFault::TooMany]);
    assert_eq!(faults(&format!(r#"{{"a":[{}],"include":[{{"a":"x"}}]}}"#, vector(256))), [MatrixFault::TooMany]);
    let huge = (0..30).map(|i| format!(r#""k{i}":[{}]"#, vector(30))).collect::<Vec<_>>().join(",");
    assert_eq!(faults(&format!("{{{huge}}}")), [MatrixFault::TooMany]);
}

#[test]
fn names_are_cut_and_ids_unique() {
    let long = expand(&parse_json(&format!(r#"{{"a":["{}"]}}"#, "ä".repeat(120))).unwrap()).unwrap();
    let name = display_name("j", &long[0].segments);
    assert_eq!(name.chars().count(), 100);
    assert!(name.ends_with("ä..."));
    let ids: Vec<String> = expand(&parse_json(r#"{"a":["x y","x-y","X_y","1","","__p"]}"#).unwrap())
        .unwrap()
        .into_iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(ids, ["x_y", "x-y", "X_y_2", "_1", "job", "_p"]);
}
