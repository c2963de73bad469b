//! Why jobs wait, in words. Used by the pages of a run, a job and the queue.

use super::text::{Span, line};
use super::view::Waiting;
use crate::plane::Plane;
use domain::control::{Hold, JobPhase};
use scheduler::{Estimate, Position, Reason, ReasonKind, Wait};
use store::StoredJob;

/// Why a job waits; nothing when it does not.
pub(crate) async fn waiting(plane: &Plane, job: &StoredJob) -> Option<Waiting> {
    let since = match &job.phase {
        JobPhase::Held { .. } => None,
        JobPhase::Queued { since, .. } => Some(super::fill::moment(*since)),
        _ => return None,
    };
    let waiting = match (plane.queue.why(job.number).await, &job.phase) {
        (Some(wait), _) => said(&wait),
        // The dispatcher has not heard of it yet: what its row says holds.
        (None, JobPhase::Held { hold, .. }) => held(hold),
        (None, _) => Waiting {
            reason: ReasonKind::NoIdleRunner.as_str(),
            text: "it was queued a moment ago".to_owned(),
            fix: None,
            place: None,
            since: None,
        },
    };
    Some(Waiting { since, ..waiting })
}

fn said(wait: &Wait) -> Waiting {
    let place = wait.position.map(|Position { place, of }| format!("place {place} of {of}"));
    let start = wait.estimate.map(|Estimate { p50, p90 }| {
        let span = |time: std::time::Duration| Span(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        format!("starts in about {}, nine of ten within {}", span(p50), span(p90))
    });
    let both: Vec<String> = place.into_iter().chain(start).collect();
    Waiting {
        reason: wait.reason.kind().as_str(),
        // What is held by its run comes as a whole sentence.
        text: match &wait.reason {
            Reason::Dependency(on) => line(on),
            reason => line(&reason.to_string()),
        },
        fix: wait.reason.fix().as_deref().map(line),
        place: (!both.is_empty()).then(|| both.join(", ")),
        since: None,
    }
}

fn held(hold: &Hold) -> Waiting {
    let (kind, text) = match hold {
        Hold::Dependency(on) => (ReasonKind::Dependency, on.clone()),
        Hold::Approval(why) => (ReasonKind::Approval, format!("waits for approval: {why}")),
        Hold::Concurrency(group) => (ReasonKind::ConcurrencyGroup, format!("concurrency group {group} is taken")),
    };
    Waiting { reason: kind.as_str(), text: line(&text), fix: None, place: None, since: None }
}
