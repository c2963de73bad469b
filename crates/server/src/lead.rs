//! What only one of several servers does, since the others would do it again for nothing. Called by the loops that tell forges and that make runs when times come.
//!
//! What must happen once does not lean on it: for a moment two may believe that they have the lead.

use std::time::{Duration, Instant};
use store::{Candidate, Leadership, Store, StoreError};

/// Who did not get it asks again after so long.
const AGAIN: Duration = Duration::from_secs(2);

/// A lead that this server has, or would take.
#[derive(Debug)]
pub(crate) struct Lead {
    candidate: Candidate,
    held: Option<Leadership>,
    /// Another one had it then.
    refused: Option<Instant>,
}

impl Lead {
    /// One that is not taken yet.
    pub(crate) fn of(name: &str) -> Self {
        Self { candidate: Candidate::new(name), held: None, refused: None }
    }

    /// Whether this server has it, from now on where nobody else does. To be asked before each round.
    pub(crate) async fn is_ours(&mut self, store: &Store) -> Result<bool, StoreError> {
        if let Some(held) = &mut self.held {
            if held.stands().await {
                return Ok(true);
            }
            self.held = None;
        }
        if self.refused.is_some_and(|at| at.elapsed() < AGAIN) {
            return Ok(false);
        }
        self.held = self.candidate.ask(store).await?;
        self.refused = self.held.is_none().then(Instant::now);
        Ok(self.held.is_some())
    }
}
