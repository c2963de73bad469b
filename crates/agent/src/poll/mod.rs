//! Asks the forge for tasks, as fast as it is worth and no faster. One loop; `run` starts it, `slots` says how much room there is.
//!
//! Which family of forge answers does not matter here: a capacity and a request key that Gitea ignores make Forgejo give several tasks
//! and repeat an answer that was lost. On Gitea a lost answer leaves its task to the forge's sweep (ten minutes by default); the log of
//! the agent says so when an answer was cut off.

mod pace;

use crate::chance::chance;
use crate::settings::Wait;
use crate::status::{Contact, Trouble};
use domain::{Clock, RunnerKey, SystemClock, Task, TasksVersion};
use pace::Pace;

pub(crate) use pace::Fetches;
use protocol::{Advice, Asked, CallError, Client, Fetch, RequestKey, Want, quirks};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

pub use pace::PaceLimits;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// For so many jobs.
    Open(usize),
    /// There will be none any more.
    Closed,
}

/// Tasks that the forge gave. `noted` resolves when the room that they take is accounted for.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) tasks: Vec<Task>,
    pub(crate) noted: oneshot::Sender<()>,
}

/// Why polling ended.
#[derive(Debug)]
pub(crate) enum PollEnd {
    /// There is no room any more.
    Closed,
    /// No job came in the time that was given.
    NothingCame,
    /// The forge will not answer this runner any more, or not this kind of fetch.
    Refused(CallError),
    /// The one look that was wanted failed.
    NoLook(CallError),
}

/// The loop.
pub(crate) struct Poll {
    pub(crate) client: Client,
    pub(crate) key: RunnerKey,
    pub(crate) limits: PaceLimits,
    pub(crate) fetches: Fetches,
    /// Only the attempt with this handle.
    pub(crate) handle: Option<String>,
    pub(crate) wait: Wait,
    pub(crate) room: watch::Receiver<Room>,
    /// Something happened after which a fetch may bring work.
    pub(crate) nudge: Arc<Notify>,
    pub(crate) give: mpsc::Sender<Given>,
    pub(crate) contact: watch::Sender<Contact>,
}

/// What a fetch meant.
enum Fetched {
    Tasks(Vec<Task>),
    Nothing,
    Failed(CallError),
}

impl Poll {
    /// Polls until there is nothing more to ask for.
    pub(crate) async fn run(mut self) -> PollEnd {
        let began = Instant::now();
        let mut pace = Pace::new(self.limits, self.fetches, began);
        let (mut known, mut key, mut asked) = (TasksVersion::UNKNOWN, new_request_key(), Asked::Never);
        let last_look = match self.wait {
            Wait::AtMost(time) => Some(began + time),
            Wait::OneLook | Wait::Forever => None,
        };
        loop {
            let room = match *self.room.borrow_and_update() {
                Room::Closed => return PollEnd::Closed,
                Room::Open(room) => room,
            };
            tokio::select! {
                biased;
                changed = self.room.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return PollEnd::Closed,
                },
                () = self.nudge.notified() => {
                    pace.nudge(Instant::now());
                    continue;
                }
                () = tokio::time::sleep_until(pace.due()), if room > 0 => {}
                () = until(last_look) => return PollEnd::NothingCame,
            }
            let sent = Instant::now();
            let version = if pace.must_look(sent) { TasksVersion::UNKNOWN } else { known };
            let mut rooms = self.room.clone();
            let is_held = self.fetches == Fetches::Held;
            let (fetched, count) = tokio::select! {
                biased;
                fetched = self.fetch(version, room, (&key, asked)) => fetched,
                // Nobody waits for a question that is left open.
                _ = rooms.wait_for(|room| *room == Room::Closed), if is_held => return PollEnd::Closed,
                () = until(last_look), if is_held => return PollEnd::NothingCame,
            };
            asked = Asked::Maybe;
            let now = Instant::now();
            if let (TasksVersion::UNKNOWN, Some(_)) = (version, count) {
                pace.looked(now);
            }
            match fetched {
                Fetched::Tasks(tasks) => {
                    known = TasksVersion::UNKNOWN;
                    (key, asked) = (new_request_key(), Asked::Never);
                    pace.brought(sent, now);
                    let (noted, is_noted) = oneshot::channel();
                    if self.give.send(Given { tasks, noted }).await.is_err() || is_noted.await.is_err() {
                        return PollEnd::Closed;
                    }
                }
                Fetched::Nothing => {
                    if let Some(count) = count {
                        known = quirks::version_after(known, count, 0);
                        (key, asked) = (new_request_key(), Asked::Never);
                        if self.wait == Wait::OneLook {
                            return PollEnd::NothingCame;
                        }
                    }
                    pace.empty(sent, now);
                }
                Fetched::Failed(error) => match (error.advice(), self.wait) {
                    (Advice::Stop, _) => return PollEnd::Refused(error),
                    (Advice::GiveUp, _) if self.handle.is_some() => return PollEnd::Refused(error),
                    (_, Wait::OneLook) => return PollEnd::NoLook(error),
                    _ => {
                        pace.failed(now, chance());
                        self.troubled(&error, &pace, now);
                    }
                },
            }
        }
    }

    /// One fetch; its count, if the forge answered.
    async fn fetch(
        &self,
        version: TasksVersion,
        room: usize,
        (key, asked): (&RequestKey, Asked),
    ) -> (Fetched, Option<TasksVersion>) {
        let want = match &self.handle {
            Some(handle) => Want::Handle(Some(handle.clone())),
            None => Want::UpTo(i64::try_from(room).unwrap_or(i64::MAX)),
        };
        let fetch = Fetch { version, want, key: Some(key.clone()) };
        let fetched = match asked {
            Asked::Never => self.client.fetch_first(&self.key, fetch).await,
            Asked::Maybe => self.client.fetch(&self.key, fetch).await,
        };
        match fetched {
            Ok(fetched) => {
                self.contact.send_modify(|contact| {
                    contact.last = Some(SystemClock.now());
                    contact.fetches += 1;
                    if let Some(trouble) = contact.trouble.take() {
                        tracing::info!(failures = trouble.failures, "the forge answers again");
                    }
                });
                let tasks = if fetched.tasks.is_empty() { Fetched::Nothing } else { Fetched::Tasks(fetched.tasks) };
                (tasks, Some(fetched.version))
            }
            // A forge that is slow to look is no broken one. The request key stays, so that what it gave meanwhile is not lost.
            Err(error @ CallError::TimedOut { .. }) => {
                tracing::warn!("{error}; a Gitea may have given a task away with it, which its sweep ends");
                self.contact.send_modify(|contact| contact.failed += 1);
                (Fetched::Nothing, None)
            }
            Err(error) => (Fetched::Failed(error), None),
        }
    }

    fn troubled(&self, error: &CallError, pace: &Pace, now: Instant) {
        let pause = pace.due().saturating_duration_since(now);
        tracing::warn!(failures = pace.failures(), "{error}; asked again in {:.1} s", pause.as_secs_f64());
        self.contact.send_modify(|contact| {
            contact.failed += 1;
            let since = contact.trouble.as_ref().map_or_else(|| SystemClock.now(), |trouble| trouble.since);
            contact.trouble = Some(Trouble { since, failures: pace.failures(), reason: error.to_string() });
        });
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// A number that nobody has to guess: it tells one fetch of this runner from another.
fn new_request_key() -> RequestKey {
    let (high, low) = (RandomState::new().hash_one(0), RandomState::new().hash_one(1));
    RequestKey(format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    ))
}

#[cfg(test)]
mod tests {
    use super::new_request_key;

    #[test]
    fn request_keys_are_uuids_and_differ() {
        let (one, other) = (new_request_key().0, new_request_key().0);
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!((&one[14..15], one.matches('-').count()), ("4", 4));
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
