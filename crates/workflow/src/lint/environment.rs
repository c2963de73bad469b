//! What the contexts hold at one place of a file. The linter changes it on its way through the keys.

use super::types::Type;

/// The contexts, as expressions name them.
const NAMES: [&str; 12] =
    ["github", "env", "vars", "secrets", "inputs", "matrix", "needs", "steps", "job", "jobs", "runner", "strategy"];

/// The types of the contexts; one that is not in it may hold anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    types: [Option<Type>; NAMES.len()],
}

impl Environment {
    /// The contexts of these names and no others.
    pub(super) fn of(contexts: impl IntoIterator<Item = (&'static str, Type)>) -> Self {
        let mut environment = Self::default();
        for (name, of) in contexts {
            environment.insert(name, of);
        }
        environment
    }

    /// The type of a context; case does not matter.
    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        let at = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        self.types[at].as_ref()
    }

    /// Says what a context holds.
    pub(super) fn insert(&mut self, name: &str, of: Type) {
        if let Some(slot) = self.slot(name) {
            *slot = Some(of);
        }
    }

    /// Takes what is known of a context, to change it and put it back.
    pub(super) fn take(&mut self, name: &str) -> Option<Type> {
        self.slot(name)?.take()
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Type>> {
        NAMES.iter().position(|known| *known == name).map(|at| &mut self.types[at])
    }
}
