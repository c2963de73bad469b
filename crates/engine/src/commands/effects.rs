//! What a step's commands change, for `job` to apply when the step has ended.

use indexmap::IndexMap;

/// The most bytes that the outputs, state and variables of one step may hold together (docs: 50 MB for a job).
pub const EFFECTS_LIMIT: usize = 50 * 1024 * 1024;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// `steps.<id>.outputs.<name>`.
    Output {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// `STATE_<name>` for the later phases of the same action.
    State {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A variable for every later step of the job.
    Env {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A directory before all others in the `PATH` of every later step.
    Path(String),
}

/// Whether the commands of a step let it succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nothing went wrong.
    #[default]
    Passed,
    /// A command or a command file was wrong: the step fails, whatever its exit code.
    Failed,
}

/// All changes of a step. Where a name was set twice, the last one holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// Outputs of the step.
    pub outputs: IndexMap<String, String>,
    /// State of the action.
    pub state: IndexMap<String, String>,
    /// Variables of the job.
    pub env: IndexMap<String, String>,
    /// Directories for `PATH`, in the order of the commands: the last one comes first in `PATH`.
    pub path: Vec<String>,
    /// Whether the step fails for its commands.
    pub verdict: Verdict,
    bytes: usize,
}

/// A step said more than fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the outputs, state and variables of this step are larger than {} MB together; keep large data in a file or an artifact",
    EFFECTS_LIMIT / 1024 / 1024
)]
pub struct TooMuch;

impl Effects {
    /// Adds one change.
    ///
    /// # Errors
    /// When the step has set more than [`EFFECTS_LIMIT`] bytes.
    pub fn apply(&mut self, effect: Effect) -> Result<(), TooMuch> {
        let (map, name, value) = match effect {
            Effect::Output { name, value } => (&mut self.outputs, name, value),
            Effect::State { name, value } => (&mut self.state, name, value),
            Effect::Env { name, value } => (&mut self.env, name, value),
            Effect::Path(directory) => {
                if let Some(at) = self.path.iter().position(|known| *known == directory) {
                    self.bytes -= self.path.remove(at).len();
                }
                self.bytes += directory.len();
                self.path.push(directory);
                return if self.bytes > EFFECTS_LIMIT { Err(TooMuch) } else { Ok(()) };
            }
        };
        let before = map.get(&name).map_or(0, |old| old.len() + name.len());
        let now = self.bytes - before + name.len() + value.len();
        if now > EFFECTS_LIMIT {
            return Err(TooMuch);
        }
        self.bytes = now;
        map.insert(name, value);
        Ok(())
    }

    /// The step fails.
    pub const fn fail(&mut self) {
        self.verdict = Verdict::Failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_holds_and_the_last_directory_is_last() {
        let mut effects = Effects::default();
        for value in ["1", "2"] {
            effects.apply(Effect::Output { name: "a".into(), value: value.into() }).unwrap();
        }
        for directory in ["/a", "/b", "/a"] {
            effects.apply(Effect::Path(directory.into())).unwrap();
        }
        assert_eq!(effects.outputs["a"], "2");
        assert_eq!(effects.path, ["/b", "/a"]);
        assert_eq!(effects.bytes, 2 + 4);
    }

    #[test]
    fn a_step_cannot_set_more_than_the_limit() {
        let mut effects = Effects::default();
        let half = "x".repeat(EFFECTS_LIMIT / 2);
        effects.apply(Effect::Env { name: "a".into(), value: half.clone() }).unwrap();
        effects.apply(Effect::Env { name: "a".into(), value: half.clone() }).unwrap();
        assert_eq!(effects.apply(Effect::Env { name: "b".into(), value: half }), Err(TooMuch));
        assert_eq!(effects.env.len(), 1);
    }
}
