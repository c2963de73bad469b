//! Tests of the crate from outside.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod conformance;
mod corpora;
mod document;
mod events;
mod expressions;
mod filters;
mod golden_json;
mod goldens;
mod hostile;
mod language;
mod lint;
mod parse_properties;
mod parse_rules;
mod run;
