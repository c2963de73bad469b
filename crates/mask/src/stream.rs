//! Masking a stream that comes in chunks of any size. Used by the engine for the output of steps.

use crate::index::Span;
use crate::needles::Needles;
use crate::{MASK, Masker};

/// Masks one stream. Secrets added to its [`Masker`] count from the next chunk on.
///
/// It holds back only what may be the beginning of a secret, so memory is bounded by the longest secret.
pub struct Stream {
    masker: Masker,
    version: u64,
    needles: Needles,
    /// What is held back.
    held: Vec<u8>,
    /// How many of the held bytes belong to a hit for which [`MASK`] was already written.
    covered: usize,
    /// Whether the byte before `held` belongs to such a hit, so that a hit that touches it is the same one.
    touching: Touching,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Touching {
    Mask,
    Text,
}

impl Stream {
    pub(crate) fn new(masker: Masker) -> Self {
        let (version, needles) = masker.snapshot();
        Self { masker, version, needles, held: Vec::new(), covered: 0, touching: Touching::Text, spans: Vec::new() }
    }

    /// Masks the next bytes of the stream; appends what is safe to show to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.masker.version() != self.version {
            (self.version, self.needles) = self.masker.snapshot();
        }
        if self.needles.is_empty() && self.held.is_empty() {
            self.touching = Touching::Text;
            out.extend_from_slice(chunk);
        } else if self.held.is_empty() {
            let keep = self.needles.partial(chunk);
            self.write(chunk, keep, out);
            self.held.extend_from_slice(&chunk[keep..]);
        } else {
            let mut text = std::mem::take(&mut self.held);
            text.extend_from_slice(chunk);
            let keep = self.needles.partial(&text);
            self.write(&text, keep, out);
            text.drain(..keep);
            self.held = text;
        }
    }

    /// Ends the stream (or the part of it that belongs together): what is held back was no secret.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        self.write(&text, text.len(), out);
        self.covered = 0;
        self.touching = Touching::Text;
    }

    /// Writes `text` up to `keep`, masked; remembers how far a hit reaches into the rest.
    fn write(&mut self, text: &[u8], keep: usize, out: &mut Vec<u8>) {
        self.needles.find(text, &mut self.spans);
        let mut from = self.covered;
        let mut touching = if from > 0 { Touching::Mask } else { self.touching };
        for (start, end) in self.spans.iter().copied() {
            if end <= from {
                continue;
            }
            if start > from {
                if start >= keep {
                    break;
                }
                out.extend_from_slice(&text[from..start]);
                touching = Touching::Text;
            }
            if touching == Touching::Text {
                out.extend_from_slice(MASK.as_bytes());
            }
            touching = Touching::Mask;
            from = end;
        }
        if from < keep {
            out.extend_from_slice(&text[from..keep]);
            touching = Touching::Text;
            from = keep;
        }
        self.covered = from - keep;
        self.touching = touching;
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
