//! How far the agent was asked to stop: each signal goes a step further. Set by signals, the control socket and the poll loop; heard
//! by everything that runs.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Not at all: it takes jobs.
    No,
    /// It takes no more jobs; those that run go on.
    Drain,
    /// Jobs that run are cancelled, and their post steps run.
    Cancel,
    /// Jobs that run are killed, and nothing more is said to the forge: the next start says it.
    Kill,
}

/// The one place where the agent is asked to stop. Clones are the same place.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Stop>);

impl Default for Stopper {
    fn default() -> Self {
        Self(watch::Sender::new(Stop::No))
    }
}

impl Stopper {
    /// Asks to stop at least so far.
    pub fn ask(&self, stop: Stop) {
        self.0.send_if_modified(|now| {
            let is_further = stop > *now;
            *now = stop.max(*now);
            is_further
        });
    }

    /// Asks to stop a step further than before; answers how far it is now.
    #[must_use]
    pub fn further(&self) -> Stop {
        let next = match *self.0.borrow() {
            Stop::No => Stop::Drain,
            Stop::Drain => Stop::Cancel,
            Stop::Cancel | Stop::Kill => Stop::Kill,
        };
        self.ask(next);
        next
    }

    /// How far it is now.
    #[must_use]
    pub fn now(&self) -> Stop {
        *self.0.borrow()
    }

    /// Resolves when the agent was asked to stop at least so far.
    pub async fn reached(&self, stop: Stop) {
        // The sender lives as long as this call.
        let _ = self.0.subscribe().wait_for(|now| *now >= stop).await;
    }

    /// Lets SIGTERM, SIGINT and SIGHUP stop the agent, each a step further, until the runtime ends.
    ///
    /// # Errors
    /// When a signal cannot be watched for.
    pub fn on_signals(&self) -> std::io::Result<()> {
        for (kind, name) in [
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::interrupt(), "Ctrl-C"),
            (SignalKind::hangup(), "SIGHUP"),
        ] {
            let (mut signals, stopper) = (signal(kind)?, self.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    match stopper.further() {
                        Stop::No => {}
                        Stop::Drain => {
                            tracing::info!("{name}: no more jobs are taken; once more cancels those that run");
                        }
                        Stop::Cancel => tracing::info!("{name}: the jobs are being cancelled; once more kills them"),
                        Stop::Kill => tracing::warn!("{name}: the jobs are killed; the next start tells the forge"),
                    }
                }
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, Stopper};

    #[tokio::test]
    async fn it_only_goes_further() {
        let stopper = Stopper::default();
        assert_eq!((stopper.further(), stopper.further()), (Stop::Drain, Stop::Cancel));
        stopper.ask(Stop::Drain);
        assert_eq!(stopper.now(), Stop::Cancel);
        stopper.reached(Stop::Drain).await;
        assert_eq!((stopper.further(), stopper.further()), (Stop::Kill, Stop::Kill));
    }
}
