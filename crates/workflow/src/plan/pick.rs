//! A part of a plan: some jobs and all that they need (`exec --job`).

use super::{Graph, Plan, PlannedJob};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A job that was picked is not in the workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} has no job '{wanted}'; it has: {}", known.join(", "))]
pub struct NoSuchJob {
    /// The id that was asked for.
    pub wanted: String,
    /// The workflow.
    pub path: String,
    /// Its jobs.
    pub known: Vec<String>,
}

impl Plan {
    /// The plan with these jobs of the first workflow and those that they need; ids are compared ignoring case, as everywhere.
    ///
    /// # Errors
    /// When the workflow has no such job.
    pub fn pick(&self, ids: &[String]) -> Result<Self, NoSuchJob> {
        let graph = &self.root;
        let jobs = &graph.workflow.jobs;
        let mut kept = BTreeSet::new();
        for id in ids {
            let at = jobs.iter().position(|job| job.id.eq_ignore_ascii_case(id)).ok_or_else(|| NoSuchJob {
                wanted: id.clone(),
                path: graph.workflow.path.clone(),
                known: jobs.iter().map(|job| job.id.value.clone()).collect(),
            })?;
            kept.insert(at);
            kept.extend(graph.jobs[at].ancestors.iter().copied());
        }
        let kept: Vec<usize> = kept.into_iter().collect();
        // What a kept job needs is kept, so that every index has a new one.
        let renumbered = |old: &[usize]| old.iter().filter_map(|old| kept.binary_search(old).ok()).collect::<Vec<_>>();
        let mut workflow = (*graph.workflow).clone();
        workflow.jobs = kept.iter().map(|at| jobs[*at].clone()).collect();
        let planned = kept.iter().map(|at| {
            let job = &graph.jobs[*at];
            PlannedJob { needs: renumbered(&job.needs), ancestors: renumbered(&job.ancestors), ..job.clone() }
        });
        let root = Graph { jobs: planned.collect(), workflow: Arc::new(workflow) };
        Ok(Self { files: self.files.clone(), root, warnings: self.warnings.clone() })
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{FileReference, Files, Plan, PlanOutcome, plan};

    fn planned() -> Plan {
        let mut files = Files::new();
        let job =
            |id: &str, needs: &str| format!("  {id}:\n    needs: [{needs}]\n    runs-on: x\n    steps: [{{run: x}}]\n");
        let text = format!("on: push\njobs:\n{}{}{}{}", job("a", ""), job("b", ""), job("c", "b"), job("d", "a, c"));
        files.insert(FileReference::Local("ci.yml".into()), text);
        match plan(&files, "ci.yml") {
            PlanOutcome::Ready(plan) => *plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_comes_with_what_it_needs() {
        let picked = planned().pick(&["C".to_owned()]).unwrap();
        let ids: Vec<&str> = picked.root.workflow.jobs.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        assert_eq!(picked.root.jobs[1].needs, [0]);
        assert_eq!(picked.root.jobs[1].ancestors, [0]);
    }

    #[test]
    fn everything_is_everything_and_nothing_is_an_error() {
        let all = planned().pick(&["d".to_owned(), "a".to_owned()]).unwrap();
        assert_eq!(all.root, planned().root);
        let error = planned().pick(&["x".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "ci.yml has no job 'x'; it has: a, b, c, d");
    }
}
