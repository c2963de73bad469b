//! What is at fault where a forge does not take a status: one run, or the forge. Asked by the teller.

use forge::{Forge, ForgeError};
use store::StoredRun;

/// Whether a forge took a status in this tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Some,
    Unknown,
}

/// What is at fault where a forge does not take the status of a run.
pub(super) enum Blame {
    /// It takes those of others.
    Run(ForgeError),
    /// It is away, or stumbles over this run: another run shows it.
    Unclear(ForgeError),
    /// It takes none.
    Forge(ForgeError),
}

/// What is at fault where the status of a run was not taken.
pub(super) async fn blame(forge: &Forge, run: &StoredRun, error: ForgeError, takes: Takes) -> Blame {
    if error.is_of_this_alone() {
        return Blame::Run(error);
    }
    if !error.is_of_the_server() {
        return Blame::Forge(error);
    }
    // Gitea says the same of a commit that it does not have.
    match (forge.look_at(&run.commit).await, takes) {
        (Err(lack), _) if lack.is_of_this_alone() => Blame::Run(lack),
        (_, Takes::Some) => Blame::Run(error),
        (Ok(()), Takes::Unknown) => Blame::Unclear(error),
        (Err(_), Takes::Unknown) => Blame::Forge(error),
    }
}
