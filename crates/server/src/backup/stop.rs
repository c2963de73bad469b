//! What breaks a backup or a restore off. Called by `make`, `restore` and `postgres`.

use tokio::sync::watch;

/// Hears that a person wants no more of it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Heard by the sender's `true`.
    #[must_use]
    pub const fn when(stopped: watch::Receiver<bool>) -> Self {
        Self(stopped)
    }

    /// Never.
    #[must_use]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether it goes on.
    pub(super) fn goes_on(&self) -> bool {
        !*self.0.borrow()
    }

    /// Resolves when it does not.
    pub(super) async fn heard(&self) {
        if self.0.clone().wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
