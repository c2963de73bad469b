//! Which of the old, unsafe ways a step may use; read from its environment.

/// The variable that brings `set-env` and `add-path` back.
pub const ALLOW_UNSECURE_COMMANDS: &str = "ACTIONS_ALLOW_UNSECURE_COMMANDS";
/// The variable that lets any text be a stop token.
pub const ALLOW_UNSECURE_STOP_TOKENS: &str = "ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS";

/// What a step's environment allows its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandRules {
    /// Whether `set-env` and `add-path` work.
    pub unsecure: UnsecureCommands,
    /// Which stop tokens are accepted.
    pub stop_tokens: StopTokens,
}

/// Whether `set-env` and `add-path` work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsecureCommands {
    /// They fail the step, with the way out in the message.
    #[default]
    Refused,
    /// They work.
    Allowed,
}

/// Which tokens `stop-commands` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StopTokens {
    /// Not empty, not `pause-logging`, not the name of a command.
    #[default]
    Checked,
    /// Anything.
    Any,
}

impl CommandRules {
    /// Reads the rules from the `env` context of a step.
    pub fn from_env<'env>(get: impl Fn(&str) -> Option<&'env str>) -> Self {
        // The reference parses one as a .NET boolean, the other with its own, wider converter.
        let unsecure = match get(ALLOW_UNSECURE_COMMANDS) {
            Some(text) if text.trim().eq_ignore_ascii_case("true") => UnsecureCommands::Allowed,
            _ => UnsecureCommands::Refused,
        };
        let stop_tokens = match get(ALLOW_UNSECURE_STOP_TOKENS) {
            Some(text) if ["1", "true", "$true"].iter().any(|yes| text.eq_ignore_ascii_case(yes)) => StopTokens::Any,
            _ => StopTokens::Checked,
        };
        Self { unsecure, stop_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read_as_the_reference_does() {
        let rules = |value: &'static str| CommandRules::from_env(move |_| Some(value));
        assert_eq!(
            rules("TRUE "),
            CommandRules { unsecure: UnsecureCommands::Allowed, stop_tokens: StopTokens::Checked }
        );
        assert_eq!(rules("1"), CommandRules { unsecure: UnsecureCommands::Refused, stop_tokens: StopTokens::Any });
        assert_eq!(CommandRules::from_env(|_| None), CommandRules::default());
    }
}
