//! How many views of the repository a job's checkouts may need: views are made ready with the sandbox, each is placed once.

use super::actions::{Catalog, MANIFESTS, Manifest, Origin, parse_manifest, within};
use super::step::is_built_in_checkout;
use std::path::{Component, Path, PathBuf};
use workflow::checkout::CheckoutSource;
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

impl Wanted {
    /// For a source whose own repository comes like others: no views, and the folder of repositories for any checkout.
    pub(crate) const fn like_others(self) -> Self {
        Self { trees: 0, objects: 0, others: self.others || self.trees > 0 || self.objects > 0 }
    }
}

/// Counts what the steps of a job may need, in the actions they use too: remote ones as they were fetched, local ones as they lie in
/// the working tree that will be checked out.
pub(crate) fn wanted(steps: &[Step], catalog: &Catalog, origin: &Origin, tree: &dyn CheckoutSource) -> Wanted {
    let mut count = Count { catalog, tree, places: vec![PathBuf::new()], wanted: Wanted::default() };
    count.steps(steps, origin, 0);
    count.wanted
}

struct Count<'a> {
    catalog: &'a Catalog,
    tree: &'a dyn CheckoutSource,
    /// Where checkouts put the repository, as far as the steps before say it literally.
    places: Vec<PathBuf>,
    wanted: Wanted,
}

impl Count<'_> {
    fn steps(&mut self, steps: &[Step], origin: &Origin, depth: u32) {
        // Deeper than actions can be loaded there is nothing to find.
        if depth > super::frame::MAX_DEPTH {
            return;
        }
        for step in steps {
            match &step.kind {
                StepKind::Uses { uses, with, .. } if is_built_in_checkout(&uses.value) => {
                    one(with.as_ref(), &mut self.wanted);
                    self.places.extend(literal(with.as_ref(), "path").map(|path| normal(Path::new(path))));
                }
                StepKind::Uses { uses, .. } => match (&uses.value, self.catalog.remote(&uses.value, origin)) {
                    (_, Some(action)) => match self.catalog.get(&action) {
                        Some(loaded) => {
                            if let Some(Runs::Composite(composite)) = loaded.runs() {
                                self.steps(&composite.steps, &loaded.origin, depth + 1);
                            }
                        }
                        // Only a local action names it, so it is fetched when that one runs.
                        None => self.unknown(),
                    },
                    (Uses::Local(path), None) => self.local(&normal(Path::new(path)), depth),
                    (Uses::Same(path), None) => {
                        // `$/` itself needs one.
                        self.wanted.trees += u32::from(depth == 0);
                        self.local(&normal(Path::new(&within(path))), depth);
                    }
                    (Uses::Docker(_) | Uses::Repository(_), None) => {}
                },
                StepKind::Parallel(steps) => self.steps(steps, origin, depth),
                StepKind::Run { .. } | StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) => {}
            }
        }
    }

    /// An action from the workspace.
    fn local(&mut self, path: &Path, depth: u32) {
        for place in self.places.clone() {
            let Ok(path) = path.strip_prefix(&place) else { continue };
            let text = MANIFESTS.iter().find_map(|name| self.tree.file(&path.join(name)));
            if let Some(Ok(Manifest::Action(action))) = text.map(|text| parse_manifest("", &text)) {
                if let Runs::Composite(composite) = &action.runs {
                    self.steps(&composite.steps, &Origin::Own, depth + 1);
                }
                return;
            }
        }
        // A step makes it, or another checkout brings it.
        self.unknown();
    }

    /// It is known only when it runs; one of each kind is kept for it.
    const fn unknown(&mut self) {
        self.wanted.trees += 1;
        self.wanted.objects += 1;
        self.wanted.others = true;
    }
}

/// A relative path without `.` and `..` parts.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}

/// What one checkout may need, by its inputs as far as they are literal.
fn one(with: Option<&Template>, wanted: &mut Wanted) {
    let reference = input(with, "ref");
    let repository = input(with, "repository");
    wanted.others |= repository != Input::Empty;
    // A reference may name what is checked out now.
    wanted.trees += 1;
    if reference != Input::Empty || repository != Input::Empty {
        wanted.objects += 1;
    }
}

/// A literal input that is a text.
fn literal<'a>(with: Option<&'a Template>, wanted: &str) -> Option<&'a str> {
    let TemplateKind::Mapping(entries) = &with?.kind else { return None };
    entries.iter().find_map(|(key, value)| match (key, &value.kind) {
        (TemplateKey::Literal(key), TemplateKind::String(text)) if key.value.eq_ignore_ascii_case(wanted) => {
            Some(text.trim())
        }
        _ => None,
    })
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
