//! Known answers: every case of the public expression data (`actions/languageservices`, `expressions/testdata`).

use crate::conformance;
use serde_json::Value as Json;
use workflow::expr::{Availability, EvaluationError, Expression, MapScope, Object, Value};

#[test]
fn every_case_gives_the_known_answer() {
    let Some(root) = conformance::folder() else { return };
    let mut cases = 0;
    let mut faults = Vec::new();
    for path in conformance::files(&root.join("expressions"), "json") {
        let groups: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for (group, list) in groups.as_object().unwrap() {
            for (i, case) in list.as_array().unwrap().iter().enumerate() {
                if skips_us(case) {
                    continue;
                }
                cases += 1;
                if let Err(fault) = check(case) {
                    faults.push(format!("{}:{group}#{i} {}: {fault}", path.display(), case["expr"]));
                }
            }
        }
    }
    assert!(cases > 0, "no cases under {}", root.display());
    assert!(faults.is_empty(), "{} of {cases} cases fail:\n{}", faults.len(), faults.join("\n"));
}

/// Cases may skip one of the two implementations; ours follows the one in C#.
fn skips_us(case: &Json) -> bool {
    case["options"]["skip"].as_array().is_some_and(|skip| {
        skip.iter().filter_map(Json::as_str).any(|language| !language.eq_ignore_ascii_case("typescript"))
    })
}

fn check(case: &Json) -> Result<(), String> {
    let text = case["expr"].as_str().unwrap();
    let contexts = match Value::from_json(&case["contexts"]) {
        Value::Object(contexts) => contexts.as_ref().clone(),
        _ => Object::new(),
    };
    let availability = Availability::of_contexts(contexts.iter().map(|(name, _)| name.to_owned()));
    let expression = Expression::parse_for(text, &availability);
    let wanted = &case["err"];
    let expression = match (expression, wanted["kind"].as_str()) {
        (Ok(expression), None | Some("evaluation")) => expression,
        (Ok(_), Some(kind)) => return Err(format!("parses, but a {kind} error is wanted")),
        (Err(error), Some("lexing" | "parsing")) => return same_message(&error.to_string(), wanted),
        (Err(error), _) => return Err(error.to_string()),
    };
    match (expression.evaluate(&MapScope::from_object(&contexts)), wanted.is_object()) {
        (Ok(value), false) => same_value(&value, &case["result"]),
        (Ok(value), true) => Err(format!("gives {value:?}, but an error is wanted")),
        (Err(error), true) => same_message(&error.to_string(), wanted),
        (Err(error @ EvaluationError::NeedsHash { .. }), _) | (Err(error), false) => Err(error.to_string()),
    }
}

fn same_message(got: &str, wanted: &Json) -> Result<(), String> {
    let wanted = wanted["value"].as_str().unwrap();
    if got.starts_with(wanted) { Ok(()) } else { Err(format!("says: {got}\n  wanted: {wanted}")) }
}

fn same_value(got: &Value, wanted: &Json) -> Result<(), String> {
    let kind = wanted["kind"].as_str().unwrap();
    let wanted = &wanted["value"];
    let same = match (got, wanted) {
        (Value::Number(got), Json::String(word)) => workflow::expr::format_number(*got) == *word,
        (Value::Number(got), Json::Number(number)) => number.as_f64() == Some(*got),
        _ => *got == Value::from_json(wanted),
    };
    if same && got.kind().as_str() == kind { Ok(()) } else { Err(format!("gives {got:?}, wanted {kind} {wanted}")) }
}
