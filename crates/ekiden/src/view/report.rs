//! What is said last: the first error first, then every job with its time, then the receipt.

use super::RunRecord;
use super::plain::mark;
use super::record::{JobRecord, JobState, StepRecord, StepState};
use crate::style::{Ink, Palette};
use crate::text;
use domain::{Annotation, AnnotationLevel, Conclusion, Enforcement, Isolation, Receipt};
use engine::local::JobWeight;
use std::fmt::Write as _;

/// Lines of the failed step that are shown again.
const TAIL_LINES: usize = 12;
/// Lines of an error's message that are shown below its first.
const MESSAGE_LINES: usize = 5;
/// Jobs that are listed one by one; of more, those that went well are counted.
const LISTED_JOBS: usize = 40;

/// What the closing text is made of, beside the record.
#[derive(Debug)]
pub(crate) struct Closing<'a> {
    /// What the run came to.
    pub(crate) conclusion: Conclusion,
    /// How long it took.
    pub(crate) micros: u64,
    /// Whether the failed step's last lines are shown again (not where they were just printed).
    pub(crate) tail: TailShown,
    /// Lines to end with: where logs and kept sandboxes are.
    pub(crate) remarks: &'a [String],
}

/// Whether a failed step's last lines are part of the closing text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailShown {
    /// They are.
    Yes,
    /// They stand right above.
    No,
}

/// The text.
pub(crate) fn closing_text(palette: Palette, record: &RunRecord, closing: &Closing<'_>) -> String {
    let mut out = String::from("\n");
    if let Some((job, step)) = record.first_failure() {
        first_error(&mut out, palette, job, step, closing.tail);
    }
    jobs(&mut out, palette, record);
    let all_skipped = record.jobs.iter().all(|job| job.conclusion() == Some(Conclusion::Skipped));
    let conclusion = if all_skipped { Conclusion::Skipped } else { closing.conclusion };
    let word = match conclusion {
        Conclusion::Success => palette.paint(Ink::Good, "success"),
        Conclusion::Failure => palette.paint(Ink::Bad, "failure"),
        Conclusion::Cancelled => palette.paint(Ink::Warn, "cancelled"),
        Conclusion::Skipped => palette.paint(Ink::Dim, "nothing ran"),
    };
    push(&mut out, format_args!("{} {word} in {}", mark(palette, conclusion), text::micros(closing.micros)));
    if let Some(text) = receipts(record) {
        push(&mut out, palette.paint(Ink::Dim, text));
    }
    for remark in closing.remarks {
        push(&mut out, remark);
    }
    out
}

fn push(out: &mut String, line: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _never = writeln!(out, "{line}");
}

fn first_error(out: &mut String, palette: Palette, job: &JobRecord, step: &StepRecord, tail: TailShown) {
    let title = format!("{} › {}", job.name, step.name);
    push(out, format_args!("{} {}", palette.paint(Ink::Bad, "first error:"), palette.paint(Ink::Strong, title)));
    if tail == TailShown::Yes {
        for line in step.tail.lines(TAIL_LINES) {
            push(out, format_args!("  {} {}", palette.paint(Ink::Dim, "│"), super::clean::clean(line)));
        }
    }
    let errors = job.annotations.iter().filter(|(at, a)| *at == step.step && a.level == AnnotationLevel::Error);
    for (_, annotation) in errors.take(5) {
        push(out, format_args!("  {}", annotation_line(palette, annotation)));
        // The head of a message says where, the lines below it say what.
        for line in annotation.message.lines().skip(1).take(MESSAGE_LINES) {
            push(out, format_args!("    {}", super::clean::clean(line)));
        }
    }
    out.push('\n');
}

fn annotation_line(palette: Palette, annotation: &Annotation) -> String {
    let (ink, word) = match annotation.level {
        AnnotationLevel::Error => (Ink::Bad, "error"),
        AnnotationLevel::Warning => (Ink::Warn, "warning"),
        AnnotationLevel::Notice => (Ink::Mark, "notice"),
    };
    let mut place = annotation.file.clone().unwrap_or_default();
    if let (false, Some(line)) = (place.is_empty(), annotation.line) {
        let _never = write!(place, ":{line}");
        if let Some(column) = annotation.column {
            let _never = write!(place, ":{column}");
        }
    }
    let mut text = super::clean::clean(annotation.message.lines().next().unwrap_or_default());
    if let Some(title) = &annotation.title {
        text = format!("{}: {text}", super::clean::clean(title));
    }
    let head = palette.paint(ink, format_args!("{word}:"));
    if place.is_empty() { format!("{head} {text}") } else { format!("{head} {place}: {text}") }
}

fn jobs(out: &mut String, palette: Palette, record: &RunRecord) {
    let listed = |job: &&JobRecord| record.jobs.len() <= LISTED_JOBS || job.conclusion() != Some(Conclusion::Success);
    let shown: Vec<&JobRecord> = record.jobs.iter().filter(listed).collect();
    let width = shown.iter().map(|job| console::measure_text_width(&job.name)).max().unwrap_or(0).min(60);
    for job in &shown {
        let pad = " ".repeat(width.saturating_sub(console::measure_text_width(&job.name)));
        let (mark, told) = match &job.state {
            JobState::Running { .. } => (mark(palette, Conclusion::Cancelled), "did not end".to_owned()),
            JobState::Skipped { reason } => (
                mark(palette, Conclusion::Skipped),
                format!("{:>9}  {}", "-", palette.paint(Ink::Dim, format_args!("skipped: {reason}"))),
            ),
            JobState::Finished { conclusion, micros } => {
                let mut told = format!("{:>9}", text::micros(*micros));
                let failed = job
                    .steps
                    .iter()
                    .find(|step| matches!(step.state, StepState::Finished { conclusion: Conclusion::Failure, .. }));
                if let Some(step) = failed {
                    let _never = write!(told, "  {}", step.name);
                }
                if (*conclusion, job.weight) == (Conclusion::Failure, JobWeight::Tolerated) {
                    told.push_str(", failed, and may");
                }
                (mark(palette, *conclusion), told)
            }
        };
        push(out, format_args!("{mark} {}{pad}  {told}", job.name));
        let noted = job.annotations.iter().filter(|(_, annotation)| annotation.level != AnnotationLevel::Error);
        for (_, annotation) in noted.take(10) {
            push(out, format_args!("    {}", annotation_line(palette, annotation)));
        }
        if job.more_annotations > 0 {
            push(out, format_args!("    … and {} more annotations", job.more_annotations));
        }
    }
    let rest = record.jobs.len() - shown.len();
    if rest > 0 {
        push(out, format_args!("{} {rest} more jobs", mark(palette, Conclusion::Success)));
    }
}

/// One line for all jobs: they ran the same way on the same machine. What is not in force is said, with its reason.
fn receipts(record: &RunRecord) -> Option<String> {
    let all: Vec<&Receipt> = record.jobs.iter().filter_map(|job| job.receipt.as_ref()).collect();
    let first = all.first()?;
    let mut text = format!(
        "ran on {} · {} ({}) · network {} · root {}",
        first.machine, first.backend, first.profile, first.network, first.root
    );
    if let Some(start) = all.iter().map(|receipt| receipt.start_micros).max() {
        let _never = write!(text, " · sandbox ready in {}", text::micros(start));
    }
    if let Some(peak) = all.iter().filter_map(|receipt| receipt.peak_memory).max() {
        let _never = write!(text, " · peak memory {}", text::bytes(peak));
    }
    weak(&mut text, &first.isolation);
    for (job, limit) in record.jobs.iter().filter_map(|job| Some((job, job.receipt.as_ref()?.limit_reached.as_ref()?)))
    {
        let _never = write!(text, "\n{} reached its {limit}; {} raises it", job.name, limit.flag());
    }
    Some(text)
}

/// What is not enforced by the kernel. An ordinary user's limits are watched on most machines: one line, not a paragraph each time.
fn weak(text: &mut String, isolation: &[Isolation]) {
    let mut watched: Vec<&str> = Vec::new();
    for isolation in isolation {
        let name = isolation.name.as_str();
        match &isolation.enforcement {
            // What nobody asked for is not missing.
            Enforcement::Off { reason } if reason.contains("none was asked for") => {}
            Enforcement::Off { .. } if name == "control group" && !watched.is_empty() => {}
            Enforcement::Soft { value } if value.contains("; watched, for ") => watched.push(name),
            Enforcement::Off { reason } => {
                let _never = write!(text, "\nnot in force: {name}: {reason}");
            }
            Enforcement::Soft { value } => {
                let _never = write!(text, "\nwatched only: {name}: {value}");
            }
            Enforcement::On { .. } => {}
        }
    }
    if !watched.is_empty() {
        let _never = write!(
            text,
            "\nwatched, not enforced by the kernel: {} (`ekiden doctor` says why, and what would change it)",
            watched.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::weak;
    use domain::{Enforcement, Isolation};

    fn told(isolation: &[(&str, Enforcement)]) -> String {
        let isolation = isolation
            .iter()
            .map(|(name, enforcement)| Isolation { name: (*name).to_owned(), enforcement: enforcement.clone() });
        let mut text = String::new();
        weak(&mut text, &isolation.collect::<Vec<_>>());
        text
    }

    #[test]
    fn watched_limits_are_one_line_and_the_rest_is_said_in_full() {
        let soft = |value: &str| Enforcement::Soft { value: value.to_owned() };
        let off = |reason: &str| Enforcement::Off { reason: reason.to_owned() };
        assert_eq!(
            told(&[("seccomp", Enforcement::On { value: String::new() }), ("cpu limit", off("none was asked for"))]),
            ""
        );
        assert_eq!(
            told(&[
                ("memory limit", soft("9120 MiB; watched, for /sys is not writable")),
                ("control group", off("no control group can be made here")),
                ("disk limit", soft("1 MiB; watched, for an ordinary user can mount no image")),
                ("user namespace", off("no ids")),
            ]),
            "\nnot in force: user namespace: no ids\nwatched, not enforced by the kernel: memory limit, disk limit \
             (`ekiden doctor` says why, and what would change it)"
        );
    }
}
