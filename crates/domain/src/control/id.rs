//! The numbers of a server: each kind of thing has a type of its own. Used by everything that names a thing of the control plane.

use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A user or an organisation that owns projects.
    OwnerId;
    /// A project: one git repository whose workflows this server runs.
    ProjectId;
    /// A run: one execution of a workflow for one event.
    RunId;
    /// A job on this server: one cell of one run. The text by which the run knows it is a [`crate::JobId`].
    JobNumber;
    /// One try of a job.
    AttemptId;
    /// A pool: runners with the same labels and rules.
    PoolId;
    /// A token, whatever it opens.
    TokenId;
}

/// How often a job was tried, this try included; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptNumber(std::num::NonZeroU32);

impl AttemptNumber {
    /// The first try.
    pub const FIRST: Self = Self(std::num::NonZeroU32::MIN);
    /// So many tries a job gets, as with Gitea (`runner-protocol` 3.9).
    pub const MOST: u32 = 50;

    /// Reads a stored number; `None` for zero.
    #[must_use]
    pub const fn from_stored(number: u32) -> Option<Self> {
        match std::num::NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The next try; `None` after the last one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.get() < Self::MOST { Self::from_stored(self.get() + 1) } else { None }
    }
}

impl std::fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::AttemptNumber;

    #[test]
    fn tries_are_counted_from_one_to_the_last() {
        assert_eq!(AttemptNumber::from_stored(0), None);
        let tries = std::iter::successors(Some(AttemptNumber::FIRST), |number| number.next());
        assert_eq!(tries.map(AttemptNumber::get).collect::<Vec<_>>(), (1..=AttemptNumber::MOST).collect::<Vec<_>>());
    }
}
