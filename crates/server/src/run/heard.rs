//! What the worker heard of a run since it last looked: where that is all that happened, nothing needs to be read. Called by `advance`.

use store::{EndedJob, FreshEnd, RunHead};

/// What was heard of a run.
#[derive(Debug)]
pub(super) enum Heard {
    /// That it is to be looked at.
    Look,
    /// That jobs of it ended, in any order.
    Ends(Vec<FreshEnd>),
}

impl Default for Heard {
    fn default() -> Self {
        Self::Ends(Vec::new())
    }
}

impl Heard {
    /// Takes in another end.
    pub(super) fn take(&mut self, end: FreshEnd) {
        if let Self::Ends(ends) = self {
            ends.push(end);
        }
    }

    /// Where the run is and its ends in their order, if they are what follows on the last place that its machine has heard of; else it is to be read.
    pub(super) fn next(self, last: impl FnOnce(&FreshEnd) -> Option<i64>) -> Option<(RunHead, Vec<EndedJob>)> {
        let Self::Ends(mut ends) = self else { return None };
        ends.sort_by_key(|end| end.job.order);
        let newest = ends.last()?;
        let last = last(newest)?;
        let run = newest.run.clone();
        let mut places = (last + 1..).zip(&ends);
        let follow = places.all(|(place, end)| end.job.order == place && end.run.attempt == run.attempt);
        follow.then(|| (run, ends.into_iter().map(|end| end.job).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::control::{AttemptNumber, ProjectId, RunId, RunPhase};
    use domain::{Conclusion, JobId};
    use std::collections::BTreeMap;

    fn end(order: i64, attempt: AttemptNumber) -> FreshEnd {
        let run = RunHead {
            id: RunId(1),
            project: ProjectId(1),
            attempt,
            phase: RunPhase::Running,
            ends: order,
            advanced: 0,
            cancelled: None,
        };
        let (id, conclusion) = (JobId::new(format!("job {order}")), Conclusion::Success);
        FreshEnd { run, job: EndedJob { id, order, conclusion, outputs: BTreeMap::new(), gave_way: None } }
    }

    fn heard(orders: &[i64]) -> Heard {
        Heard::Ends(orders.iter().map(|order| end(*order, AttemptNumber::FIRST)).collect())
    }

    fn places(heard: Heard, last: Option<i64>) -> Option<(i64, Vec<i64>)> {
        let (run, ended) = heard.next(|_| last)?;
        Some((run.ends, ended.into_iter().map(|job| job.order).collect()))
    }

    #[test]
    fn ends_that_follow_on_what_the_machine_heard_need_no_look() {
        assert_eq!(places(heard(&[3]), Some(2)), Some((3, vec![3])));
        assert_eq!(places(heard(&[5, 3, 4]), Some(2)), Some((5, vec![3, 4, 5])));
    }

    #[test]
    fn what_is_missing_between_is_read() {
        assert_eq!(places(heard(&[4]), Some(2)), None, "somebody cancelled the run, or another server wrote an end");
        assert_eq!(places(heard(&[3, 5]), Some(2)), None);
        assert_eq!(places(heard(&[2]), Some(2)), None, "drawn from already");
        assert_eq!(places(heard(&[1]), None), None, "no machine in memory");
        assert_eq!(places(Heard::default(), Some(2)), None);
    }

    #[test]
    fn ends_of_an_earlier_try_say_nothing() {
        let mut both = heard(&[3]);
        both.take(end(4, AttemptNumber::FIRST.next().unwrap()));
        assert_eq!(places(both, Some(2)), None);
    }

    #[test]
    fn a_look_stays_one() {
        let mut look = Heard::Look;
        look.take(end(3, AttemptNumber::FIRST));
        assert_eq!(places(look, Some(2)), None);
    }
}
