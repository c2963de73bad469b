//! Colours, and the two ways out: data to stdout, talk to stderr. A closed pipe is quiet: it is somebody's `| head`.

use crate::args::ColorChoice;
use crate::failure::Failure;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT_COLOR: AtomicBool = AtomicBool::new(false);
static STDERR_COLOR: AtomicBool = AtomicBool::new(false);
static COLOR_REFUSED: AtomicBool = AtomicBool::new(false);

/// Decides once whether to colour: the flag, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR=0`, `TERM=dumb`, then what the stream is.
pub(crate) fn choose(choice: ColorChoice) {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let by_environment = |terminal: bool| {
        if set("NO_COLOR").is_some() {
            false
        } else if set("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
            true
        } else {
            terminal && set("CLICOLOR").is_none_or(|v| v != "0") && set("TERM").is_none_or(|v| v != "dumb")
        }
    };
    let decide = |terminal: bool| match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => by_environment(terminal),
    };
    let cannot = || io::stdout().is_terminal() && set("TERM").is_some_and(|v| v == "dumb");
    let refused = match choice {
        ColorChoice::Always => false,
        ColorChoice::Never => true,
        ColorChoice::Auto => set("NO_COLOR").is_some() || cannot(),
    };
    COLOR_REFUSED.store(refused, Ordering::Relaxed);
    STDOUT_COLOR.store(decide(io::stdout().is_terminal()), Ordering::Relaxed);
    STDERR_COLOR.store(decide(io::stderr().is_terminal()), Ordering::Relaxed);
}

/// What becomes of colours in the output of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobColors {
    /// They stay, in a file too: what a job says is shown as it said it.
    Kept,
    /// Somebody refused them (`NO_COLOR`, `--color never`), or the terminal has none.
    Removed,
}

/// What becomes of colours in the output of jobs.
pub(crate) fn job_colors() -> JobColors {
    if COLOR_REFUSED.load(Ordering::Relaxed) { JobColors::Removed } else { JobColors::Kept }
}

/// What a piece of text is; the colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Should be looked at.
    Warn,
    /// Beside the matter.
    Dim,
    /// A name or heading.
    Strong,
    /// A pointer into text.
    Mark,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
            Self::Dim => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::Mark => "\x1b[1;36m",
        }
    }
}

/// Paints for one stream; a plain one leaves text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// With colours.
    Colored,
    /// Without.
    Plain,
}

impl Palette {
    /// Of stdout.
    pub(crate) fn stdout() -> Self {
        if STDOUT_COLOR.load(Ordering::Relaxed) { Self::Colored } else { Self::Plain }
    }

    /// Of stderr.
    pub(crate) fn stderr() -> Self {
        if STDERR_COLOR.load(Ordering::Relaxed) { Self::Colored } else { Self::Plain }
    }

    /// The text in its colour.
    pub(crate) fn paint(self, ink: Ink, text: impl std::fmt::Display) -> String {
        match self {
            Self::Colored => format!("{}{text}\x1b[0m", ink.code()),
            Self::Plain => text.to_string(),
        }
    }
}

/// Writes data to stdout in one go.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a failure on stderr.
pub(crate) fn report(failure: &Failure) {
    talk(Ink::Bad, "error", failure);
}

/// Prints a warning on stderr.
pub(crate) fn warn(text: impl std::fmt::Display) {
    talk(Ink::Warn, "warning", text);
}

/// Prints a remark on stderr.
pub(crate) fn note(text: impl std::fmt::Display) {
    talk(Ink::Dim, "note", text);
}

/// The line that [`note`] would print.
pub(crate) fn note_line(text: impl std::fmt::Display) -> String {
    line(Ink::Dim, "note", text)
}

fn line(ink: Ink, head: &str, text: impl std::fmt::Display) -> String {
    format!("{} {text}", Palette::stderr().paint(ink, format_args!("{head}:")))
}

fn talk(ink: Ink, head: &str, text: impl std::fmt::Display) {
    let line = line(ink, head, text) + "\n";
    // Nobody is left to tell when stderr is closed.
    let _closed = io::stderr().lock().write_all(line.as_bytes());
}
