//! The commands of one step in the order of its lines: stop tokens, echo, and what each command leads to.
//!
//! Pure: `output::step` acts on what it says.

use super::command::{Command, CommandError, CommandName, Echo, REFUSED_VARIABLE, RemoveMatcher};
use super::effects::Effect;
use super::line::{WrittenCommand, parse};
use super::place::Place;
use super::rules::{CommandRules, StopTokens};
use domain::AnnotationLevel;

/// What a command leads to, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Print this line.
    Line(String),
    /// Print this when debug lines are shown.
    Debug(String),
    /// Mask this value from now on, before anything else is printed.
    Mask(String),
    /// Make an annotation and print it.
    Annotate {
        /// How grave.
        level: AnnotationLevel,
        /// What it says.
        message: String,
        /// Its title.
        title: Option<String>,
        /// Where it points.
        place: Place,
    },
    /// Remember this for later.
    Change(Effect),
    /// Load problem matchers from a file; what goes wrong fails the command (see [`failure`]) written in `line`.
    AddMatcher {
        /// The file.
        file: String,
        /// The line.
        line: String,
    },
    /// Remove problem matchers; as above.
    RemoveMatcher {
        /// Which.
        which: RemoveMatcher,
        /// The line.
        line: String,
    },
    /// The summary of the step (Markdown, not yet masked).
    Summary(String),
    /// The step fails.
    Fail,
}

/// The state of a step's commands.
#[derive(Debug, Clone, Default)]
pub struct Interpreter {
    rules: CommandRules,
    echo: Echo,
    stopped: Option<String>,
    warned: Vec<CommandName>,
}

impl Interpreter {
    /// For a step that has not said anything yet.
    #[must_use]
    pub fn new(rules: CommandRules, echo: Echo) -> Self {
        Self { rules, echo, stopped: None, warned: Vec::new() }
    }

    /// Reads one line. `None`: it is plain output.
    pub fn line(&mut self, line: &str) -> Option<Vec<Said>> {
        let token = self.stopped.as_deref();
        let is_token = |name: &str| token.is_some_and(|token| !token.is_empty() && token.eq_ignore_ascii_case(name));
        let written = parse(line, |name| is_token(name) || CommandName::find(name).is_some())?;
        if self.stopped.is_some() {
            if !is_token(written.name) {
                return None;
            }
            self.stopped = None;
            return Some(vec![Said::Line(line.to_owned()), Said::Debug("Resume processing commands".to_owned())]);
        }
        let name = CommandName::find(written.name)?;
        let mut said = Vec::new();
        if self.echo == Echo::On && !name.omits_echo() && name != CommandName::StopCommands {
            said.push(Said::Line(line.to_owned()));
        }
        if let Err(error) = self.command(name, &written, line, &mut said) {
            said.extend(failure(name, line, &error.to_string()));
        }
        Some(said)
    }

    fn command(
        &mut self,
        name: CommandName,
        written: &WrittenCommand<'_>,
        line: &str,
        said: &mut Vec<Said>,
    ) -> Result<(), CommandError> {
        match Command::understand(name, written, self.rules)? {
            Command::AddMask(value) => {
                if self.echo == Echo::On {
                    said.push(Said::Line("::add-mask::***".to_owned()));
                }
                said.push(Said::Mask(value));
            }
            Command::Debug(text) => said.push(Said::Debug(text)),
            Command::Annotate { level, message, title, place, notes } => {
                said.extend(notes.into_iter().map(Said::Debug));
                said.push(Said::Annotate { level, message, title, place });
            }
            Command::Group(name) => said.push(Said::Line(format!("##[group]{name}"))),
            Command::EndGroup => said.push(Said::Line("##[endgroup]".to_owned())),
            Command::Echo(echo) => {
                self.echo = echo;
                let word = if echo == Echo::On { "on" } else { "off" };
                said.push(Said::Debug(format!("Setting echo command value to '{word}'")));
            }
            Command::StopCommands(token) => self.stop(token, line, said)?,
            Command::Change(effect) => self.change(name, effect, said),
            Command::AddMatcher(file) => said.push(Said::AddMatcher { file, line: line.to_owned() }),
            Command::RemoveMatcher(which) => said.push(Said::RemoveMatcher { which, line: line.to_owned() }),
            Command::Warn(text) => said.push(plain(AnnotationLevel::Warning, text)),
        }
        Ok(())
    }

    fn stop(&mut self, token: String, line: &str, said: &mut Vec<Said>) -> Result<(), CommandError> {
        let guessable =
            token.is_empty() || token.eq_ignore_ascii_case("pause-logging") || CommandName::find(&token).is_some();
        if guessable && self.rules.stop_tokens == StopTokens::Checked {
            return Err(CommandError::StopToken);
        }
        if token.encode_utf16().count() > 6 {
            said.push(Said::Mask(token.clone()));
        }
        self.stopped = Some(token);
        said.push(Said::Line(line.to_owned()));
        said.push(Said::Debug(
            "Paused processing commands until the token you called ::stopCommands:: with is received".to_owned(),
        ));
        Ok(())
    }

    fn change(&mut self, name: CommandName, effect: Effect, said: &mut Vec<Said>) {
        if matches!(name, CommandName::SetOutput | CommandName::SaveState) && !self.warned.contains(&name) {
            self.warned.push(name);
            said.push(plain(AnnotationLevel::Warning, &deprecated(name)));
        }
        match &effect {
            Effect::Env { name, .. } if name.eq_ignore_ascii_case(REFUSED_VARIABLE) => {
                let text = format!("Can't update {REFUSED_VARIABLE} environment variable using ::set-env:: command.");
                said.push(plain(AnnotationLevel::Error, &text));
                return;
            }
            Effect::Env { name, value } | Effect::Output { name, value } => {
                said.push(Said::Debug(format!("{name}='{value}'")));
            }
            Effect::State { name, value } => {
                said.push(Said::Debug(format!("Save intra-action state {name} = {value}")));
            }
            Effect::Path(_) => {}
        }
        said.push(Said::Change(effect));
    }
}

/// What a command that went wrong leads to.
#[must_use]
pub fn failure(name: CommandName, line: &str, error: &str) -> [Said; 3] {
    let shown = if name.omits_echo() { name.as_str() } else { line };
    [
        plain(AnnotationLevel::Error, &format!("Unable to process command '{shown}' successfully.")),
        plain(AnnotationLevel::Error, error),
        Said::Fail,
    ]
}

fn plain(level: AnnotationLevel, message: &str) -> Said {
    Said::Annotate { level, message: message.to_owned(), title: None, place: Place::default() }
}

fn deprecated(name: CommandName) -> String {
    format!(
        "The `{}` command is deprecated and will be disabled soon. Please upgrade to using Environment Files. For more information see: https://github.blog/changelog/2022-10-11-github-actions-deprecating-save-state-and-set-output-commands/",
        name.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Vec<String> {
        let mut interpreter = Interpreter::new(CommandRules::default(), Echo::Off);
        lines
            .iter()
            .flat_map(|line| interpreter.line(line).unwrap_or_else(|| vec![Said::Line(format!("plain {line}"))]))
            .map(show)
            .collect()
    }

    fn show(said: Said) -> String {
        match said {
            Said::Line(text) => text,
            Said::Debug(_) => "debug".to_owned(),
            Said::Mask(value) => format!("mask {value}"),
            Said::Annotate { level, message, .. } => format!("{level:?} {}", message.split('.').next().unwrap()),
            Said::Change(effect) => format!("{effect:?}"),
            Said::AddMatcher { file, .. } => format!("matcher {file}"),
            Said::RemoveMatcher { which, .. } => format!("no matcher {which:?}"),
            Said::Summary(text) => text,
            Said::Fail => "fail".to_owned(),
        }
    }

    #[test]
    fn stopped_commands_are_text_until_the_token() {
        let lines = ["::stop-commands::tok-en-123", "::error::no", "::TOK-en-123::", "::error::yes", "::tok-en-123::"];
        assert_eq!(
            said(&lines),
            [
                "mask tok-en-123",
                "::stop-commands::tok-en-123",
                "debug",
                "plain ::error::no",
                "::TOK-en-123::",
                "debug",
                "Error yes",
                "plain ::tok-en-123::"
            ]
        );
    }

    #[test]
    fn guessable_tokens_are_refused() {
        for token in ["", "pause-logging", "Warning"] {
            let got = said(&[&format!("::stop-commands::{token}"), "::group::x"]);
            assert_eq!(got[2..], ["fail", "##[group]x"], "{token}");
        }
        let rules = CommandRules { stop_tokens: StopTokens::Any, ..CommandRules::default() };
        let mut interpreter = Interpreter::new(rules, Echo::Off);
        interpreter.line("::stop-commands::warning").unwrap();
        assert_eq!(interpreter.line("::error::x"), None);
        interpreter.line("::warning::").unwrap();
        assert!(interpreter.line("::error::x").is_some());
    }

    #[test]
    fn echo_shows_commands_but_no_secret() {
        let got = said(&["::echo::on", "::group::g", "::add-mask::hunter2", "::error::x", "::echo::off", "::group::g"]);
        assert_eq!(
            got,
            [
                "debug",
                "::group::g",
                "##[group]g",
                "::add-mask::***",
                "mask hunter2",
                "Error x",
                "::echo::off",
                "debug",
                "##[group]g"
            ]
        );
    }

    #[test]
    fn old_ways_warn_once_or_fail() {
        let got = said(&["::set-output name=a::1", "::set-output name=a::2", "::set-env name=a::1"]);
        assert!(got[0].starts_with("Warning The `set-output` command is deprecated"));
        assert_eq!(got[1..4], ["debug", "Output { name: \"a\", value: \"1\" }", "debug"]);
        assert_eq!(
            got[5..],
            [
                "Error Unable to process command '::set-env name=a::1' successfully",
                "Error The `set-env` command is disabled",
                "fail"
            ]
        );
    }

    #[test]
    fn node_options_stay_as_they_are() {
        let rules = CommandRules { unsecure: super::super::UnsecureCommands::Allowed, ..CommandRules::default() };
        let got = Interpreter::new(rules, Echo::Off).line("::set-env name=node_OPTIONS::--x").unwrap();
        assert!(matches!(&got[..], [Said::Annotate { level: AnnotationLevel::Error, .. }]));
    }
}
