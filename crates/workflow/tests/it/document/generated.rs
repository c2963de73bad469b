//! Files of odd values.

use crate::document::corpora::each_job;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use workflow::plan::{FileReference, Files, PlanOutcome, plan};

/// Texts that YAML, or the language, may take for something else.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("${{ github.sha }}"),
        Just("${{ 'it''s ${{ x }}' }}"),
        Just("${{github.ref}}"),
        Just("${{ format('{0}}}}}', github.ref) }}"),
        Just("{0}"),
        Just("}}"),
        Just("it's"),
        Just("yes"),
        Just("null"),
        Just("1e3"),
        Just("0x1F"),
        Just("2001-01-01"),
        Just(": "),
        Just(" #"),
        Just("- "),
        Just("\n"),
        Just("\r\n"),
        Just("\t"),
        Just("  "),
        Just("\""),
        Just("\\"),
        Just("\u{2028}"),
        Just("\u{85}"),
        Just("\u{feff}"),
        Just("\u{1}"),
        Just("é😀"),
        Just("<<"),
        Just("x"),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e20..1e20f64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

/// A value of a matrix.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[a-z ${}':#\\n-]{0,8}".prop_filter("no expression", |text| !text.contains("${{")).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |n| n.is_finite()).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn mapping() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[A-Z]{1,2}|ON|[a-c]-[x-z]", scalar(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_values(
        script in text(),
        name in text(),
        image in text(),
        env in mapping(),
        with in mapping(),
        outputs in mapping(),
        a in proptest::collection::vec(value(), 1..3),
        b in value(),
        condition in prop_oneof![Just(Value::Null), Just("always()".into()), Just("${{ !cancelled() }}".into()), Just("x ${{ failure() }}".into())],
    ) {
        let file = json!({
            "on": "push",
            "env": env,
            "jobs": { "j": {
                "runs-on": ["a", "${{ github.ref }}"],
                "strategy": { "matrix": { "a": a, "k-b": [b] }, "fail-fast": false },
                "env": env,
                "container": { "image": format!("i{image}"), "env": env },
                "outputs": outputs,
                "continue-on-error": "${{ github.ref != '' }}",
                "timeout-minutes": "${{ 2 }}",
                "steps": [
                    { "name": name, "run": format!("x{script}"), "env": env, "if": condition },
                    { "uses": "a/b@v1", "with": with, "id": "given" },
                ],
            } },
        });
        let main = ".github/workflows/main.yml";
        let mut files = Files::new();
        let file = file.to_string();
        files.insert(FileReference::Local(main.to_owned()), file.as_str());
        match plan(&files, main) {
            PlanOutcome::Ready(plan) => prop_assert!(each_job(*plan, 12 * file.len()) > 0),
            // Expressions that do not fit where they stand; rare enough.
            _ => prop_assume!(false),
        }
    }
}
