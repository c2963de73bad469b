//! Command files: what a step wrote to `GITHUB_ENV` and its siblings, read when the step has ended, also when it failed.
//!
//! Exactly as the reference on Linux (`execution-semantics` 3.4), messages included. `output::step` calls [`process`] for each file.

use super::command::REFUSED_VARIABLE;
use super::effects::Effect;
use super::interpreter::Said;
use super::place::Place;
use domain::AnnotationLevel;
use sandbox::Collected;

/// The most bytes to collect of one command file.
pub const COMMAND_FILE_LIMIT: u64 = 64 * 1024 * 1024;
/// The most bytes of a summary.
pub const SUMMARY_LIMIT: u64 = 1024 * 1024;

/// The command files, in the order in which the reference processes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CommandFile {
    /// Directories for `PATH`.
    Path,
    /// Variables.
    Env,
    /// Markdown.
    Summary,
    /// State for later phases of the action.
    State,
    /// Outputs of the step.
    Output,
    /// Artifacts that the step declares. The file is there, and what is written to it is not looked at, as with the reference
    /// unless its feature is on.
    Artifacts,
    /// What steps declared so far, to be read: empty, as with the reference unless its feature is on.
    ArtifactsList,
}

impl CommandFile {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Path, Self::Env, Self::Summary, Self::State, Self::Output, Self::Artifacts, Self::ArtifactsList];

    /// The variable that holds the file's path.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Path => "GITHUB_PATH",
            Self::Env => "GITHUB_ENV",
            Self::Summary => "GITHUB_STEP_SUMMARY",
            Self::State => "GITHUB_STATE",
            Self::Output => "GITHUB_OUTPUT",
            Self::Artifacts => "GITHUB_ARTIFACTS",
            Self::ArtifactsList => "GITHUB_ARTIFACTS_LIST",
        }
    }

    /// The key of the `github` context that holds the file's path; messages use it too.
    #[must_use]
    pub const fn context_key(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Env => "env",
            Self::Summary => "step_summary",
            Self::State => "state",
            Self::Output => "output",
            Self::Artifacts => "artifacts",
            Self::ArtifactsList => "artifacts_list",
        }
    }

    /// The beginning of the file's name in `_temp/_runner_file_commands`; something unique follows.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Path => "add_path_",
            Self::Env => "set_env_",
            Self::Summary => "step_summary_",
            Self::State => "save_state_",
            Self::Output => "set_output_",
            Self::Artifacts => "artifacts_",
            Self::ArtifactsList => "artifacts_list_",
        }
    }
}

/// What is wrong with a command file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandFileError {
    /// A line that is neither `NAME=value` nor `NAME<<DELIMITER`.
    #[error("Invalid format '{0}'")]
    Format(String),
    /// `=value`. The reference means to refuse it and does not.
    #[error("Invalid format '{0}'. Name must not be empty")]
    EmptyName(String),
    /// `<<X` or `NAME<<`.
    #[error("Invalid format '{0}'. Name must not be empty and delimiter must not be empty")]
    EmptyHeredoc(String),
    /// The file ends before the delimiter.
    #[error("Invalid value. Matching delimiter not found '{0}'")]
    DelimiterNotFound(String),
    /// The file ends within the value, in the middle of a line.
    #[error("Invalid value. EOF marker missing new line.")]
    UnfinishedLine,
    /// It is larger than [`COMMAND_FILE_LIMIT`].
    #[error("The file has {size} bytes, more than the {limit} that a command file may have", limit = COMMAND_FILE_LIMIT)]
    TooLarge {
        /// Its size.
        size: u64,
    },
}

/// What one command file leads to. What stands before a wrong line counts.
#[must_use]
pub fn process(file: CommandFile, collected: &Collected) -> Vec<Said> {
    let mut said = Vec::new();
    if matches!(file, CommandFile::Artifacts | CommandFile::ArtifactsList) {
        return said;
    }
    let size = match collected {
        Collected::Absent => 0,
        Collected::Content(content) => content.len() as u64,
        Collected::TooLarge { size } => *size,
    };
    if file == CommandFile::Summary && size > SUMMARY_LIMIT {
        said.push(plain(format!(
            "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of {}k, got {}k. For more information see: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-markdown-summary",
            SUMMARY_LIMIT / 1024,
            size / 1024
        )));
        return said;
    }
    let result = match collected {
        Collected::Absent => Ok(()),
        Collected::Content(content) => read(file, &decode(content), &mut said),
        Collected::TooLarge { size } => Err(CommandFileError::TooLarge { size: *size }),
    };
    if let Err(error) = result {
        said.push(plain(format!("Unable to process file command '{}' successfully.", file.context_key())));
        said.push(plain(error.to_string()));
        said.push(Said::Fail);
    }
    said
}

fn plain(message: String) -> Said {
    Said::Annotate { level: AnnotationLevel::Error, message, title: None, place: Place::default() }
}

fn read(file: CommandFile, text: &str, said: &mut Vec<Said>) -> Result<(), CommandFileError> {
    match file {
        CommandFile::Artifacts | CommandFile::ArtifactsList => Ok(()),
        CommandFile::Path => {
            let lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
            said.extend(lines.map(|line| Said::Change(Effect::Path(line.to_owned()))));
            Ok(())
        }
        CommandFile::Summary => {
            if !text.is_empty() {
                said.push(Said::Summary(text.to_owned()));
            }
            Ok(())
        }
        CommandFile::Env => pairs(text, |name, value| {
            if name.eq_ignore_ascii_case(REFUSED_VARIABLE) {
                said.push(plain(format!(
                    "Can't store {REFUSED_VARIABLE} output parameter using '$GITHUB_ENV' command."
                )));
                return;
            }
            said.push(Said::Debug(format!("{name}='{value}'")));
            said.push(Said::Change(Effect::Env { name: name.to_owned(), value: value.to_owned() }));
        }),
        CommandFile::State => pairs(text, |name, value| {
            said.push(Said::Debug(format!("Save intra-action state {name} = {value}")));
            said.push(Said::Change(Effect::State { name: name.to_owned(), value: value.to_owned() }));
        }),
        CommandFile::Output => pairs(text, |name, value| {
            said.push(Said::Debug(format!("Set output {name} = {value}")));
            said.push(Said::Change(Effect::Output { name: name.to_owned(), value: value.to_owned() }));
        }),
    }
}

/// Reads `NAME=value` and `NAME<<DELIMITER` entries in order; stops at the first wrong one.
///
/// # Errors
/// When an entry is wrong; those before it were given to `take`.
pub fn pairs(text: &str, mut take: impl FnMut(&str, &str)) -> Result<(), CommandFileError> {
    let mut lines = Lines { text, at: 0 };
    while let Some((line, _)) = lines.next() {
        let whole = || line.to_owned();
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            _ if line.is_empty() => {}
            (Some(0), _) => return Err(CommandFileError::EmptyName(whole())),
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                take(&line[..equals], &line[equals + 1..]);
            }
            (_, Some(heredoc)) => {
                let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
                if name.is_empty() || delimiter.is_empty() {
                    return Err(CommandFileError::EmptyHeredoc(whole()));
                }
                take(name, lines.value(delimiter)?);
            }
            (_, None) => return Err(CommandFileError::Format(whole())),
        }
    }
    Ok(())
}

/// Lines that end in `\n` alone: a `\r` belongs to the line.
struct Lines<'text> {
    text: &'text str,
    at: usize,
}

/// How a line ended.
#[derive(PartialEq, Eq)]
enum Ending {
    NewLine,
    EndOfFile,
}

impl<'text> Lines<'text> {
    fn next(&mut self) -> Option<(&'text str, Ending)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (line, ending) = match rest.find('\n') {
            Some(end) => (&rest[..end], Ending::NewLine),
            None => (rest, Ending::EndOfFile),
        };
        self.at += line.len() + usize::from(ending == Ending::NewLine);
        Some((line, ending))
    }

    /// Everything up to the line that equals the delimiter, without the last line end.
    fn value(&mut self, delimiter: &str) -> Result<&'text str, CommandFileError> {
        let start = self.at;
        let mut end = start;
        loop {
            match self.next() {
                Some((line, _)) if line == delimiter => return Ok(&self.text[start..end]),
                None => return Err(CommandFileError::DelimiterNotFound(delimiter.to_owned())),
                Some((_, Ending::EndOfFile)) => return Err(CommandFileError::UnfinishedLine),
                Some((_, Ending::NewLine)) => end = self.at - 1,
            }
        }
    }
}

/// UTF-8, or what a byte order mark says (PowerShell 5 writes UTF-16); bytes that are none become U+FFFD.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let odd = if bytes.len() % 2 == 1 { "\u{fffd}" } else { "" };
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).chain(odd.chars()).collect()
    }
    fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
        let odd = if bytes.len().is_multiple_of(4) { "" } else { "\u{fffd}" };
        let chars = bytes.as_chunks::<4>().0.iter().map(|four| char::from_u32(unit(*four)));
        chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).chain(odd.chars()).collect()
    }
    // The mark of UTF-32LE begins like that of UTF-16LE.
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        plain => String::from_utf8_lossy(plain).into_owned(),
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
