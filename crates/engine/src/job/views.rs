//! How many views of the repository a job's checkouts may need: views are made ready with the sandbox, each is placed once.

use super::actions::{Catalog, Origin, remote};
use super::step::is_built_in_checkout;
use workflow::model::{Runs, Step, StepKind, Uses};
use workflow::template::{Template, TemplateKey, TemplateKind};

/// Views to make ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// Of the working tree.
    pub(crate) trees: u32,
    /// Of the repository's objects.
    pub(crate) objects: u32,
    /// Whether a step may ask for another repository.
    pub(crate) others: bool,
}

/// Counts what the steps of a job may need, in the actions they use too.
pub(crate) fn wanted(steps: &[Step], catalog: &Catalog, origin: &Origin) -> Wanted {
    let mut wanted = Wanted::default();
    count(steps, catalog, origin, 0, &mut wanted);
    wanted
}

fn count(steps: &[Step], catalog: &Catalog, origin: &Origin, depth: u32, wanted: &mut Wanted) {
    // Deeper than actions can be loaded there is nothing to find.
    if depth > super::frame::MAX_DEPTH {
        return;
    }
    for step in steps {
        match &step.kind {
            StepKind::Uses { uses, with, .. } if is_built_in_checkout(&uses.value) => one(with.as_ref(), wanted),
            StepKind::Uses { uses, .. } => match (&uses.value, remote(&uses.value, origin)) {
                (_, Some(action)) => {
                    let loaded = catalog.get(&action);
                    let Some(Runs::Composite(composite)) = loaded.as_ref().and_then(|action| action.runs()) else {
                        continue;
                    };
                    let origin = loaded.as_ref().map_or(origin, |action| &action.origin);
                    count(&composite.steps, catalog, origin, depth + 1, wanted);
                }
                // It is known only after the checkout; one of each kind is kept for it.
                (Uses::Local(_), None) => unknown(wanted),
                (Uses::Same(_), None) => {
                    // `$/` itself needs one.
                    wanted.trees += u32::from(depth == 0);
                    unknown(wanted);
                }
                (Uses::Docker(_) | Uses::Repository(_), None) => {}
            },
            StepKind::Parallel(steps) => count(steps, catalog, origin, depth, wanted),
            StepKind::Run { .. } | StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) => {}
        }
    }
}

const fn unknown(wanted: &mut Wanted) {
    wanted.trees += 1;
    wanted.objects += 1;
    wanted.others = true;
}

/// What one checkout may need, by its inputs as far as they are literal.
fn one(with: Option<&Template>, wanted: &mut Wanted) {
    let reference = input(with, "ref");
    let repository = input(with, "repository");
    wanted.others |= repository != Input::Empty;
    if reference != Input::Given {
        wanted.trees += 1;
    }
    if reference != Input::Empty || repository != Input::Empty {
        wanted.objects += 1;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Empty,
    Given,
    Unknown,
}

fn input(with: Option<&Template>, wanted: &str) -> Input {
    let Some(with) = with else { return Input::Empty };
    let TemplateKind::Mapping(entries) = &with.kind else {
        return if matches!(with.kind, TemplateKind::Null) { Input::Empty } else { Input::Unknown };
    };
    let mut found = Input::Empty;
    for (key, value) in entries {
        match key {
            TemplateKey::Literal(key) if key.value.eq_ignore_ascii_case(wanted) => {
                found = match &value.kind {
                    TemplateKind::Null => Input::Empty,
                    TemplateKind::String(text) if text.trim().is_empty() => Input::Empty,
                    TemplateKind::Expression(_) => Input::Unknown,
                    _ => Input::Given,
                };
            }
            TemplateKey::Literal(_) => {}
            TemplateKey::Expression(_) | TemplateKey::Insert(_) => return Input::Unknown,
        }
    }
    found
}
