//! The live tree on a terminal: finished jobs scroll away, what runs is redrawn in place. The cursor is never hidden, and no mode
//! of the terminal is changed, so that an end at any moment leaves it usable.

use super::clean::clean;
use super::plain::mark;
use super::record::{JobRecord, JobState, StepRecord, StepState};
use super::{LogFiles, RunRecord, View};
use crate::style::{Ink, Palette};
use crate::text;
use console::Term;
use domain::{Conclusion, JobEvent, JobEventKind, StepPhase, Timestamp};
use std::collections::HashSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(80);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Lines of a running step that are shown.
const TAIL_LINES: usize = 6;
/// Lines of a failed step that stay.
const FAILED_LINES: usize = 30;

/// The tree.
#[derive(Debug)]
pub(crate) struct Tree {
    term: Term,
    palette: Palette,
    files: Option<LogFiles>,
    /// Bytes of a step that are looked at; the files have the rest.
    limit: u64,
    seen: std::collections::HashMap<(domain::JobId, domain::StepRef), u64>,
    /// Jobs that have scrolled away.
    told: HashSet<domain::JobId>,
    /// Lines that scroll away with the next frame.
    leaving: String,
    /// The widths of the lines of the last frame: what has to be erased.
    drawn: Vec<usize>,
    last_frame: Option<Instant>,
    turn: usize,
    clock: std::sync::Arc<dyn domain::Clock>,
}

impl Tree {
    /// Draws on stdout.
    pub(crate) fn new(
        palette: Palette,
        files: Option<LogFiles>,
        limit: u64,
        clock: std::sync::Arc<dyn domain::Clock>,
    ) -> Self {
        Self {
            term: Term::stdout(),
            palette,
            files,
            limit,
            seen: std::collections::HashMap::new(),
            told: HashSet::new(),
            leaving: String::new(),
            drawn: Vec::new(),
            last_frame: None,
            turn: 0,
            clock,
        }
    }

    /// A job that ended leaves the live part: one line when it went well, its steps and the end of its log when not.
    fn job_ended(&mut self, job: &JobRecord) {
        if !self.told.insert(job.id.clone()) {
            return;
        }
        let palette = self.palette;
        let (conclusion, told) = match &job.state {
            JobState::Finished { conclusion, micros } => (*conclusion, text::micros(*micros)),
            JobState::Skipped { reason } => {
                (Conclusion::Skipped, palette.paint(Ink::Dim, format_args!("skipped: {reason}")))
            }
            JobState::Running { .. } => return,
        };
        self.leave(&format!("{} {}  {told}", mark(palette, conclusion), palette.paint(Ink::Strong, &job.name)));
        if conclusion != Conclusion::Failure {
            return;
        }
        let lines: Vec<String> =
            job.steps.iter().filter(|step| is_shown(step)).flat_map(|step| self.step_lines(step)).collect();
        for line in lines {
            self.leave(&line);
        }
        if let Some(path) = self.files.as_ref().and_then(|files| files.path(&job.id)) {
            let line = palette.paint(Ink::Dim, format_args!("  the whole log: {}", path.display()));
            self.leave(&line);
        }
    }

    fn leave(&mut self, line: &str) {
        self.leaving.push_str(line);
        self.leaving.push('\n');
    }

    /// An ended step, with the end of its log when it failed.
    fn step_lines(&self, step: &StepRecord) -> Vec<String> {
        let palette = self.palette;
        let StepState::Finished { outcome, conclusion, micros } = step.state else { return Vec::new() };
        let time = if outcome == Conclusion::Skipped { "skipped".to_owned() } else { text::micros(micros) };
        let mut lines = vec![format!("  {} {}  {}", mark(palette, outcome), step.name, palette.paint(Ink::Dim, time))];
        if conclusion == Conclusion::Failure {
            let bar = palette.paint(Ink::Dim, "│");
            let tail = folded(palette, &step.tail.lines(5 * FAILED_LINES), FAILED_LINES);
            lines.extend(tail.into_iter().map(|line| format!("    {bar} {line}")));
        }
        lines
    }

    fn running_job(&self, job: &JobRecord, now: Timestamp) -> Vec<String> {
        let palette = self.palette;
        let spin = palette.paint(Ink::Mark, SPINNER[self.turn % SPINNER.len()]);
        let JobState::Running { since } = job.state else { return Vec::new() };
        let time = palette.paint(Ink::Dim, elapsed(now, since));
        let mut lines = vec![format!("{spin} {}  {time}", palette.paint(Ink::Strong, &job.name))];
        let ended: Vec<&StepRecord> = job
            .steps
            .iter()
            .filter(|step| is_shown(step) && !matches!(step.state, StepState::Running { .. }))
            .collect();
        let hidden = ended.len().saturating_sub(5);
        if hidden > 0 {
            lines.push(palette.paint(Ink::Dim, format_args!("  … {hidden} earlier steps")));
        }
        lines.extend(ended[hidden..].iter().flat_map(|step| self.step_lines(step).into_iter().take(1)));
        for step in job.running() {
            let StepState::Running { since } = step.state else { continue };
            let time = palette.paint(Ink::Dim, elapsed(now, since));
            lines.push(format!("  {spin} {}  {time}", step.name));
            let bar = palette.paint(Ink::Dim, "│");
            let tail = folded(palette, &step.tail.lines(200), TAIL_LINES);
            lines.extend(tail.into_iter().map(|line| format!("    {bar} {line}")));
        }
        lines
    }

    fn draw(&mut self, record: &RunRecord, live: Live) -> io::Result<()> {
        let (rows, columns) = self.term.size();
        let (rows, columns) = (usize::from(rows.max(4)), usize::from(columns.max(20)));
        let now = self.clock.now();
        let mut lines: Vec<String> = Vec::new();
        if live == Live::Yes {
            let running: Vec<&JobRecord> =
                record.jobs.iter().filter(|job| matches!(job.state, JobState::Running { .. })).collect();
            let most = (rows - 1) / running.len().max(1);
            for job in running {
                let mut of_job = self.running_job(job, now);
                // The head of the job and the latest lines matter most.
                if of_job.len() > most.max(1) {
                    let cut = of_job.len() - most.max(1);
                    of_job.drain(1..=cut.min(of_job.len() - 1));
                }
                lines.extend(of_job);
            }
            lines.truncate(rows - 1);
        }
        let mut frame = String::from("\x1b[?2026h");
        // A line that was wider than the window is now takes several rows.
        let old: usize = self.drawn.iter().map(|width| (*width).max(1).div_ceil(columns)).sum();
        if old > 0 {
            frame.push_str(&format!("\x1b[{old}F"));
        }
        frame.push_str("\x1b[J");
        frame.push_str(&std::mem::take(&mut self.leaving));
        self.drawn.clear();
        for line in lines {
            let line = console::truncate_str(&line, columns - 1, "…").into_owned();
            self.drawn.push(console::measure_text_width(&line));
            frame.push_str(&line);
            frame.push_str("\x1b[0m\n");
        }
        frame.push_str("\x1b[?2026l");
        let mut term = &self.term;
        term.write_all(frame.as_bytes())?;
        term.flush()?;
        self.last_frame = Some(Instant::now());
        Ok(())
    }
}

/// Whether the running part is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Live {
    Yes,
    No,
}

/// The job's own set-up and clean-up are shown only when they failed or take their time.
fn is_shown(step: &StepRecord) -> bool {
    match step.state {
        StepState::Running { .. } => true,
        StepState::Finished { conclusion, micros, .. } => {
            conclusion == Conclusion::Failure
                || micros > 1_000_000
                || !matches!(step.phase, StepPhase::SetUp | StepPhase::Complete)
        }
    }
}

/// The last lines, with the lines of ended groups folded into the group's name.
fn folded(palette: Palette, lines: &[&str], most: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut group: Option<usize> = None;
    for line in lines {
        if let Some(name) = line.strip_prefix("##[group]") {
            group = Some(out.len());
            out.push(format!("▸ {}", clean(name)));
        } else if line.starts_with("##[endgroup]") {
            if let Some(at) = group.take() {
                out.truncate(at + 1);
            }
        } else {
            out.push(marked(palette, line));
        }
    }
    out.split_off(out.len().saturating_sub(most))
}

/// A line as a person reads it: `##[error]` and its kin as words.
fn marked(palette: Palette, line: &str) -> String {
    for (head, ink, word) in [
        ("##[error]", Ink::Bad, "error: "),
        ("##[warning]", Ink::Warn, "warning: "),
        ("##[notice]", Ink::Mark, "notice: "),
        ("##[command]", Ink::Mark, "$ "),
        ("##[debug]", Ink::Dim, "debug: "),
    ] {
        if let Some(rest) = line.strip_prefix(head) {
            return format!("{}{}", palette.paint(ink, word), clean(rest));
        }
    }
    clean(line)
}

fn elapsed(now: Timestamp, since: Timestamp) -> String {
    text::micros(u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX) / 100_000 * 100_000)
}

impl View for Tree {
    fn event(&mut self, event: &JobEvent, record: &RunRecord) -> io::Result<()> {
        if let Some(files) = &mut self.files {
            files.event(event)?;
        }
        match &event.kind {
            JobEventKind::Output { step, text } => {
                let seen = self.seen.entry((event.job.clone(), *step)).or_default();
                let before = *seen;
                *seen += text.len() as u64;
                if before <= self.limit && *seen > self.limit {
                    let path = self.files.as_ref().and_then(|files| files.path(&event.job));
                    let place = path.map_or_else(String::new, |path| format!("; the whole is in {}", path.display()));
                    let limit = text::bytes(self.limit);
                    self.leave(&format!("… a step said more than {limit}{place}"));
                }
            }
            JobEventKind::JobSkipped { .. } | JobEventKind::JobFinished { .. } => {
                if let Some(job) = record.job(&event.job) {
                    self.job_ended(job);
                }
            }
            _ => {}
        }
        if self.last_frame.is_some_and(|at| at.elapsed() < FRAME) { Ok(()) } else { self.draw(record, Live::Yes) }
    }

    fn idle(&mut self, record: &RunRecord) -> io::Result<()> {
        if self.last_frame.is_none_or(|at| at.elapsed() >= FRAME) {
            self.turn = self.turn.wrapping_add(1);
            self.draw(record, Live::Yes)?;
        }
        Ok(())
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn finish(&mut self, record: &RunRecord, closing: &str) -> io::Result<()> {
        self.leaving.push_str(closing);
        self.draw(record, Live::No)
    }
}

#[cfg(test)]
mod tests {
    use super::folded;
    use crate::style::Palette::Plain;

    #[test]
    fn an_ended_group_shows_its_name_alone() {
        let lines = ["before", "##[group]fetch", "a", "b", "##[endgroup]", "##[group]build", "c"];
        assert_eq!(folded(Plain, &lines, 6), ["before", "▸ fetch", "▸ build", "c"]);
        assert_eq!(folded(Plain, &["##[error]it broke"], 6), ["error: it broke"]);
    }

    #[test]
    fn the_last_lines_are_shown() {
        let lines: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(folded(Plain, &lines, 6), ["14", "15", "16", "17", "18", "19"]);
    }
}
