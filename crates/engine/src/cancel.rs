//! The message that ends a job or a run before its time. The composition root holds the [`Canceller`], every job a
//! [`CancelSignal`].

use std::sync::Arc;
use tokio::sync::watch;

/// How far the end of a job was asked for; it only ever gets graver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cancel {
    /// Nobody asked.
    #[default]
    None,
    /// End properly: running steps are interrupted, `always()` and `cancelled()` steps still run
    /// (`execution-semantics` 3.13).
    Gracefully {
        /// Why, as the log tells it.
        reason: Arc<str>,
    },
    /// End now: every process is killed, nothing else runs.
    Now,
}

impl Cancel {
    const fn gravity(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gracefully { .. } => 1,
            Self::Now => 2,
        }
    }

    /// Whether anybody asked for an end.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.gravity() > 0
    }
}

/// Asks for the end.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<watch::Sender<Cancel>>);

/// Hears of the end that was asked for.
#[derive(Debug, Clone)]
pub struct CancelSignal(watch::Receiver<Cancel>);

/// A pair that nobody has used yet.
#[must_use]
pub fn channel() -> (Canceller, CancelSignal) {
    let (sender, receiver) = watch::channel(Cancel::None);
    (Canceller(Arc::new(sender)), CancelSignal(receiver))
}

impl Canceller {
    /// Asks; a weaker request than one already made changes nothing, and so does a second one of the same kind.
    pub fn ask(&self, cancel: Cancel) {
        self.0.send_if_modified(|now| {
            let graver = cancel.gravity() > now.gravity();
            if graver {
                *now = cancel;
            }
            graver
        });
    }
}

impl CancelSignal {
    /// What was asked for until now.
    #[must_use]
    pub fn now(&self) -> Cancel {
        self.0.borrow().clone()
    }

    /// Waits until an end was asked for that is graver than `known`; for ever, when nobody can ask any more.
    pub async fn graver_than(&mut self, known: &Cancel) -> Cancel {
        let asked = self.0.wait_for(|now| now.gravity() > known.gravity()).await.map(|now| now.clone());
        match asked {
            Ok(asked) => asked,
            Err(_) => std::future::pending().await,
        }
    }
}
