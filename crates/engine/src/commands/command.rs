//! The registered commands as types, and what makes one of them wrong. Messages are the reference's.

use super::effects::{Effect, TooMuch};
use super::line::WrittenCommand;
use super::place::Place;
use super::rules::{CommandRules, UnsecureCommands};
use domain::AnnotationLevel;

/// The names that are registered; every other name makes a line plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandName {
    /// `add-mask`
    AddMask,
    /// `add-matcher`
    AddMatcher,
    /// `add-path`
    AddPath,
    /// `debug`
    Debug,
    /// `echo`
    Echo,
    /// `endgroup`
    EndGroup,
    /// `error`
    Error,
    /// `group`
    Group,
    /// `notice`
    Notice,
    /// `remove-matcher`
    RemoveMatcher,
    /// `save-state`
    SaveState,
    /// `set-env`
    SetEnv,
    /// `set-output`
    SetOutput,
    /// `stop-commands`
    StopCommands,
    /// `warning`
    Warning,
}

impl CommandName {
    const ALL: [(&'static str, Self); 15] = [
        ("add-mask", Self::AddMask),
        ("add-matcher", Self::AddMatcher),
        ("add-path", Self::AddPath),
        ("debug", Self::Debug),
        ("echo", Self::Echo),
        ("endgroup", Self::EndGroup),
        ("error", Self::Error),
        ("group", Self::Group),
        ("notice", Self::Notice),
        ("remove-matcher", Self::RemoveMatcher),
        ("save-state", Self::SaveState),
        ("set-env", Self::SetEnv),
        ("set-output", Self::SetOutput),
        ("stop-commands", Self::StopCommands),
        ("warning", Self::Warning),
    ];

    /// Looks a name up, without case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, command)| *command)
    }

    /// The name as documented.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| name)
    }

    /// Commands whose line is never echoed: it holds a secret, or says the same again.
    #[must_use]
    pub const fn omits_echo(self) -> bool {
        matches!(self, Self::AddMask | Self::Debug | Self::Error | Self::Warning | Self::Notice)
    }
}

/// A command that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Mask this value from now on.
    AddMask(String),
    /// A line for the debug log.
    Debug(String),
    /// An annotation.
    Annotate {
        /// How grave.
        level: AnnotationLevel,
        /// What it says.
        message: String,
        /// Its title.
        title: Option<String>,
        /// Where it points.
        place: Place,
        /// What was dropped of the place, for the debug log.
        notes: Vec<String>,
    },
    /// Begin a group of this name.
    Group(String),
    /// End the group.
    EndGroup,
    /// Echo commands, or not.
    Echo(Echo),
    /// Stop until this token.
    StopCommands(String),
    /// A change for later.
    Change(Effect),
    /// Load problem matchers from a file.
    AddMatcher(String),
    /// Remove problem matchers.
    RemoveMatcher(RemoveMatcher),
    /// Nothing to do but to warn.
    Warn(&'static str),
}

/// Whether processed commands are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    /// `echo::on`
    On,
    /// `echo::off`
    #[default]
    Off,
}

/// Which matchers to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveMatcher {
    /// Those of this owner.
    Owner(String),
    /// Those whose owners this file names.
    File(String),
}

/// What makes a command fail, and the step with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// `set-env` and `add-path` without leave.
    #[error(
        "The `{0}` command is disabled. Please upgrade to using Environment Files or opt into unsecure command execution by setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. For more information see: https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/"
    )]
    Disabled(&'static str),
    /// A property that must be there.
    #[error("Required field 'name' is missing in ##[{0}] command.")]
    NameMissing(&'static str),
    /// A value that must be there.
    #[error("Value cannot be null. (Parameter '{0}')")]
    ValueMissing(&'static str),
    /// `echo` with something else than on or off.
    #[error("Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '{0}'.")]
    Echo(String),
    /// A stop token that anybody could guess.
    #[error(
        "You cannot use a endToken that is an empty string, the string 'pause-logging', or another workflow command. For more information see: https://docs.github.com/actions/learn-github-actions/workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands or opt into insecure command execution by setting the `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`."
    )]
    StopToken,
    /// More than fits.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// What a variable of this name would do to every later node process is for nobody to set.
pub const REFUSED_VARIABLE: &str = "NODE_OPTIONS";

impl Command {
    /// Makes sense of a written command.
    ///
    /// # Errors
    /// When the command is wrong or not allowed.
    pub fn understand(
        name: CommandName,
        written: &WrittenCommand<'_>,
        rules: CommandRules,
    ) -> Result<Self, CommandError> {
        let data = || written.data.clone();
        let named = || match written.property("name") {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(CommandError::NameMissing(name.as_str())),
        };
        let leave = || match rules.unsecure {
            UnsecureCommands::Allowed => Ok(()),
            UnsecureCommands::Refused => Err(CommandError::Disabled(name.as_str())),
        };
        Ok(match name {
            CommandName::AddMask if written.data.trim().is_empty() => {
                Self::Warn("Can't add secret mask for empty string in ##[add-mask] command.")
            }
            CommandName::AddMask => Self::AddMask(data()),
            CommandName::Debug => Self::Debug(data()),
            CommandName::Error => annotation(AnnotationLevel::Error, written),
            CommandName::Warning => annotation(AnnotationLevel::Warning, written),
            CommandName::Notice => annotation(AnnotationLevel::Notice, written),
            CommandName::Group => Self::Group(data()),
            CommandName::EndGroup => Self::EndGroup,
            CommandName::Echo => match written.data.trim().to_ascii_lowercase().as_str() {
                "on" => Self::Echo(Echo::On),
                "off" => Self::Echo(Echo::Off),
                _ if written.data.is_empty() => return Err(CommandError::ValueMissing("value")),
                _ => return Err(CommandError::Echo(data())),
            },
            CommandName::StopCommands => Self::StopCommands(data()),
            CommandName::SetOutput => Self::Change(Effect::Output { name: named()?, value: data() }),
            CommandName::SaveState => Self::Change(Effect::State { name: named()?, value: data() }),
            CommandName::SetEnv => {
                leave()?;
                Self::Change(Effect::Env { name: named()?, value: data() })
            }
            CommandName::AddPath => {
                leave()?;
                if written.data.is_empty() {
                    return Err(CommandError::ValueMissing("path"));
                }
                Self::Change(Effect::Path(data()))
            }
            CommandName::AddMatcher if written.data.is_empty() => Self::Warn("File path must be specified."),
            CommandName::AddMatcher => Self::AddMatcher(data()),
            CommandName::RemoveMatcher => {
                match (written.property("owner").unwrap_or_default(), written.data.is_empty()) {
                    ("", true) => Self::Warn(
                        "Either an owner name or a file path must be specified in ##[remove-matcher] command.",
                    ),
                    ("", false) => Self::RemoveMatcher(RemoveMatcher::File(data())),
                    (owner, true) => Self::RemoveMatcher(RemoveMatcher::Owner(owner.to_owned())),
                    (_, false) => Self::Warn(
                        "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot be set.",
                    ),
                }
            }
        })
    }
}

fn annotation(level: AnnotationLevel, written: &WrittenCommand<'_>) -> Command {
    let mut notes = Vec::new();
    let place = Place::from_command(written, &mut notes);
    let title = written.property("title").filter(|title| !title.is_empty()).map(str::to_owned);
    Command::Annotate { level, message: written.data.clone(), title, place, notes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::line::parse;

    fn understand(line: &str, rules: CommandRules) -> Result<Command, CommandError> {
        let written = parse(line, |name| CommandName::find(name).is_some()).unwrap();
        Command::understand(CommandName::find(written.name).unwrap(), &written, rules)
    }

    #[test]
    fn what_is_missing_is_named() {
        let rules = CommandRules::default();
        let allowed = CommandRules { unsecure: UnsecureCommands::Allowed, ..rules };
        assert_eq!(understand("::set-output::x", rules), Err(CommandError::NameMissing("set-output")));
        assert_eq!(understand("::set-env name=A::x", rules), Err(CommandError::Disabled("set-env")));
        assert_eq!(understand("::add-path::/x", rules), Err(CommandError::Disabled("add-path")));
        assert_eq!(understand("::add-path::", allowed), Err(CommandError::ValueMissing("path")));
        assert_eq!(understand("::echo::maybe", rules), Err(CommandError::Echo("maybe".into())));
        assert_eq!(understand("::echo:: ON ", rules), Ok(Command::Echo(Echo::On)));
        assert_eq!(
            understand("::set-env name=A::x", allowed),
            Ok(Command::Change(Effect::Env { name: "A".into(), value: "x".into() }))
        );
        assert!(matches!(understand("::add-mask::  ", rules), Ok(Command::Warn(_))));
        assert!(matches!(understand("::remove-matcher owner=x::y", rules), Ok(Command::Warn(_))));
        assert_eq!(
            understand("::remove-matcher owner=x::", rules),
            Ok(Command::RemoveMatcher(RemoveMatcher::Owner("x".into())))
        );
    }
}
