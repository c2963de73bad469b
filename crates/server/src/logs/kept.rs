//! The lines of parts in memory, so that they are sealed without being read again. Called by `log` (keeps) and `seal` (takes). What is not kept is read from its
//! file: room is bounded for all logs together, and after a start nothing is kept.

use super::part::{FRAME, FULL, Part};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All logs keep so many bytes together.
const MOST: usize = 16 * 1024 * 1024;

/// What all logs of a server have together.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// Open files.
    pub(super) files: AtomicUsize,
    /// Bytes that kept lines hold: the room that was made for them.
    kept: AtomicUsize,
}

/// All lines of a part, as they are in its file.
#[derive(Debug)]
pub(super) struct Lines {
    /// The number of the part's first row.
    first: u64,
    text: Vec<u8>,
    /// What of `Shares::kept` is theirs.
    room: usize,
    shares: Arc<Shares>,
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shares.kept.fetch_sub(self.room, Ordering::Relaxed);
    }
}

impl Lines {
    /// Those of this part, if these are all of them.
    pub(super) fn of(&self, part: &Part) -> Option<&[u8]> {
        (self.first == part.first && self.text.len() as u64 == part.text).then_some(&self.text)
    }

    fn add(&mut self, text: &[u8]) -> Option<()> {
        let needed = self.text.len() + text.len();
        if needed > self.room {
            // A part is no longer than this.
            let room = (2 * self.room).min(FULL as usize + FRAME).max(needed);
            let more = room - self.room;
            if self.shares.kept.fetch_add(more, Ordering::Relaxed) + more > MOST {
                self.shares.kept.fetch_sub(more, Ordering::Relaxed);
                return None;
            }
            self.room = room;
            self.text.reserve_exact(room - self.text.len());
        }
        self.text.extend_from_slice(text);
        Some(())
    }
}

/// The lines that a log keeps, of its parts that are not sealed, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept(Vec<Arc<Lines>>);

impl Kept {
    /// Lines were added to a part, which is the last. Those of a part are kept from its first on, or not at all.
    pub(super) fn add(&mut self, part: &Part, text: &[u8], shares: &Arc<Shares>) {
        if part.bytes == 0 {
            self.0.push(Arc::new(Lines { first: part.first, text: Vec::new(), room: 0, shares: Arc::clone(shares) }));
        }
        let last = self.0.last_mut().filter(|lines| lines.first == part.first);
        // Nobody has those of a part that grows.
        if last.and_then(Arc::get_mut).and_then(|lines| lines.add(text)).is_none() {
            self.0.retain(|lines| lines.first != part.first);
        }
    }

    /// What is kept of a part.
    pub(super) fn get(&self, part: &Part) -> Option<Arc<Lines>> {
        self.0.iter().find(|lines| lines.first == part.first).cloned()
    }

    /// Forgets the parts before this one; all without one.
    pub(super) fn forget_before(&mut self, part: Option<&Part>) {
        self.0.retain(|lines| part.is_some_and(|part| lines.first >= part.first));
    }
}

#[cfg(test)]
mod tests {
    use super::{FRAME, FULL, Kept, MOST, Shares};
    use crate::logs::part::Part;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    fn put(kept: &mut Kept, part: &mut Part, text: &[u8], shares: &Arc<Shares>) {
        kept.add(part, text, shares);
        part.grow(1, text.len());
    }

    #[test]
    fn the_lines_of_a_part_are_kept_whole_or_not_at_all() {
        let shares = Arc::new(Shares::default());
        let (mut kept, mut part) = (Kept::default(), Part::new(7));
        put(&mut kept, &mut part, b"a\n", &shares);
        put(&mut kept, &mut part, b"b\n", &shares);
        assert_eq!(kept.get(&part).unwrap().of(&part), Some(&b"a\nb\n"[..]));
        // A part that was found on disk has lines that nobody kept.
        let (mut found, mut other) = (Kept::default(), Part::new(7));
        other.grow(1, 2);
        put(&mut found, &mut other, b"b\n", &shares);
        assert!(found.get(&other).is_none());
        // Of another length: somebody else wrote too.
        let mut longer = part.clone();
        longer.grow(1, 2);
        assert_eq!(kept.get(&longer).unwrap().of(&longer), None);
        let mut next = Part::new(9);
        put(&mut kept, &mut next, b"c\n", &shares);
        kept.forget_before(Some(&next));
        assert!(kept.get(&part).is_none() && kept.get(&next).is_some());
        kept.forget_before(None);
        assert_eq!(shares.kept.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_logs_together_keep_so_much() {
        let shares = Arc::new(Shares::default());
        let text = vec![b'x'; FULL as usize];
        let mut logs: Vec<Kept> = Vec::new();
        for _ in 0..2 * MOST / text.len() {
            let (mut kept, mut part) = (Kept::default(), Part::new(0));
            put(&mut kept, &mut part, &text, &shares);
            logs.push(kept);
        }
        let whole = logs.iter().filter(|kept| kept.get(&Part::new(0)).is_some()).count();
        assert_eq!((whole, shares.kept.load(Ordering::Relaxed)), (MOST / text.len(), MOST));
        logs.clear();
        assert_eq!(shares.kept.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_logs_hold_is_counted_not_how_long_they_are() {
        let shares = Arc::new(Shares::default());
        let held =
            |logs: &[Kept]| -> usize { logs.iter().flat_map(|kept| &kept.0).map(|lines| lines.text.capacity()).sum() };
        for (frame, frames) in [(100, 3), (FRAME / 2, 1), (FRAME / 2 + 1, 3), (FRAME, 8)] {
            let text = vec![b'x'; frame];
            let mut logs: Vec<Kept> = Vec::new();
            while held(&logs) + 2 * FRAME < MOST && logs.len() < 1000 {
                let (mut kept, mut part) = (Kept::default(), Part::new(0));
                for _ in 0..frames {
                    put(&mut kept, &mut part, &text, &shares);
                }
                if kept.get(&part).is_none() {
                    break;
                }
                logs.push(kept);
                assert_eq!(held(&logs), shares.kept.load(Ordering::Relaxed), "{frame}");
            }
            assert!(held(&logs) <= MOST && logs.len() >= 7, "{frame}: {}", logs.len());
            logs.clear();
            assert_eq!(shares.kept.load(Ordering::Relaxed), 0);
        }
    }
}
