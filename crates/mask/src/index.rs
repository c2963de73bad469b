//! Finding needles in a chunk of bytes: a fast filter that skips clean text, and an automaton where the filter suspects something.
//! Used by `masker` (builds) and `stream` (asks).

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Only so many bytes of a needle go into the automaton, whose size is a multiple of theirs; the rest is compared.
const AUTOMATON_BYTES: usize = 2048;

/// An automaton is built after so many comparisons. To build a small one costs as much as some ten thousand.
const COMPARED: usize = 8192;

/// A set of needles of one length class, ready to search. Immutable.
#[derive(Debug)]
pub(crate) struct Segment {
    filter: Filter,
    /// Sorted, without duplicates.
    needles: Vec<Arc<[u8]>>,
    /// Built when the filter suspects something often: many a job never shows a secret, and to compare a few times costs less.
    automaton: OnceLock<Option<NFA>>,
    /// How many needles were compared since without it.
    compared: AtomicUsize,
    longest: usize,
    first_bytes: [bool; 256],
}

/// A place that is to be masked: start and end.
pub(crate) type Span = (usize, usize);

impl Segment {
    pub(crate) fn new(class: Class, mut needles: Vec<Arc<[u8]>>) -> Self {
        needles.sort_unstable();
        needles.dedup();
        let mut first_bytes = [false; 256];
        for first in needles.iter().filter_map(|needle| needle.first()) {
            first_bytes[usize::from(*first)] = true;
        }
        Self {
            filter: Filter::new(class, &needles),
            automaton: OnceLock::new(),
            compared: AtomicUsize::new(0),
            longest: needles.iter().map(|needle| needle.len()).max().unwrap_or(0),
            first_bytes,
            needles,
        }
    }

    pub(crate) fn class(&self) -> Class {
        self.filter.class
    }

    pub(crate) fn len(&self) -> usize {
        self.needles.len()
    }

    pub(crate) fn needles(&self) -> &[Arc<[u8]>] {
        &self.needles
    }

    /// The automaton, where it is worth what it costs to build; `None` where it would be too large, too.
    fn automaton(&self, suspect: &Suspect) -> Option<&NFA> {
        if self.automaton.get().is_none() {
            let comparisons = (suspect.past - suspect.from) * self.needles.len();
            if self.compared.fetch_add(comparisons, Ordering::Relaxed) < COMPARED {
                return None;
            }
        }
        let build = || {
            let heads = self.needles.iter().map(|needle| &needle[..needle.len().min(AUTOMATON_BYTES)]);
            NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(heads).ok()
        };
        self.automaton.get_or_init(build).as_ref()
    }

    /// Adds a span for each end of a needle in `text`, in the order of their ends (only the longest needle for each end).
    pub(crate) fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        let mut at = 0;
        while let Some(suspect) = self.filter.next(text, at) {
            at = match self.automaton(&suspect) {
                Some(automaton) => self.walk(automaton, text, at.max(suspect.from), suspect.past, spans),
                None => self.compare(text, at.max(suspect.from), suspect.past, spans),
            };
        }
    }

    /// Runs the automaton from `at` until nothing is in progress beyond `past`; says where it stopped.
    fn walk(&self, automaton: &NFA, text: &[u8], mut at: usize, past: usize, spans: &mut Vec<Span>) -> usize {
        let Ok(start) = automaton.start_state(Anchored::No) else { return text.len() };
        let mut state = start;
        while at < text.len() {
            state = automaton.next_state(Anchored::No, state, text[at]);
            at += 1;
            if state == start {
                if at >= past {
                    return at;
                }
            } else if automaton.is_match(state) {
                for index in 0..automaton.match_len(state) {
                    let pattern = automaton.match_pattern(state, index);
                    let from = at - automaton.pattern_len(pattern);
                    // The same head may belong to several long needles.
                    if let Some(end) = self.longest_at(text, from, at) {
                        spans.push((from, end));
                        break;
                    }
                }
            }
        }
        at
    }

    /// The end of the longest needle that starts at `from`, given that a head of one ends at `at`.
    fn longest_at(&self, text: &[u8], from: usize, at: usize) -> Option<usize> {
        if at - from < AUTOMATON_BYTES {
            return Some(at);
        }
        let head = &text[from..at];
        let first = self.needles.partition_point(|needle| &**needle < head);
        let same = self.needles[first..].iter().take_while(|needle| needle.starts_with(head));
        same.filter(|needle| text[from..].starts_with(needle)).map(|needle| from + needle.len()).max()
    }

    /// The way without an automaton (one that would be too large): compares at every place up to `past`.
    fn compare(&self, text: &[u8], at: usize, past: usize, spans: &mut Vec<Span>) -> usize {
        for from in at..past.min(text.len()) {
            let rest = &text[from..];
            let ends = self.needles.iter().filter(|needle| rest.starts_with(needle)).map(|needle| from + needle.len());
            spans.extend(ends.max().map(|end| (from, end)));
        }
        past
    }

    /// Where the longest end of `text` starts that a needle may continue, if there is one.
    pub(crate) fn partial(&self, text: &[u8]) -> Option<usize> {
        let first = (text.len() + 1).saturating_sub(self.longest);
        (first..text.len()).find(|start| {
            let end = &text[*start..];
            self.first_bytes[usize::from(end[0])] && {
                let at = self.needles.partition_point(|needle| &**needle <= end);
                self.needles.get(at).is_some_and(|needle| needle.starts_with(end))
            }
        })
    }
}

/// Needles of like length are searched together: the shortest of them decides how far the filter may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 2 and 3 bytes.
    Tiny,
    /// 4 to 7 bytes.
    Short,
    /// 8 bytes and more.
    Long,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Tiny, Self::Short, Self::Long];

    pub(crate) const fn of(length: usize) -> Self {
        match length {
            ..4 => Self::Tiny,
            4..8 => Self::Short,
            _ => Self::Long,
        }
    }

    /// Bytes that the filter looks at together.
    const fn block(self) -> usize {
        match self {
            Self::Tiny => 2,
            Self::Short | Self::Long => 4,
        }
    }

    /// The distance of the places that it looks at, where no needle is shorter than that. Every needle covers one block at such a place.
    fn stride(self, shortest: usize) -> usize {
        match self {
            Self::Tiny | Self::Short => 1,
            Self::Long => (shortest + 1).saturating_sub(self.block()).clamp(5, LONGEST_STRIDE),
        }
    }
}

/// The filter grows with the distance, and is quick while it fits into a cache.
const LONGEST_STRIDE: usize = 13;

/// A bitmap of the hashes of all blocks that stand at one of the first `stride` places of a needle.
#[derive(Debug)]
struct Filter {
    class: Class,
    stride: usize,
    shift: u32,
    bits: Vec<u64>,
}

/// A needle may start at `from` or later, and before `past`.
struct Suspect {
    from: usize,
    past: usize,
}

impl Filter {
    fn new(class: Class, needles: &[Arc<[u8]>]) -> Self {
        let stride = class.stride(needles.iter().map(|needle| needle.len()).min().unwrap_or(0));
        // 64 bits for each block keep suspicion on clean text near 1 %; 4 KiB at least, 2 MiB at most.
        let wanted = (needles.len() * stride * 64).clamp(1 << 15, 1 << 24).next_power_of_two();
        let mut filter = Self { class, stride, shift: 32 - wanted.trailing_zeros(), bits: vec![0; wanted / 64] };
        for needle in needles {
            for block in needle.windows(class.block()).take(stride) {
                let hash = filter.hash(block);
                filter.bits[hash / 64] |= 1 << (hash % 64);
            }
        }
        filter
    }

    /// Where the bit of a block is.
    #[inline(always)]
    fn hash(&self, block: &[u8]) -> usize {
        let block = match *block {
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        (block.wrapping_mul(0x9E37_79B1) >> self.shift) as usize
    }

    /// The next place from `at` on where a needle may be.
    fn next(&self, text: &[u8], at: usize) -> Option<Suspect> {
        let at = match self.class {
            Class::Tiny => self.scan::<2>(text, at),
            Class::Short | Class::Long => self.scan::<4>(text, at),
        }?;
        Some(Suspect { from: (at + 1).saturating_sub(self.stride), past: at + self.class.block() })
    }

    /// The next place at which a block is that a needle may have there.
    fn scan<const BLOCK: usize>(&self, text: &[u8], from: usize) -> Option<usize> {
        let first = from + self.stride - 1;
        let blocks = text.get(first..)?.windows(BLOCK).step_by(self.stride);
        let found = blocks
            .map(|block| self.hash(block))
            .position(|hash| self.bits.get(hash / 64).is_some_and(|bits| bits >> (hash % 64) & 1 == 1));
        found.map(|found| first + found * self.stride)
    }
}
