//! The lines of one set of labels in the order in which they are served, for a whole instance and for each owner. Used by the queue to find the next line
//! without looking at the others.

use domain::control::OwnerId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// When a line is served, among those that are not overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// The more, the sooner.
    pub(crate) priority: Reverse<i16>,
    /// What the project runs, by its weight.
    pub(crate) share: u64,
    /// Since when, and for how long.
    pub(crate) age: Age,
}

/// How long a line's first job stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age {
    /// The count of assignments when it became the first.
    pub(crate) since: u64,
    /// When the job came.
    pub(crate) came: u64,
    /// The line.
    pub(crate) lane: u32,
}

/// Whether an owner's lines are served: not while it runs as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    Shut,
}

/// The first by turn and the first by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) turn: Turn,
    pub(crate) oldest: Turn,
}

impl Best {
    pub(crate) fn of(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self {
                turn: one.turn.min(other.turn),
                oldest: if one.oldest.age < other.oldest.age { one.oldest } else { other.oldest },
            }),
            (one, other) => one.or(other),
        }
    }
}

#[derive(Debug, Default)]
struct Order {
    turns: BTreeSet<Turn>,
    ages: BTreeMap<Age, Turn>,
}

impl Order {
    fn add(&mut self, turn: Turn) {
        self.turns.insert(turn);
        self.ages.insert(turn.age, turn);
    }

    fn remove(&mut self, turn: Turn) {
        self.turns.remove(&turn);
        self.ages.remove(&turn.age);
    }

    fn best(&self) -> Option<Best> {
        let (_, oldest) = self.ages.first_key_value()?;
        self.turns.first().map(|turn| Best { turn: *turn, oldest: *oldest })
    }
}

/// The shelf of one set of labels.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    owners: BTreeMap<OwnerId, OwnerShelf>,
    // The best of each owner whose door is open.
    turns: BTreeSet<(Turn, OwnerId)>,
    ages: BTreeMap<Age, (Turn, OwnerId)>,
}

#[derive(Debug, Default)]
struct OwnerShelf {
    order: Order,
    shown: Option<Best>,
}

impl Shelf {
    pub(crate) fn add(&mut self, owner: OwnerId, turn: Turn, door: Door) {
        self.owners.entry(owner).or_default().order.add(turn);
        self.show(owner, door);
    }

    pub(crate) fn remove(&mut self, owner: OwnerId, turn: Turn, door: Door) {
        if let Some(own) = self.owners.get_mut(&owner) {
            own.order.remove(turn);
        }
        self.show(owner, door);
    }

    /// What the instance sees of an owner is made true.
    pub(crate) fn show(&mut self, owner: OwnerId, door: Door) {
        let Some(own) = self.owners.get_mut(&owner) else { return };
        let best = if door == Door::Open { own.order.best() } else { None };
        if own.shown != best {
            if let Some(shown) = own.shown {
                self.turns.remove(&(shown.turn, owner));
                self.ages.remove(&shown.oldest.age);
            }
            if let Some(best) = best {
                self.turns.insert((best.turn, owner));
                self.ages.insert(best.oldest.age, (best.oldest, owner));
            }
            own.shown = best;
        }
        if own.order.turns.is_empty() {
            self.owners.remove(&owner);
        }
    }

    pub(crate) fn best(&self) -> Option<Best> {
        let (_, (oldest, _)) = self.ages.first_key_value()?;
        self.turns.first().map(|(turn, _)| Best { turn: *turn, oldest: *oldest })
    }

    /// The best of one owner, whose door is open.
    pub(crate) fn best_of(&self, owner: OwnerId) -> Option<Best> {
        self.owners.get(&owner)?.order.best()
    }
}
