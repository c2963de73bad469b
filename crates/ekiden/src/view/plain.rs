//! A run as plain lines: every line of every step, groups included. With more than one job each line bears the job's name.

use super::{LogFiles, RunRecord, View};
use crate::style::{Ink, JobColors, Palette};
use crate::text;
use domain::{Conclusion, JobEvent, JobEventKind, JobId, StepRef};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufWriter, Stdout, Write};

/// How many jobs the run may have: whether lines need a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// One.
    One,
    /// More, or nobody knows yet.
    Many,
}

/// The plain view.
#[derive(Debug)]
pub(crate) struct Plain {
    out: BufWriter<Stdout>,
    palette: Palette,
    colors: JobColors,
    jobs: Jobs,
    /// Bytes of a step that are shown, and the files that have the rest.
    limit: Option<(u64, LogFiles)>,
    shown: HashMap<(JobId, StepRef), u64>,
    /// For lines that get a prefix: made once, used again.
    scratch: Vec<u8>,
}

impl Plain {
    /// Writes to stdout; with `limit`, so many bytes of each step.
    pub(crate) fn new(palette: Palette, colors: JobColors, jobs: Jobs, limit: Option<(u64, LogFiles)>) -> Self {
        let out = BufWriter::with_capacity(64 << 10, io::stdout());
        Self { out, palette, colors, jobs, limit, shown: HashMap::new(), scratch: Vec::new() }
    }

    fn line(&mut self, job: &str, text: &str) -> io::Result<()> {
        match self.jobs {
            Jobs::One => writeln!(self.out, "{text}"),
            Jobs::Many => writeln!(self.out, "{} {text}", self.palette.paint(Ink::Dim, format_args!("[{job}]"))),
        }
    }

    fn output(&mut self, job: &str, beside: Option<&str>, text: &str) -> io::Result<()> {
        let text = match self.colors {
            JobColors::Removed if text.contains('\x1b') => console::strip_ansi_codes(text),
            JobColors::Removed | JobColors::Kept => Cow::Borrowed(text),
        };
        let text = &*text;
        let colored = self.palette == Palette::Colored && text.contains("##[");
        if self.jobs == Jobs::One && beside.is_none() && !colored {
            // The way of a big log: no look at its lines, no copy.
            return self.out.write_all(text.as_bytes());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let mut prefix = match self.jobs {
            Jobs::One => String::new(),
            Jobs::Many => format!("{} ", self.palette.paint(Ink::Dim, format_args!("[{job}]"))),
        };
        if let Some(step) = beside {
            prefix.push_str(&self.palette.paint(Ink::Dim, format_args!("({step}) ")));
        }
        for line in text.split_inclusive('\n') {
            scratch.extend_from_slice(prefix.as_bytes());
            if colored && line.starts_with("##[") {
                scratch.extend_from_slice(marked(self.palette, line).as_bytes());
            } else {
                scratch.extend_from_slice(line.as_bytes());
            }
        }
        self.out.write_all(&scratch)?;
        self.scratch = scratch;
        Ok(())
    }

    /// What of the text is shown under the limit, and what to say when it is reached.
    fn allowed<'a>(&mut self, job: &JobId, step: StepRef, text: &'a str) -> (&'a str, Option<String>) {
        let Some((limit, files)) = &self.limit else { return (text, None) };
        let shown = self.shown.entry((job.clone(), step)).or_default();
        let left = limit.saturating_sub(*shown);
        let size = text.len() as u64;
        *shown += size;
        if size <= left {
            return (text, None);
        }
        if left == 0 {
            return ("", None);
        }
        let cut =
            text.get(..usize::try_from(left).unwrap_or(usize::MAX)).map_or(0, |t| t.rfind('\n').map_or(0, |at| at + 1));
        let place = files.path(job).map_or_else(String::new, |path| format!("; the whole is in {}", path.display()));
        (&text[..cut], Some(format!("… more than {} of this step are not shown{place}", text::bytes(*limit))))
    }
}

/// A `##[…]` line as a person reads it.
fn marked(palette: Palette, line: &str) -> String {
    let body = line.trim_end_matches('\n');
    for (head, ink) in [
        ("##[group]", Ink::Strong),
        ("##[error]", Ink::Bad),
        ("##[warning]", Ink::Warn),
        ("##[notice]", Ink::Mark),
        ("##[debug]", Ink::Dim),
        ("##[command]", Ink::Mark),
        ("##[endgroup]", Ink::Dim),
    ] {
        if body.starts_with(head) {
            return format!("{}\n", palette.paint(ink, body));
        }
    }
    line.to_owned()
}

/// The mark of a conclusion.
pub(super) fn mark(palette: Palette, conclusion: Conclusion) -> String {
    match conclusion {
        Conclusion::Success => palette.paint(Ink::Good, "✓"),
        Conclusion::Failure => palette.paint(Ink::Bad, "✗"),
        Conclusion::Cancelled => palette.paint(Ink::Warn, "⊘"),
        Conclusion::Skipped => palette.paint(Ink::Dim, "○"),
    }
}

impl View for Plain {
    fn event(&mut self, event: &JobEvent, record: &RunRecord) -> io::Result<()> {
        let ended = self.limit.as_mut().and_then(|(_, files)| files.event(event));
        if let Some(ended) = ended {
            writeln!(self.out, "{ended}")?;
        }
        let Some(job) = record.job(&event.job) else { return Ok(()) };
        let palette = self.palette;
        match &event.kind {
            JobEventKind::JobStarted { .. } if self.jobs == Jobs::Many => self.line(&job.name, "started"),
            JobEventKind::StepStarted { name, .. } => {
                self.line(&job.name, &format!("{} {}", palette.paint(Ink::Mark, "▶"), palette.paint(Ink::Strong, name)))
            }
            JobEventKind::Output { step, text } => {
                let beside = (job.running().count() > 1).then(|| job.step(*step).map_or("", |step| step.name.as_str()));
                let (text, note) = self.allowed(&event.job, *step, text);
                self.output(&job.name, beside, text)?;
                note.map_or(Ok(()), |note| self.line(&job.name, &note))
            }
            JobEventKind::StepFinished { name, outcome, conclusion, micros, .. } => {
                let time = text::micros(*micros);
                let told = match (outcome, conclusion) {
                    (Conclusion::Skipped, _) => palette.paint(Ink::Dim, "skipped"),
                    (Conclusion::Failure, Conclusion::Success) => format!("{time}, failed, and may"),
                    _ => time,
                };
                self.line(&job.name, &format!("{} {name}  {told}", mark(palette, *outcome)))
            }
            JobEventKind::JobSkipped { reason, .. } => {
                self.line(&job.name, &format!("{} skipped: {reason}", mark(palette, Conclusion::Skipped)))
            }
            JobEventKind::JobFinished { conclusion, micros, .. } if self.jobs == Jobs::Many => self
                .line(&job.name, &format!("{} {conclusion} in {}", mark(palette, *conclusion), text::micros(*micros))),
            _ => Ok(()),
        }
    }

    fn idle(&mut self, _: &RunRecord) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _: &RunRecord, closing: &str) -> io::Result<()> {
        self.out.write_all(closing.as_bytes())?;
        self.out.flush()
    }
}
