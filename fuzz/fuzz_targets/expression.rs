//! An expression: parse, evaluate with a few contexts, write the value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use workflow::expr::{Expression, MapScope, parse_json, write_json};

static SCOPE: LazyLock<MapScope> = LazyLock::new(|| {
    let json = r#"{"github":{"ref":"refs/heads/main","event":{"a":[1,2,{"b":"c"}],"n":null}},"matrix":{"os":"linux","n":1.5},"env":{"A":"x"},"steps":{"s":{"outputs":{"o":"1"}}}}"#;
    let contexts = parse_json(json).expect("valid");
    contexts.as_object().map(|object| MapScope::from_object(object)).unwrap_or_default()
});

fuzz_target!(|text: &str| {
    if let Ok(expression) = Expression::parse(text)
        && let Ok(value) = expression.evaluate(&*SCOPE)
    {
        let _ = write_json(&value);
        let _ = value.to_text();
    }
});
