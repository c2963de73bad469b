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
    reply: oneshot::Sender<Vec<Given>>,
}

/// All questions, by runner; those of one runner in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: HashMap<RunnerId, Vec<Open>>,
}

impl Asks {
    pub(super) fn add(&mut self, ask: Ask, reply: oneshot::Sender<Vec<Given>>) {
        let Ask { runner, request, places } = ask;
        self.open.entry(runner).or_default().push(Open { request, places, writing: 0, given: Vec::new(), reply });
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
        match given {
            Some(given) => ask.given.push(given),
            None => ask.places += 1,
        }
        if ask.writing > 0 || ask.given.is_empty() {
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
            // What is being written is the last that it gets.
            ask.places = 0;
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
