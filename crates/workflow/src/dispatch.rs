//! The inputs of a `workflow_dispatch`: what was given, checked against what is declared (`execution-semantics` 2.3).

use crate::expr::{EvaluationError, Object, Scope, Value};
use crate::model::{CallInput, DispatchInput, InputType};
use crate::template::{Template, TemplateKind};
use std::collections::BTreeMap;

/// More than this in all is refused, as GitHub does.
const MOST_CHARACTERS: usize = 65_535;

/// The inputs of one dispatch.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchInputs {
    /// The `inputs` context: booleans and numbers have their types.
    pub typed: Value,
    /// `github.event.inputs`: all text.
    pub texts: BTreeMap<String, String>,
}

/// An input that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispatchError {
    /// It is not declared.
    #[error("the workflow has no input '{name}'; it has: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Unknown {
        /// What was given.
        name: String,
        /// What is declared.
        known: Vec<String>,
    },
    /// It is required, without a default, and was not given.
    #[error("the input '{name}' is required and was not given")]
    Missing {
        /// The input.
        name: String,
    },
    /// Its default cannot be evaluated.
    #[error("the default of the input '{name}' cannot be evaluated: {source}")]
    Default {
        /// The input.
        name: String,
        /// Why.
        source: EvaluationError,
    },
    /// The value is not of its type.
    #[error("the input '{name}' must be {expected}; it is '{value}'")]
    Wrong {
        /// The input.
        name: String,
        /// What it must be.
        expected: String,
        /// What was given.
        value: String,
    },
    /// All values together are too long.
    #[error("the inputs have {found} characters; at most {MOST_CHARACTERS} are allowed")]
    TooLong {
        /// How many.
        found: usize,
    },
}

/// Checks what was given and fills in defaults. All faults are reported.
///
/// # Errors
/// When an input is unknown, missing or not of its type.
pub fn inputs(
    declared: &[DispatchInput],
    given: &BTreeMap<String, String>,
) -> Result<DispatchInputs, Vec<DispatchError>> {
    let mut errors = Vec::new();
    for name in given.keys() {
        if !declared.iter().any(|input| input.id.eq_ignore_ascii_case(name)) {
            let known = declared.iter().map(|input| input.id.value.clone()).collect();
            errors.push(DispatchError::Unknown { name: name.clone(), known });
        }
    }
    let mut typed = Object::new();
    let mut texts = BTreeMap::new();
    for input in declared {
        let name = &input.id.value;
        let text = given
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .or_else(|| default(input));
        if input.required && text.as_deref().is_none_or(str::is_empty) {
            errors.push(DispatchError::Missing { name: name.clone() });
            continue;
        }
        match value(input, text.as_deref()) {
            Ok(value) => {
                texts.insert(name.clone(), text.unwrap_or_else(|| value.to_text().into_owned()));
                typed.insert(name.as_str(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    let found: usize = texts.values().map(|text| text.chars().count()).sum();
    if found > MOST_CHARACTERS {
        errors.push(DispatchError::TooLong { found });
    }
    if errors.is_empty() { Ok(DispatchInputs { typed: Value::object(typed), texts }) } else { Err(errors) }
}

/// The inputs of a workflow that others call, when a person starts it by itself: checked as [`inputs`] does. Defaults may hold
/// expressions over the `github` and `vars` of the scope.
///
/// # Errors
/// As [`inputs`], and when a default cannot be evaluated.
pub fn called(
    declared: &[CallInput],
    given: &BTreeMap<String, String>,
    scope: &dyn Scope,
) -> Result<Value, Vec<DispatchError>> {
    let mut errors = Vec::new();
    let mut literal = Vec::with_capacity(declared.len());
    for input in declared {
        let default = match input.default.as_ref().map(|template| (template.evaluate_text(scope), template.span)) {
            Some((Ok(text), span)) => Some(Template { kind: TemplateKind::String(text), span }),
            Some((Err(source), _)) => {
                errors.push(DispatchError::Default { name: input.id.value.clone(), source });
                None
            }
            None => None,
        };
        let CallInput { id, kind, required, span, .. } = input.clone();
        literal.push(DispatchInput { id, kind, required, default, options: Vec::new(), description: None, span });
    }
    match inputs(&literal, given) {
        Ok(inputs) if errors.is_empty() => Ok(inputs.typed),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

/// The default of an input as text, where it has one. Forms show it.
#[must_use]
pub fn default(input: &DispatchInput) -> Option<String> {
    match &input.default.as_ref()?.kind {
        TemplateKind::Bool(value) => Some(value.to_string()),
        TemplateKind::Number(_, text) | TemplateKind::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn value(input: &DispatchInput, text: Option<&str>) -> Result<Value, DispatchError> {
    let wrong = |expected: String| DispatchError::Wrong {
        name: input.id.value.clone(),
        expected,
        value: text.unwrap_or_default().to_owned(),
    };
    match (input.kind, text) {
        (InputType::Boolean, None | Some("")) => Ok(Value::Bool(false)),
        (InputType::Boolean, Some(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false".to_owned())),
        },
        (InputType::Number, None | Some("")) => Ok(Value::Number(0.0)),
        (InputType::Number, Some(text)) => match crate::expr::parse_number(text) {
            number if number.is_nan() => Err(wrong("a number".to_owned())),
            number => Ok(Value::Number(number)),
        },
        // A choice without a default is its first option, as the form of GitHub shows it.
        (InputType::Choice, None) => {
            Ok(input.options.first().map_or_else(|| Value::string(""), |first| Value::string(first.as_str())))
        }
        (InputType::Choice, Some(text)) => {
            if input.options.iter().any(|option| option.value == text) {
                Ok(Value::string(text))
            } else {
                let options: Vec<&str> = input.options.iter().map(|option| option.value.as_str()).collect();
                Err(wrong(format!("one of {}", options.join(", "))))
            }
        }
        (InputType::String | InputType::Environment, text) => Ok(Value::string(text.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::{DispatchError, called, inputs};
    use crate::expr::{MapScope, Object, Value};
    use crate::model::{DispatchInput, TriggerKind};
    use crate::yaml::FileId;
    use std::collections::BTreeMap;

    fn declared() -> Vec<DispatchInput> {
        let text = "on:\n  workflow_dispatch:\n    inputs:\n      who: {required: true, type: string}\n      loud: {type: boolean}\n      count: {type: number, default: 3}\n      level: {type: choice, options: [low, high]}\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n";
        let parsed = crate::parse::workflow(FileId::default(), "ci.yml", text);
        let workflow = parsed.value.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        match workflow.on.into_iter().next().map(|trigger| trigger.kind) {
            Some(TriggerKind::Dispatch(inputs)) => inputs,
            other => panic!("{other:?}"),
        }
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_have_their_types_and_the_event_has_texts() {
        let found = inputs(&declared(), &given(&[("WHO", "me"), ("loud", "true")])).unwrap();
        assert_eq!(found.typed.to_json(), serde_json::json!({ "who": "me", "loud": true, "count": 3, "level": "low" }));
        assert_eq!(found.texts, given(&[("who", "me"), ("loud", "true"), ("count", "3"), ("level", "low")]));
    }

    #[test]
    fn a_called_workflow_can_be_started_by_itself() {
        let text = "on:\n  workflow_call:\n    inputs:\n      who: {required: true, type: string}\n      n: {type: number, default: 3}\n      where: {type: string, default: 'on ${{ github.ref_name }}'}\n      loud: {type: boolean}\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n";
        let parsed = crate::parse::workflow(FileId::default(), "ci.yml", text);
        let workflow = parsed.value.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        let Some(TriggerKind::Call { inputs: declared, .. }) = workflow.on.into_iter().next().map(|on| on.kind) else {
            panic!("it has another trigger");
        };
        let github: Object = [("ref_name", Value::from("main"))].into_iter().collect();
        let scope = MapScope::new().with("github", github);
        let found = called(&declared, &given(&[("who", "me"), ("LOUD", "true")]), &scope).unwrap();
        assert_eq!(found.to_json(), serde_json::json!({ "who": "me", "n": 3, "where": "on main", "loud": true }));
        let errors = called(&declared, &given(&[("n", "x")]), &scope).unwrap_err();
        let texts: Vec<String> = errors.iter().map(DispatchError::to_string).collect();
        assert_eq!(
            texts,
            ["the input 'who' is required and was not given", "the input 'n' must be a number; it is 'x'"]
        );
    }

    #[test]
    fn every_fault_is_reported() {
        let errors = inputs(&declared(), &given(&[("loud", "yes"), ("count", "x"), ("level", "mid"), ("other", "")]))
            .unwrap_err();
        let texts: Vec<String> = errors.iter().map(DispatchError::to_string).collect();
        assert_eq!(
            texts,
            [
                "the workflow has no input 'other'; it has: who, loud, count, level",
                "the input 'who' is required and was not given",
                "the input 'loud' must be true or false; it is 'yes'",
                "the input 'count' must be a number; it is 'x'",
                "the input 'level' must be one of low, high; it is 'mid'",
            ]
        );
    }
}
