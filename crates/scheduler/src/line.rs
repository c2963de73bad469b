//! A line of jobs, first in, first out, from whose middle jobs may leave, and in which each knows its place. Used by the queue, one for each project, labels and
//! priority.
//!
//! Four bytes a job: seats in pieces of at most [`PIECE`], so that neither leaving nor counting looks at every job.

use std::collections::VecDeque;

/// So many seats a piece has at most.
const PIECE: usize = 1024;

/// A line of seats. Whoever calls says how old each is: the younger stands behind, and no two are of one age.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pieces: VecDeque<VecDeque<u32>>,
    len: usize,
}

impl Line {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<u32> {
        self.pieces.front().and_then(|piece| piece.front().copied())
    }

    /// The piece in which this age stands or would stand: the last that begins no later.
    fn piece(&self, age: u64, age_of: &impl Fn(u32) -> u64) -> usize {
        let later = |piece: &VecDeque<u32>| piece.front().is_some_and(|first| age_of(*first) <= age);
        self.pieces.partition_point(later).saturating_sub(1)
    }

    pub(crate) fn insert(&mut self, seat: u32, age_of: impl Fn(u32) -> u64) {
        let age = age_of(seat);
        self.len += 1;
        let at = self.piece(age, &age_of);
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push_back(VecDeque::from([seat]));
            return;
        };
        let place = piece.partition_point(|other| age_of(*other) < age);
        if piece.len() < PIECE {
            piece.insert(place, seat);
        } else if place == piece.len() {
            self.pieces.insert(at + 1, VecDeque::from([seat]));
        } else {
            let mut behind = piece.split_off(PIECE / 2);
            if place <= PIECE / 2 {
                piece.insert(place, seat);
            } else {
                behind.insert(place - PIECE / 2, seat);
            }
            self.pieces.insert(at + 1, behind);
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, age: u64, age_of: impl Fn(u32) -> u64) -> Option<u32> {
        let at = self.piece(age, &age_of);
        let piece = self.pieces.get_mut(at)?;
        let place = piece.partition_point(|other| age_of(*other) < age);
        if piece.get(place).is_none_or(|seat| age_of(*seat) != age) {
            return None;
        }
        let seat = piece.remove(place);
        if piece.is_empty() {
            self.pieces.remove(at);
        }
        self.len -= usize::from(seat.is_some());
        seat
    }

    /// How many stand before this age.
    pub(crate) fn before(&self, age: u64, age_of: impl Fn(u32) -> u64) -> usize {
        let at = self.piece(age, &age_of);
        let inside = self.pieces.get(at).map_or(0, |piece| piece.partition_point(|other| age_of(*other) < age));
        self.pieces.iter().take(at).map(VecDeque::len).sum::<usize>() + inside
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, PIECE};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_an_ordered_set(seats in prop::collection::vec((any::<bool>(), 0_u32..6000), 0..5000), run in 0_u32..4000) {
            let (mut line, mut model) = (Line::default(), BTreeSet::new());
            let age = |seat: u32| u64::from(seat) * 3;
            for seat in 0..run {
                line.insert(seat, age);
                model.insert(seat);
            }
            for (comes, seat) in seats {
                if comes && model.insert(seat) {
                    line.insert(seat, age);
                } else {
                    prop_assert_eq!(line.remove(age(seat), age).is_some(), model.remove(&seat));
                }
                prop_assert_eq!((line.first(), line.len()), (model.first().copied(), model.len()));
            }
            let all: Vec<u32> = line.pieces.iter().flatten().copied().collect();
            prop_assert_eq!(&all, &model.iter().copied().collect::<Vec<_>>());
            prop_assert!(line.pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= PIECE));
            for (at, seat) in all.iter().enumerate().step_by(97) {
                prop_assert_eq!(line.before(age(*seat), age), at);
            }
        }
    }
}
