//! The open questions of runners: who is to be answered with which tasks. Owned by the actor.

use super::handle::{Ask, Given};
use domain::RunnerId;
use std::collections::HashMap;
use tokio::sync::oneshot;

/// One question.
#[derive(Debug)]
struct Open {
    request: Option<String>,
    /// Jobs that it still has room for.
    places: u32,
    /// Leases that are being written for it.
    writing: u32,
    given: Vec<Given>,
    patience: Patience,
    reply: oneshot::Sender<Vec<Given>>,
}

/// Whether somebody waits until there is something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    /// What is being written is the last that it gets, and may come to nothing.
    IsOver,
}

/// All questions, by runner; those of one runner in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: HashMap<RunnerId, Vec<Open>>,
}

impl Asks {
    pub(super) fn add(&mut self, ask: Ask, reply: oneshot::Sender<Vec<Given>>) {
        let Ask { runner, request, places, .. } = ask;
        self.open.entry(runner).or_default().push(Open {
            request,
            places,
            writing: 0,
            given: Vec::new(),
            patience: Patience::Waits,
            reply,
        });
    }

    /// How many jobs a runner has room for, by all it asks. Whoever went away asks no more.
    pub(super) fn places(&mut self, runner: RunnerId) -> u32 {
        let Some(open) = self.open.get_mut(&runner) else { return 0 };
        open.retain(|ask| ask.writing > 0 || !ask.reply.is_closed());
        let places = open.iter().filter(|ask| !ask.reply.is_closed()).map(|ask| ask.places).sum();
        if open.is_empty() {
            self.open.remove(&runner);
        }
        places
    }

    /// A job is being leased to a runner: for the first question that has room; gives the key of that question. `None` where nobody asks any more.
    pub(super) fn begin(&mut self, runner: RunnerId) -> Option<Option<String>> {
        let ask = self.open.get_mut(&runner)?.iter_mut().find(|ask| ask.places > 0 && !ask.reply.is_closed())?;
        ask.places -= 1;
        ask.writing += 1;
        Some(ask.request.clone())
    }

    /// A lease of a runner was written, or was not to be had. Answers the question when nothing more is being written for it.
    pub(super) fn end(&mut self, runner: RunnerId, request: Option<&str>, given: Option<Given>) -> Vec<Given> {
        let Some(open) = self.open.get_mut(&runner) else { return given.into_iter().collect() };
        let at = open.iter().position(|ask| ask.writing > 0 && ask.request.as_deref() == request);
        let Some(at) = at else { return given.into_iter().collect() };
        let ask = &mut open[at];
        ask.writing -= 1;
        match (given, ask.patience) {
            (Some(given), _) => ask.given.push(given),
            (None, Patience::Waits) => ask.places += 1,
            (None, Patience::IsOver) => {}
        }
        if ask.writing > 0 || ask.given.is_empty() && ask.patience == Patience::Waits {
            return Vec::new();
        }
        let ask = open.remove(at);
        if open.is_empty() {
            self.open.remove(&runner);
        }
        ask.reply.send(ask.given).err().unwrap_or_default()
    }

    /// Answers all questions.
    pub(super) fn flush_all(&mut self) {
        let runners: Vec<RunnerId> = self.open.keys().copied().collect();
        runners.into_iter().for_each(|runner| self.flush(runner));
    }

    /// Answers all questions of a runner for which nothing is being written.
    pub(super) fn flush(&mut self, runner: RunnerId) {
        let Some(open) = self.open.get_mut(&runner) else { return };
        let (stay, done): (Vec<Open>, Vec<Open>) = std::mem::take(open).into_iter().partition(|ask| ask.writing > 0);
        for mut ask in stay {
            (ask.places, ask.patience) = (0, Patience::IsOver);
            open.push(ask);
        }
        if open.is_empty() {
            self.open.remove(&runner);
        }
        for ask in done {
            // Who went away needs no answer.
            let _ = ask.reply.send(ask.given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Asks};
    use crate::dispatch::Manner;
    use domain::RunnerId;
    use tokio::sync::oneshot;

    const RUNNER: RunnerId = RunnerId(1);

    #[test]
    fn who_does_not_wait_is_answered_also_when_a_lease_comes_to_nothing() {
        let mut asks = Asks::default();
        let (reply, mut answer) = oneshot::channel();
        asks.add(Ask { runner: RUNNER, request: None, places: 1, manner: Manner::Polls }, reply);
        assert_eq!(asks.begin(RUNNER), Some(None));
        asks.flush(RUNNER);
        assert!(answer.try_recv().is_err(), "a lease is being written for it");
        assert!(asks.end(RUNNER, None, None).is_empty());
        assert_eq!(answer.try_recv(), Ok(Vec::new()));
        assert_eq!(asks.places(RUNNER), 0);
    }

    #[test]
    fn who_waits_goes_on_waiting_when_a_lease_comes_to_nothing() {
        let mut asks = Asks::default();
        let (reply, mut answer) = oneshot::channel();
        asks.add(Ask { runner: RUNNER, request: Some("k".to_owned()), places: 2, manner: Manner::Holds }, reply);
        assert_eq!(asks.begin(RUNNER), Some(Some("k".to_owned())));
        assert!(asks.end(RUNNER, Some("k"), None).is_empty());
        assert!(answer.try_recv().is_err());
        assert_eq!(asks.places(RUNNER), 2);
    }
}
