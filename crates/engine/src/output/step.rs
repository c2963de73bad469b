//! The way of a process's output: lines, then commands, then problem matchers, then masks. `job` feeds it while the process runs.

use super::framing::{Frame, Framer, text};
use super::log::{EVENT_BYTES, StepLog};
use super::problems::{Files, JobMatchers, RepositoryIdentity, level};
use super::scan::Suspects;
use crate::commands::command::Echo;
use crate::commands::files::{CommandFile, process};
use crate::commands::interpreter::Interpreter;
use crate::commands::line::may_be_command;
use crate::commands::matchers::list::without_colours;
use crate::commands::matchers::{MatcherList, Problem};
use crate::commands::place::Place;
use crate::commands::{CommandRules, Effects};
use domain::AnnotationLevel;
use mask::Stream;
use sandbox::{Collected, Sandbox};
use std::sync::Arc;

mod obey;

/// The most bytes of a problem matcher file.
const MATCHER_FILE_LIMIT: u64 = 1024 * 1024;

/// Which of its two outputs a process writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaker {
    /// Standard output.
    #[default]
    Output,
    /// Standard error.
    Error,
}

/// Reads what one process says. Standard output and error are read line by line, each for itself, as the reference reads them: what
/// one leaves unfinished does not become the beginning of the other's next line. Commands of both are those of the one step.
#[derive(Debug)]
pub struct StepOutput<'step> {
    log: Arc<StepLog>,
    sandbox: &'step dyn Sandbox,
    files: Files<'step>,
    interpreter: Interpreter,
    job_matchers: JobMatchers,
    /// Who speaks.
    speaker: Speaker,
    side: Side,
    /// Of who does not speak now.
    other: Side,
    effects: Effects,
}

/// What is between the bytes of one output and its lines.
#[derive(Debug)]
struct Side {
    framer: Framer,
    matchers: MatcherList,
    matchers_version: u64,
    stream: Stream,
    /// Masked lines that wait to be put on the stream; the last one may still grow.
    lines: Vec<u8>,
}

impl Side {
    fn new(log: &StepLog) -> Self {
        Self {
            framer: Framer::default(),
            matchers: MatcherList::default(),
            matchers_version: 0,
            stream: log.masker().stream(),
            lines: Vec::new(),
        }
    }
}

impl<'step> StepOutput<'step> {
    /// For a process that has not said anything yet.
    pub fn new(
        log: Arc<StepLog>,
        sandbox: &'step dyn Sandbox,
        job_matchers: JobMatchers,
        identity: RepositoryIdentity,
        rules: CommandRules,
    ) -> Self {
        let echo = if log.debugging() == super::Debugging::Shown { Echo::On } else { Echo::Off };
        let (side, other) = (Side::new(&log), Side::new(&log));
        Self {
            log,
            sandbox,
            files: Files::new(sandbox, identity),
            interpreter: Interpreter::new(rules, echo),
            job_matchers,
            speaker: Speaker::default(),
            side,
            other,
            effects: Effects::default(),
        }
    }

    /// Takes the next bytes of a pipe and puts all whole lines on the stream; waits when its reader is slow. Give it as much as
    /// one read gave.
    pub async fn take(&mut self, from: Speaker, bytes: &[u8]) {
        self.speaks(from);
        self.side.framer.push(bytes);
        let mut framer = std::mem::take(&mut self.side.framer);
        while let Some(frame) = framer.frame() {
            let length = self.frame(frame).await;
            framer.consume(length);
        }
        self.side.framer = framer;
        self.flush().await;
    }

    fn speaks(&mut self, speaker: Speaker) {
        if self.speaker != speaker {
            self.speaker = speaker;
            std::mem::swap(&mut self.side, &mut self.other);
        }
    }

    /// The pipes were closed: what is left is a line too.
    pub async fn finish(&mut self) {
        for speaker in [Speaker::Output, Speaker::Error] {
            self.speaks(speaker);
            let mut framer = std::mem::take(&mut self.side.framer);
            if let Some(frame) = framer.finish() {
                self.frame(frame).await;
            }
            self.end_of_text();
            self.flush().await;
        }
    }

    /// Processes the command files of the process, in their order.
    pub async fn command_files(&mut self, files: impl IntoIterator<Item = (CommandFile, Collected)>) {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by_key(|(file, _)| *file);
        for (file, collected) in files {
            let said = process(file, &collected);
            let mut broken = false;
            for said in said {
                if let Err(error) = self.act(said).await
                    && !broken
                {
                    broken = true;
                    self.error(&format!("Unable to process file command '{}' successfully.", file.context_key())).await;
                    self.error(&error).await;
                    self.effects.fail();
                }
            }
        }
        self.flush().await;
    }

    /// What the commands and files changed.
    #[must_use]
    pub fn into_effects(self) -> Effects {
        self.effects
    }

    async fn frame(&mut self, frame: Frame<'_>) -> usize {
        match frame {
            Frame::Lines(bytes) => {
                self.read(&text(bytes)).await;
                bytes.len()
            }
            Frame::LastPiece(bytes) => {
                self.plain(&text(bytes)).await;
                bytes.len()
            }
            Frame::Piece(bytes) => {
                self.plain(&text(bytes)).await;
                if self.side.lines.last().is_some_and(|last| *last != b'\n') {
                    self.side.lines.push(b'\n');
                }
                bytes.len()
            }
        }
    }

    /// Reads whole lines. Where nothing looks like a command and no matcher listens, they are masked and printed in one go.
    async fn read(&mut self, text: &str) {
        if let Some(matchers) = self.job_matchers.newer_than(&mut self.side.matchers_version) {
            self.side.matchers = matchers;
        }
        let (mut printed, mut from) = (0, 0);
        let mut suspects = Suspects::new(text);
        while self.side.matchers.is_empty()
            && let Some((start, end)) = suspects.from(from)
        {
            from = end + 1;
            if let Some(said) = self.interpreter.line(&text[start..end]) {
                self.plain(&text[printed..start]).await;
                self.command(said).await;
                printed = from;
            }
        }
        if !self.side.matchers.is_empty() {
            self.match_lines(text, printed, from).await;
        } else if let Some(rest) = text.get(printed..) {
            self.plain(rest).await;
        }
    }

    /// Reads line by line from `from` on; what stands between `printed` and there is plain.
    async fn match_lines(&mut self, text: &str, mut printed: usize, mut from: usize) {
        while let Some(line) = text.get(from..).and_then(|rest| rest.split('\n').next()).filter(|_| from < text.len()) {
            let start = from;
            from += line.len() + 1;
            if may_be_command(line)
                && let Some(said) = self.interpreter.line(line)
            {
                self.plain(&text[printed..start]).await;
                self.command(said).await;
                printed = from;
                continue;
            }
            let stripped = without_colours(line);
            let mut skipped = Vec::new();
            let found = self.side.matchers.line(&stripped, |problem| match level(problem) {
                Ok(_) => true,
                Err(reason) => {
                    skipped.push(reason);
                    false
                }
            });
            if found.problem.is_none() && found.dropped.is_empty() && skipped.is_empty() {
                continue;
            }
            self.plain(&text[printed..start]).await;
            self.end_of_text();
            printed = start;
            for reason in skipped {
                self.log.write_debug(&reason, &mut self.side.lines);
            }
            for owner in found.dropped {
                let message =
                    format!("Removing issue matcher '{owner}'. Matcher failed 3 times. Error: it takes too long.");
                self.annotate(AnnotationLevel::Warning, &message, None, Place::default(), None).await;
            }
            if let Some(problem) = found.problem {
                self.problem(&problem, &stripped).await;
                printed = from;
            }
        }
        if let Some(rest) = text.get(printed..) {
            self.plain(rest).await;
        }
    }

    async fn problem(&mut self, problem: &Problem, line: &str) {
        let place = self.files.place(problem).await;
        let level = level(problem).unwrap_or(AnnotationLevel::Error);
        let message = problem.message.as_deref().unwrap_or_default();
        self.annotate(level, message, None, place, Some(line)).await;
    }

    async fn error(&mut self, message: &str) {
        self.annotate(AnnotationLevel::Error, message, None, Place::default(), None).await;
    }

    async fn annotate(
        &mut self,
        level: AnnotationLevel,
        message: &str,
        title: Option<&str>,
        place: Place,
        line: Option<&str>,
    ) {
        let annotation = self.log.write_annotation(level, message, title, place, line, &mut self.side.lines);
        if annotation.is_some() {
            self.flush().await;
            self.log.emit_annotation(annotation).await;
        }
    }

    /// Masks plain lines (or a piece of one); puts them on the stream when they fill an event.
    async fn plain(&mut self, text: &str) {
        let Side { stream, lines, .. } = &mut self.side;
        stream.push(text.as_bytes(), lines);
        if self.side.lines.len() >= EVENT_BYTES {
            self.flush().await;
        }
    }

    /// What was held back as a possible beginning of a secret was none: something else follows.
    fn end_of_text(&mut self) {
        let Side { stream, lines, .. } = &mut self.side;
        stream.finish(lines);
        if self.side.lines.last().is_some_and(|last| *last != b'\n') {
            self.side.lines.push(b'\n');
        }
    }

    /// Puts all whole lines on the stream.
    async fn flush(&mut self) {
        let whole = match self.side.lines.last() {
            None => return,
            Some(b'\n') => self.side.lines.len(),
            Some(_) => memchr::memrchr(b'\n', &self.side.lines).map_or(0, |at| at + 1),
        };
        if whole > 0 {
            let rest = self.side.lines.split_off(whole);
            self.log.emit(&mut self.side.lines).await;
            self.side.lines.extend_from_slice(&rest);
        }
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
