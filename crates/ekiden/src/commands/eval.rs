//! `ekiden eval`: one expression and its value.

use crate::args::EvalArgs;
use crate::excerpt::excerpt;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{self, Palette};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use workflow::expr::{Availability, EvaluationError, Expression, MapScope, Scope, StatusFunction, Value};

/// Prints the value as JSON; a wrong expression is shown with a pointer under its fault, exit 1.
pub(crate) fn run(args: &EvalArgs) -> Result<Exit, Failure> {
    let contexts = match &args.context {
        None => serde_json::Map::new(),
        Some(path) => read_contexts(path)?,
    };
    let text = inner(&args.expression);
    let names: Vec<String> = contexts.keys().cloned().collect();
    let expression = match Expression::parse_for(text, &Availability::of_contexts(names)) {
        Ok(expression) => expression,
        Err(error) => {
            let mut failure = Failure::new(Exit::Failed, error.kind.to_string());
            let shown = excerpt(Palette::stderr(), text, error.position, error.end, "");
            failure.what = format!("{}\n{}", failure.what, shown.trim_end());
            if let Some(help) = &error.help {
                failure = failure.fix(help);
            }
            if matches!(error.kind, workflow::expr::ExpressionErrorKind::UnknownContext) && args.context.is_none() {
                failure = failure.fix("give contexts as a JSON object: ekiden eval --context FILE.json EXPR");
            }
            return Err(failure);
        }
    };
    let scope = match Value::from_json(&serde_json::Value::Object(contexts)) {
        Value::Object(object) => MapScope::from_object(&object),
        _ => MapScope::new(),
    };
    let scope = Hashing { contexts: scope, hashes: RefCell::default() };
    let value = loop {
        match expression.evaluate(&scope) {
            Err(EvaluationError::NeedsHash { patterns }) => {
                let digest = digest(&patterns, &args.directory)?;
                scope.hashes.borrow_mut().insert(patterns, digest);
            }
            other => break other.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?,
        }
    };
    let json = serde_json::to_string_pretty(&value.to_json())
        .map_err(|error| Failure::platform("could not write JSON").cause(&error))?;
    style::data(&(json + "\n"))?;
    Ok(Exit::Ok)
}

/// The text between `${{` and `}}`, when it is written with them.
fn inner(text: &str) -> &str {
    let trimmed = text.trim();
    trimmed.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text)
}

/// Contexts, and the digests that were computed for them.
struct Hashing {
    contexts: MapScope,
    hashes: RefCell<HashMap<Vec<String>, String>>,
}

impl Scope for Hashing {
    fn context(&self, name: &str) -> Option<Value> {
        self.contexts.context(name)
    }

    fn status(&self, function: StatusFunction, jobs: &[Value]) -> Result<bool, EvaluationError> {
        self.contexts.status(function, jobs)
    }

    fn hash_files(&self, patterns: &[String]) -> Option<String> {
        self.hashes.borrow().get(patterns).cloned()
    }
}

/// `hashFiles` over the files as they lie in a folder.
fn digest(patterns: &[String], directory: &Path) -> Result<String, Failure> {
    let workspace = directory
        .canonicalize()
        .map_err(|error| Failure::not_found(format!("there is no folder {}", directory.display())).cause(&error))?;
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    sandbox_local::hash_files(patterns, &workspace, &home).map_err(|error| {
        Failure::new(Exit::Failed, format!("hashFiles('{}') failed", patterns.join("', '"))).cause(&error)
    })
}

fn read_contexts(path: &std::path::Path) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::invalid(format!("could not read {}", path.display())).cause(&error))?;
    match serde_json::from_str(&text) {
        Ok(serde_json::Value::Object(contexts)) => Ok(contexts),
        Ok(_) => Err(Failure::invalid(format!("{} holds no JSON object", path.display()))
            .fix(r#"give each context by its name: {"github": {"ref": "refs/heads/main"}}"#)),
        Err(error) => Err(Failure::invalid(format!("{} is no JSON", path.display())).cause(&error)),
    }
}
