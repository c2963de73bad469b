//! What of a run's rows is to be changed after the machine has heard of ends. Called by `advance`.

use super::follow::{Follow, waiting_job};
use super::live::{Live, Undecided};
use domain::control::{Hold, JobChange, JobPhase};
use domain::{JobId, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::{Advance, Content, JobRow};

/// The difference where no row needs to be read for it: nothing is decided, and everything waits as it waited before.
pub(super) fn unless_read(live: &Live, follow: &Follow) -> Option<Advance> {
    let Undecided::Known(undecided) = &live.undecided else { return None };
    if !follow.jobs.is_empty() || !follow.cancel.is_empty() {
        return None;
    }
    let mut waiting = HashSet::new();
    for job in live.machine().waiting() {
        if undecided.get(&job.id) != Some(&job.why) {
            return None;
        }
        waiting.insert(job.id);
    }
    (waiting.len() == undecided.len()).then(Advance::default)
}

/// The difference to these rows; the machine remembers what it leaves undecided.
pub(super) fn of(rows: &[JobRow], follow: Follow, live: &mut Live, now: Timestamp) -> Advance {
    let mut advance = Advance::default();
    let known: HashMap<&str, &JobRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut decided = HashSet::new();
    for job in follow.jobs {
        if !decided.insert(job.id.clone()) {
            continue;
        }
        match known.get(job.id.as_str()) {
            None => advance.jobs.push(job),
            Some(row) if row.content == Content::Undecided => advance.replaced.push((row.number, job)),
            // A kept job of an earlier try.
            Some(_) => {}
        }
    }
    let mut undecided: BTreeMap<JobId, String> = BTreeMap::new();
    let mut still: HashSet<JobId> = HashSet::new();
    for waiting in live.machine().waiting() {
        if decided.contains(&waiting.id) || !still.insert(waiting.id.clone()) {
            continue;
        }
        match known.get(waiting.id.as_str()) {
            // One that ended while nothing was decided of it.
            Some(row) if row.content == Content::Decided => continue,
            Some(row) if says(row, &waiting.why) => {}
            Some(row) => advance.replaced.push((row.number, waiting_job(waiting.clone()))),
            None => advance.jobs.push(waiting_job(waiting.clone())),
        }
        undecided.insert(waiting.id, waiting.why);
    }
    let is_gone =
        |row: &&JobRow| row.content == Content::Undecided && !decided.contains(&row.id) && !still.contains(&row.id);
    advance.removed = rows.iter().filter(is_gone).map(|row| row.number).collect();
    for (job, by) in follow.cancel {
        if let Some(row) = known.get(job.as_str())
            && row.phase.end().is_none()
        {
            advance.changes.push((row.number, JobChange::CancelAsked { by, at: now }));
        }
    }
    live.undecided = Undecided::Known(undecided);
    advance
}

/// Whether a held row has this reason.
fn says(row: &JobRow, why: &str) -> bool {
    matches!(&row.phase, JobPhase::Held { hold: Hold::Dependency(text), .. } if text == why)
}
