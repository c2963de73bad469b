//! What the tree says: a job that runs, within the rows that it may take, and a job that ended. Called by `live`.

use super::super::clean::clean;
use super::super::plain::mark;
use super::super::record::{JobRecord, JobState, StepRecord, StepState};
use crate::style::{Ink, Palette};
use crate::text;
use domain::{Conclusion, StepPhase, Timestamp};
use std::path::Path;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Lines of a running step that are shown.
const TAIL_LINES: usize = 6;
/// Ended steps of a running job that are shown.
const ENDED_STEPS: usize = 5;
/// Lines of a failed step that stay.
const FAILED_LINES: usize = 30;

/// When and how a frame is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// With or without colours.
    pub(super) palette: Palette,
    /// Counts frames; the spinner turns with it.
    pub(super) turn: usize,
    /// For how long things have been running.
    pub(super) now: Timestamp,
}

/// All jobs that run, in at most `rows` lines.
pub(super) fn running<'a>(look: Look, jobs: impl Iterator<Item = &'a JobRecord>, rows: usize) -> Vec<String> {
    let running: Vec<&JobRecord> = jobs.filter(|job| matches!(job.state, JobState::Running { .. })).collect();
    let mut lines = Vec::new();
    for (place, job) in running.iter().enumerate() {
        // What a job does not need, those after it may take.
        let share = (rows - lines.len().min(rows)) / (running.len() - place);
        lines.extend(running_job(look, job, share.max(1)));
    }
    if lines.len() > rows {
        let hidden = lines.len() + 1 - rows;
        lines.truncate(rows - 1);
        lines.push(look.palette.paint(Ink::Dim, format_args!("… and {hidden} more jobs run")));
    }
    lines
}

/// The job's name; then, as long as there is room, the names of its running steps, their last lines, and the steps before them.
fn running_job(look: Look, job: &JobRecord, most: usize) -> Vec<String> {
    let Look { palette, turn, now } = look;
    let spin = palette.paint(Ink::Mark, SPINNER[turn % SPINNER.len()]);
    let JobState::Running { since } = job.state else { return Vec::new() };
    let time = |since| palette.paint(Ink::Dim, elapsed(now, since));
    let head = format!("{spin} {}  {}", palette.paint(Ink::Strong, &job.name), time(since));
    let mut room = most.saturating_sub(1);

    let running: Vec<&StepRecord> = job.running().take(room).collect();
    room -= running.len();
    let tail_lines = (room / running.len().max(1)).min(TAIL_LINES);
    let mut below = Vec::new();
    for step in running {
        let StepState::Running { since } = step.state else { continue };
        below.push(format!("  {spin} {}  {}", step.name, time(since)));
        let tail = tail(palette, step, 200, tail_lines);
        room = room.saturating_sub(tail.len());
        below.extend(tail);
    }

    let ended: Vec<&StepRecord> =
        job.steps.iter().filter(|step| is_shown(step) && !matches!(step.state, StepState::Running { .. })).collect();
    let shown = match ended.len() {
        all if all <= room.min(ENDED_STEPS) => all,
        // One row says how many there are besides.
        _ => room.saturating_sub(1).min(ENDED_STEPS),
    };
    let hidden = ended.len() - shown;
    let mut lines = vec![head];
    if hidden > 0 && room > 0 {
        let steps = if hidden == 1 { "step" } else { "steps" };
        lines.push(palette.paint(Ink::Dim, format_args!("  … {hidden} earlier {steps}")));
    }
    lines.extend(ended[hidden..].iter().filter_map(|step| step_line(palette, step)));
    lines.extend(below);
    lines
}

/// A job that ended: one line when it went well, its steps and the end of its log when not. Empty while it runs.
pub(super) fn ended(palette: Palette, job: &JobRecord, log: Option<&Path>) -> Vec<String> {
    let (conclusion, told) = match &job.state {
        JobState::Finished { conclusion, micros } => (*conclusion, text::micros(*micros)),
        JobState::Skipped { reason } => {
            (Conclusion::Skipped, palette.paint(Ink::Dim, format_args!("skipped: {reason}")))
        }
        JobState::Running { .. } => return Vec::new(),
    };
    let mut lines = vec![format!("{} {}  {told}", mark(palette, conclusion), palette.paint(Ink::Strong, &job.name))];
    if !matches!(conclusion, Conclusion::Failure | Conclusion::Cancelled) {
        return lines;
    }
    for step in job.steps.iter().filter(|step| is_shown(step)) {
        lines.extend(step_line(palette, step));
        if matches!(step.state, StepState::Finished { conclusion: Conclusion::Failure, .. }) {
            lines.extend(tail(palette, step, 5 * FAILED_LINES, FAILED_LINES));
        }
    }
    if let Some(path) = log {
        lines.push(palette.paint(Ink::Dim, format_args!("  the whole log: {}", path.display())));
    }
    lines
}

/// An ended step.
fn step_line(palette: Palette, step: &StepRecord) -> Option<String> {
    let StepState::Finished { outcome, micros, .. } = step.state else { return None };
    let time = if outcome == Conclusion::Skipped { "skipped".to_owned() } else { text::micros(micros) };
    Some(format!("  {} {}  {}", mark(palette, outcome), step.name, palette.paint(Ink::Dim, time)))
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

/// The last lines of a step, at most `most` of them after folding, made of its last `looked_at`.
fn tail(palette: Palette, step: &StepRecord, looked_at: usize, most: usize) -> Vec<String> {
    let bar = palette.paint(Ink::Dim, "│");
    let mut lines = step.tail.lines(looked_at);
    // The first group of a `run` step shows the script; its name says nothing that the step's name does not.
    let named_twice = lines.first().and_then(|line| line.strip_prefix("##[group]")) == Some(step.name.as_str());
    if named_twice && let Some(end) = lines.iter().position(|line| line.starts_with("##[endgroup]")) {
        lines.drain(..=end);
    }
    folded(palette, &lines, most).into_iter().map(|line| format!("    {bar} {line}")).collect()
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

/// A line as a person reads it: `##[error]` and its kin as words; without colours when they are refused.
fn marked(palette: Palette, line: &str) -> String {
    let clean = |line| match palette {
        Palette::Colored => clean(line),
        Palette::Plain => console::strip_ansi_codes(&clean(line)).into_owned(),
    };
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
