//! An action's manifest.

use super::entries::{Entries, boolean, literal};
use super::schema::ACTION;
use super::{Parsed, Reading, condition, step};
use crate::diagnostic::code;
use crate::expr::availability;
use crate::model::{Action, ActionInput, ActionOutput, CompositeRuns, DockerRuns, NodeRuns, Runs};
use crate::nearest::nearest;
use crate::template::Template;
use crate::yaml::{FileId, Limits, Span};

const KNOWN: [&str; 6] = ["node12", "node16", "node20", "node24", "docker", "composite"];

/// Parses an action's manifest. `path` names it in messages only.
#[must_use]
pub fn action(file: FileId, source: &str) -> Parsed<Action> {
    let (parsed, _) = super::document(
        file,
        source,
        &Limits::default(),
        &ACTION,
        |_, _| {},
        |root, reading| {
            let mut entries = Entries::of(root);
            Some(Action {
                name: entries.get("name").and_then(literal).map(ToOwned::to_owned),
                inputs: list(entries.take("inputs"), input),
                outputs: list(entries.take("outputs"), |id, value| ActionOutput {
                    id,
                    value: Entries::of(value).take("value"),
                }),
                runs: entries.take("runs").and_then(|written| runs(written, reading))?,
            })
        },
    );
    Parsed { value: parsed.value.flatten(), diagnostics: parsed.diagnostics }
}

fn list<T>(written: Option<Template>, make: impl Fn(crate::yaml::Spanned<String>, Template) -> T) -> Vec<T> {
    let entries = written.map(Entries::of).unwrap_or_default().into_list();
    entries.map(|(id, value)| make(id.map(|id| id.to_string()), value)).collect()
}

fn input(id: crate::yaml::Spanned<String>, value: Template) -> ActionInput {
    let mut entries = Entries::of(value);
    let required = entries.get("required").is_some_and(|value| {
        boolean(value) == Some(true) || literal(value).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    });
    ActionInput {
        id,
        required,
        default: entries.take("default"),
        deprecation: entries.get("deprecationMessage").and_then(literal).map(ToOwned::to_owned),
    }
}

fn runs(written: Template, reading: &mut Reading<'_>) -> Option<Runs> {
    let around = written.span;
    let mut entries = Entries::of(written);
    let using = entries.take("using")?;
    let name = literal(&using)?.to_ascii_lowercase();
    let mut string = |name: &str| entries.take(name).as_ref().and_then(literal).map(ToOwned::to_owned);
    match name.as_str() {
        "docker" => {
            let (image, entrypoint) = (string("image"), string("entrypoint"));
            let (pre_entrypoint, post_entrypoint) = (string("pre-entrypoint"), string("post-entrypoint"));
            Some(Runs::Docker(DockerRuns {
                image: image.or_else(|| missing("image", around, reading))?,
                entrypoint,
                pre_entrypoint,
                pre_if: hook(&mut entries, "pre-if", reading),
                post_entrypoint,
                post_if: hook(&mut entries, "post-if", reading),
                args: entries.take("args"),
                env: entries.take("env"),
            }))
        }
        "composite" => {
            let steps = entries.take("steps").or_else(|| missing("steps", around, reading))?;
            Some(Runs::Composite(CompositeRuns { steps: step::steps(steps, &availability::ACTION_STEP_IF, reading) }))
        }
        node => {
            let major = node.strip_prefix("node").filter(|_| KNOWN.contains(&node));
            let Some(major) = major.and_then(|major| major.parse::<u32>().ok()) else {
                let help = nearest(node, KNOWN.into_iter())
                    .map_or_else(|| format!("one of: {}", KNOWN.join(", ")), |near| format!("did you mean '{near}'?"));
                let message = format!("'using: {node}' is not supported");
                reading.findings.error_with(code::ACTION_USING, using.span, message, Some(help));
                return None;
            };
            let (main, pre, post) = (string("main"), string("pre"), string("post"));
            Some(Runs::Node(NodeRuns {
                major,
                main: main.or_else(|| missing("main", around, reading))?,
                pre,
                pre_if: hook(&mut entries, "pre-if", reading),
                post,
                post_if: hook(&mut entries, "post-if", reading),
            }))
        }
    }
}

fn missing<T>(name: &str, span: Span, reading: &mut Reading<'_>) -> Option<T> {
    reading.findings.check(code::MISSING_KEY, span, format!("Required property is missing: {name}"));
    None
}

/// The condition of a `pre` or `post`.
fn hook(entries: &mut Entries, name: &str, reading: &mut Reading<'_>) -> Option<Template> {
    condition::hook(entries.take(name)?, &availability::ACTION_CONDITION, reading)
}
