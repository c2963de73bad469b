//! The single job of a forge's document, decided as the machine decides a job of a whole run: the jobs that it needed, which the forge
//! ran elsewhere, stand in it as jobs that have ended. Called by the agent.

use super::calling::CallingJob;
use super::{Decision, ReadyJob, Run, RunInputs};
use crate::model::{Defaults, Job, JobKind, NormalJob, RunsOn};
use crate::parse::{Condition, Payload};
use crate::plan::{FileReference, Files, Graph, Plan, PlannedJob};
use crate::template::{Template, TemplateKind};
use crate::yaml::{Span, Spanned};
use domain::{Conclusion, JobId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a job ended that the job needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedNeed {
    /// Its id.
    pub id: String,
    /// How it ended.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// What becomes of the job.
#[derive(Debug, Clone)]
pub enum OneJob {
    /// It runs.
    Ready(Box<ReadyJob>),
    /// It calls a reusable workflow, which the forge left to the runner.
    Calls(Box<CallingJob>),
    /// Its condition is false.
    Skipped {
        /// Why, in words.
        reason: String,
    },
    /// Something of it cannot be evaluated.
    Failed {
        /// Where and what.
        message: String,
    },
}

/// Decides the job of a document. A job without an `if` of its own whose needs have ended runs: that was for the forge to decide.
#[must_use]
pub fn one_job(payload: Payload, inputs: RunInputs, needs: Vec<EndedNeed>) -> OneJob {
    let Payload { mut workflow, condition, place } = payload;
    let inputs = RunInputs { place, ..inputs };
    let failed = |message: &str| OneJob::Failed { message: message.to_owned() };
    if workflow.jobs.len() != 1 {
        return failed("the forge sent a document that has not exactly one job");
    }
    let Some(job) = workflow.jobs.first_mut() else { return failed("the forge sent a document without a job") };
    if condition == Condition::Implied && !needs.is_empty() {
        job.condition.kind = TemplateKind::Bool(true);
    }
    let own = job.id.value.clone();
    let needs: Vec<EndedNeed> = needs.into_iter().filter(|need| !need.id.eq_ignore_ascii_case(&own)).collect();
    job.needs = needs.iter().map(|need| Spanned::new(need.id.clone(), Span::default())).collect();
    workflow.jobs.extend(needs.iter().map(|need| stub(&need.id)));
    let id = JobId::new(own.clone());
    let calls = matches!(workflow.jobs.first().map(|job| &job.kind), Some(JobKind::Reusable(_)));
    let calling = calls.then(|| Box::new(CallingJob { workflow: workflow.clone(), needs: needs.clone(), id }));
    // Its condition is decided without the call: the files are not here.
    if let (true, Some(job)) = (calls, workflow.jobs.first_mut()) {
        job.kind = stub(&own).kind;
    }
    let mut files = Files::new();
    files.insert(FileReference::Local(workflow.path.clone()), "");
    let before: Vec<usize> = (1..=needs.len()).collect();
    let planned = |needs: Vec<usize>| PlannedJob { ancestors: needs.clone(), needs, permissions: None, callee: None };
    let mut jobs = vec![planned(before)];
    jobs.extend(needs.iter().map(|_| planned(Vec::new())));
    let plan = Plan { files, root: Graph { workflow: Arc::new(workflow), jobs }, warnings: Vec::new() };

    let (_, decisions) = Run::start_after(Arc::new(plan), inputs, needs);
    for decision in decisions {
        match (decision, calling.clone()) {
            (Decision::Ready(_), Some(calling)) => return OneJob::Calls(calling),
            (Decision::Ready(ready), None) => return OneJob::Ready(ready),
            (Decision::Skipped { job, reason, .. }, _) if job.as_str() == own => return OneJob::Skipped { reason },
            (Decision::Failed { message, .. }, _) => return OneJob::Failed { message },
            _ => {}
        }
    }
    failed("the job could not be decided")
}

/// A job that ended elsewhere.
fn stub(id: &str) -> Job {
    let literal = |kind| Template { kind, span: Span::default() };
    let here = || literal(TemplateKind::String(Arc::from("here")));
    Job {
        id: Spanned::new(id.to_owned(), Span::default()),
        name: None,
        needs: Vec::new(),
        condition: literal(TemplateKind::Bool(true)),
        permissions: None,
        concurrency: None,
        strategy: None,
        kind: JobKind::Normal(Box::new(NormalJob {
            runs_on: RunsOn { labels: Some(here()), group: None, span: Span::default(), written: here() },
            environment: None,
            env: None,
            defaults: Defaults::default(),
            outputs: None,
            timeout_minutes: None,
            cancel_timeout_minutes: None,
            continue_on_error: None,
            container: None,
            services: Vec::new(),
            services_written: None,
            snapshot: None,
            steps: Vec::new(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::{EndedNeed, OneJob, one_job};
    use crate::parse;
    use crate::run::{ReadyJob, RunInputs};
    use domain::Conclusion;
    use std::collections::BTreeMap;

    fn decide(job: &str, needs: &[(&str, Conclusion)]) -> OneJob {
        let text = format!("jobs:\n  own:\n    runs-on: x\n{job}    steps: [{{run: a}}]\n");
        let needs = needs
            .iter()
            .map(|(id, result)| EndedNeed {
                id: (*id).to_owned(),
                result: *result,
                outputs: BTreeMap::from([("k".to_owned(), format!("of {id}"))]),
            })
            .collect();
        one_job(parse::payload("t.yml", &text).value.unwrap(), RunInputs::default(), needs)
    }

    fn ready(job: &str, needs: &[(&str, Conclusion)]) -> ReadyJob {
        match decide(job, needs) {
            OneJob::Ready(ready) => *ready,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_sees_its_needs_and_its_matrix() {
        let job = ready(
            "    strategy: {fail-fast: 'false', matrix: {n: [7]}}\n    timeout-minutes: '3'\n",
            &[("a", Conclusion::Success), ("b-1", Conclusion::Skipped)],
        );
        let at = |path: &[&str]| {
            path.iter()
                .skip(1)
                .fold(job.needs.get(path[0]).cloned().unwrap(), |value, key| value.get(key).cloned().unwrap())
        };
        assert_eq!(at(&["a", "outputs", "k"]).to_text(), "of a");
        assert_eq!(at(&["b-1", "result"]).to_text(), "skipped");
        assert_eq!(job.matrix.get("n").unwrap().to_text(), "7");
        assert_eq!(job.strategy.get("fail-fast").unwrap().to_text(), "false");
        assert!((job.timeout_minutes - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn forges_have_names_of_their_own_for_their_context() {
        for name in ["gitea", "forgejo", "forge", "Gitea", "github"] {
            let job = format!("    if: ${{{{ {name}.ref == null && {name}['sha'] == '' }}}}\n");
            assert!(matches!(decide(&job, &[]), OneJob::Ready(_)), "{name}");
        }
    }

    #[test]
    fn a_condition_is_decided_here_only_when_it_is_written() {
        let failed = [("a", Conclusion::Failure)];
        assert!(matches!(decide("", &failed), OneJob::Ready(_)), "the forge decided");
        assert!(matches!(decide("    if: always()\n", &failed), OneJob::Ready(_)));
        assert!(matches!(decide("    if: failure()\n", &failed), OneJob::Ready(_)));
        assert!(matches!(decide("    if: success()\n", &failed), OneJob::Skipped { .. }));
        assert!(matches!(decide("    if: needs.a.result == 'success'\n", &failed), OneJob::Skipped { .. }));
        assert!(matches!(decide("    if: false\n", &[]), OneJob::Skipped { .. }));
        assert!(matches!(decide("    if: fromJSON('{')\n", &[]), OneJob::Failed { .. }));
    }
}
