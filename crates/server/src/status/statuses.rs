//! What there is to tell of a run. Pure.

use domain::Conclusion;
use domain::control::{JobEnd, JobPhase, NeverRan};
use forge::{State, Status};
use std::time::Duration;
use store::{Project, StoredJob, StoredRun};

/// The statuses of a run: one for each job that is known, or one for a run that has none.
pub(super) fn statuses(site: &str, project: &Project, run: &StoredRun, jobs: &[StoredJob]) -> Vec<Status> {
    let workflow = workflow_name(run);
    let page = format!("{site}/{}/runs/{}", project.full_name(), run.id);
    if let (Some(fault), []) = (&run.fault, jobs) {
        let status = Status {
            state: State::Error,
            context: format!("{workflow} ({})", run.event),
            description: fault.lines().next().unwrap_or_default().to_owned(),
            target_url: page,
        };
        return vec![status.fitted()];
    }
    let told = jobs.iter().filter_map(|job| {
        let (state, description) = standing(job)?;
        let context = format!("{workflow} / {} ({})", job.name, run.event);
        Some(Status { state, context, description, target_url: format!("{page}/jobs/{}", job.number) }.fitted())
    });
    told.collect()
}

/// The workflow's name, as the `github` context of the run has it, else its file.
fn workflow_name(run: &StoredRun) -> &str {
    let name = run.facts.pointer("/github/workflow").and_then(serde_json::Value::as_str);
    let name = name.filter(|name| *name != run.workflow);
    name.unwrap_or_else(|| run.workflow.rsplit('/').next().unwrap_or(&run.workflow))
}

/// How a job stands, in the words that Gitea has for it. One that is held may become many, or none: nothing is said of it yet.
fn standing(job: &StoredJob) -> Option<(State, String)> {
    let took = || match (job.started, job.finished) {
        (Some(from), Some(to)) => seconds(to.since(from)),
        _ => "0s".to_owned(),
    };
    let (state, text) = match &job.phase {
        JobPhase::Held { .. } => return None,
        JobPhase::Queued { .. } | JobPhase::Leased { .. } => (State::Pending, "Waiting to run".to_owned()),
        JobPhase::Running { .. } => (State::Pending, "Has started running".to_owned()),
        JobPhase::Cancelling { .. } => (State::Pending, "Is being cancelled".to_owned()),
        JobPhase::Finished { end, .. } => match (end, end.conclusion()) {
            (JobEnd::Fault(why), _) => (State::Error, format!("Lost: {why}")),
            (JobEnd::NeverRan(NeverRan::Invalid(why)), _) => (State::Error, format!("Cannot run: {why}")),
            (_, Conclusion::Success) => (State::Success, format!("Successful in {}", took())),
            (_, Conclusion::Failure) => (State::Failure, format!("Failing after {}", took())),
            (_, Conclusion::Cancelled) => (State::Error, "Has been cancelled".to_owned()),
            (_, Conclusion::Skipped) => (State::Success, "Has been skipped".to_owned()),
        },
    };
    Some((state, text))
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        seconds => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;
    use std::time::Duration;

    #[test]
    fn times_as_gitea_writes_them() {
        let of = |time| seconds(Duration::from_secs(time));
        assert_eq!([of(0), of(61), of(3_720)], ["0s", "1m1s", "1h2m"]);
    }
}
