//! The log of one step: masked lines, tagged messages, annotations within their limits. Used by `job` and `output::step`.

use super::framing::{LONGEST_LINE, text, whole_characters};
use crate::commands::place::Place;
use crate::events::EventSink;
use domain::{Annotation, AnnotationLevel, JobEventKind, StepRef};
use mask::Masker;
use std::sync::atomic::{AtomicU32, Ordering};

/// Annotations of one level that a step shows; the log has them all (`execution-semantics` 3.5).
const ANNOTATIONS_SHOWN: u32 = 10;
/// The most characters of an annotation's message.
const MESSAGE_LENGTH: usize = 4096;
/// An event holds about so many bytes at most, unless one line is longer; then it holds that, or [`LONGEST_LINE`] of it.
pub(crate) const EVENT_BYTES: usize = 64 * 1024;

/// Whether `ACTIONS_STEP_DEBUG` asked for debug lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Debugging {
    /// They are shown.
    Shown,
    /// They are not.
    #[default]
    Hidden,
}

/// The log of one step. Masks everything that it is given.
#[derive(Debug)]
pub struct StepLog {
    sink: EventSink,
    step: StepRef,
    masker: Masker,
    debugging: Debugging,
    shown: [AtomicU32; 3],
}

impl StepLog {
    /// A log that nothing was said in yet.
    #[must_use]
    pub fn new(sink: EventSink, step: StepRef, masker: Masker, debugging: Debugging) -> Self {
        Self { sink, step, masker, debugging, shown: Default::default() }
    }

    /// The secrets of the job.
    #[must_use]
    pub const fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Where the job's events go.
    #[must_use]
    pub const fn sink(&self) -> &EventSink {
        &self.sink
    }

    /// Which step this is.
    #[must_use]
    pub const fn step(&self) -> StepRef {
        self.step
    }

    /// Whether debug lines are shown.
    #[must_use]
    pub const fn debugging(&self) -> Debugging {
        self.debugging
    }

    /// Says a text of one or more lines.
    pub async fn say(&self, text: &str) {
        let mut lines = Vec::with_capacity(text.len() + 1);
        self.write(text, &mut lines);
        self.emit(&mut lines).await;
    }

    /// Says something for who debugs a workflow.
    pub async fn debug(&self, text: impl FnOnce() -> String) {
        if self.debugging == Debugging::Shown {
            let mut lines = Vec::new();
            self.write_debug(&text(), &mut lines);
            self.emit(&mut lines).await;
        }
    }

    /// An error: a line and an annotation.
    pub async fn error(&self, message: &str) {
        self.annotate(AnnotationLevel::Error, message).await;
    }

    /// A warning: a line and an annotation.
    pub async fn warning(&self, message: &str) {
        self.annotate(AnnotationLevel::Warning, message).await;
    }

    /// A notice: a line and an annotation.
    pub async fn notice(&self, message: &str) {
        self.annotate(AnnotationLevel::Notice, message).await;
    }

    async fn annotate(&self, level: AnnotationLevel, message: &str) {
        let mut lines = Vec::new();
        let annotation = self.write_annotation(level, message, None, Place::default(), None, &mut lines);
        self.emit(&mut lines).await;
        self.emit_annotation(annotation).await;
    }

    /// The step's summary; masked here.
    pub async fn summary(&self, markdown: &str) {
        let markdown = self.masker.mask_text(markdown).into_owned();
        self.sink.emit(JobEventKind::Summary { step: self.step, markdown }).await;
    }

    /// Appends a text, masked, as whole lines.
    pub(crate) fn write(&self, text: &str, lines: &mut Vec<u8>) {
        lines.extend_from_slice(self.masker.mask_text(text).as_bytes());
        if lines.last() != Some(&b'\n') {
            lines.push(b'\n');
        }
    }

    /// Appends a text line by line, each with the tag, if debug lines are shown.
    pub(crate) fn write_debug(&self, text: &str, lines: &mut Vec<u8>) {
        if self.debugging == Debugging::Shown {
            for line in self.masker.mask_text(text).lines() {
                lines.extend_from_slice(b"##[debug]");
                lines.extend_from_slice(line.as_bytes());
                lines.push(b'\n');
            }
        }
    }

    /// Appends an annotation's line (`shown_line` in place of the message, when given) and makes the annotation, if the step may
    /// show one more of its level.
    pub(crate) fn write_annotation(
        &self,
        level: AnnotationLevel,
        message: &str,
        title: Option<&str>,
        place: Place,
        shown_line: Option<&str>,
        lines: &mut Vec<u8>,
    ) -> Option<Annotation> {
        let (tag, index) = match level {
            AnnotationLevel::Notice => ("##[notice]", 0),
            AnnotationLevel::Warning => ("##[warning]", 1),
            AnnotationLevel::Error => ("##[error]", 2),
        };
        let masked = self.masker.mask_text(message);
        let message = match masked.char_indices().nth(MESSAGE_LENGTH) {
            Some((end, _)) => masked.get(..end).unwrap_or(&masked),
            None => &masked,
        };
        match shown_line {
            Some(line) => self.write(&format!("{tag}{line}"), lines),
            None if message.is_empty() => {}
            None => self.write(&format!("{tag}{message}"), lines),
        }
        // Saturates: a step cannot make 2^32 annotations wrap around into shown ones.
        let shown = &self.shown[index];
        if shown
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < ANNOTATIONS_SHOWN).then_some(n + 1))
            .is_err()
        {
            return None;
        }
        let mask = |text: String| self.masker.mask_text(&text).into_owned();
        Some(Annotation {
            level,
            message: message.to_owned(),
            title: title.map(|title| mask(title.to_owned())),
            file: place.file.map(mask),
            line: place.line,
            end_line: place.end_line,
            column: place.column,
            end_column: place.end_column,
        })
    }

    pub(crate) async fn emit_annotation(&self, annotation: Option<Annotation>) {
        if let Some(annotation) = annotation {
            self.sink.emit(JobEventKind::Annotation { step: self.step, annotation }).await;
        }
    }

    /// Puts masked whole lines on the stream, in events of bounded size, and forgets them.
    pub(crate) async fn emit(&self, lines: &mut Vec<u8>) {
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(length_of_event(rest));
            // Valid as it is: made from text and cut at line ends, or between characters.
            let mut text = text(now);
            if !text.ends_with('\n') {
                text.to_mut().push('\n');
            }
            self.sink.emit(JobEventKind::Output { step: self.step, text: text.into() }).await;
            rest = later;
        }
        lines.clear();
    }
}

/// How much of whole lines goes into one event. A command may be a line of many megabytes, and events wait by the dozen.
fn length_of_event(lines: &[u8]) -> usize {
    if lines.len() <= EVENT_BYTES {
        return lines.len();
    }
    let before = memchr::memrchr(b'\n', &lines[..EVENT_BYTES]);
    let line_end = before.or_else(|| memchr::memchr(b'\n', &lines[..lines.len().min(LONGEST_LINE + 1)]));
    match line_end {
        Some(at) => at + 1,
        None => whole_characters(&lines[..lines.len().min(LONGEST_LINE)]),
    }
}
