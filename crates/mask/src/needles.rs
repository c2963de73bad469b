//! The needles of a masker as a growing list of segments: adding is cheap however many there are. Used by `masker` and `stream`.

use crate::index::{Class, Segment, Span};
use std::sync::Arc;

/// A snapshot of everything to look for. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needles {
    segments: Vec<Arc<Segment>>,
    longest: usize,
}

impl Needles {
    /// With `added` too. A segment is merged into a new one only when that is at least as large, so that each needle is moved a
    /// logarithmic number of times, and the number of segments stays logarithmic.
    pub(crate) fn with(mut self, added: impl IntoIterator<Item = String>) -> Self {
        let mut fresh: [Vec<Arc<[u8]>>; 3] = Default::default();
        for needle in added {
            self.longest = self.longest.max(needle.len());
            fresh[Class::of(needle.len()) as usize].push(Arc::from(needle.into_bytes()));
        }
        for (class, mut needles) in Class::ALL.into_iter().zip(fresh) {
            if needles.is_empty() {
                continue;
            }
            while let Some(at) = self
                .segments
                .iter()
                .position(|segment| segment.class() == class && segment.len() <= needles.len().max(64))
            {
                needles.extend(self.segments.swap_remove(at).needles().iter().cloned());
            }
            self.segments.push(Arc::new(Segment::new(class, needles)));
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Fills `spans` with what is to be masked in `text`: sorted, apart from each other (hits that overlap or touch are one).
    pub(crate) fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        spans.clear();
        for segment in &self.segments {
            segment.find(text, spans);
        }
        if spans.len() < 2 {
            return;
        }
        spans.sort_unstable();
        let mut kept = 0;
        for next in 1..spans.len() {
            if spans[next].0 <= spans[kept].1 {
                spans[kept].1 = spans[kept].1.max(spans[next].1);
            } else {
                kept += 1;
                spans[kept] = spans[next];
            }
        }
        spans.truncate(kept + 1);
    }

    /// Where the longest end of `text` starts that may be the beginning of a needle; the length of `text` when there is none.
    pub(crate) fn partial(&self, text: &[u8]) -> usize {
        let mut found = text.len();
        for segment in &self.segments {
            found = segment.partial(text).unwrap_or(found).min(found);
        }
        found
    }
}
