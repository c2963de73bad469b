//! Drives a run: plans files, answers ready jobs by a script, and writes down what the machine decided.

use domain::{Conclusion, JobId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use workflow::expr::parse_json;
use workflow::plan::{FileReference, Files, Plan, PlanOutcome, plan};
use workflow::run::{Decision, ReadyJob, Run, RunChange, RunInputs, WantedCell};

pub(crate) const MAIN: &str = ".github/workflows/main.yml";

/// A plan of files by path; the first is run.
pub(crate) fn planned(files: &[(&str, &str)]) -> Arc<Plan> {
    let mut set = Files::new();
    for (path, text) in files {
        set.insert(FileReference::Local((*path).to_owned()), *text);
    }
    match plan(&set, files[0].0) {
        PlanOutcome::Ready(plan) => Arc::new(*plan),
        other => panic!("no plan: {other:#?}"),
    }
}

/// What a job does when it runs.
pub(crate) type Script<'a> = dyn FnMut(&ReadyJob) -> (Conclusion, Vec<(&'static str, String)>) + 'a;

pub(crate) struct Driven {
    pub(crate) run: Run,
    /// Given out and not ended, in order.
    pub(crate) ready: VecDeque<ReadyJob>,
    /// What was decided, one line each.
    pub(crate) log: Vec<String>,
}

impl Driven {
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        Self::start_with(files, "{}")
    }

    /// Starts with inputs as JSON.
    pub(crate) fn start_with(files: &[(&str, &str)], inputs: &str) -> Self {
        Self::start_wanting(files, inputs, &[])
    }

    /// Starts with inputs as JSON, for configurations with these values alone.
    pub(crate) fn start_wanting(files: &[(&str, &str)], inputs: &str, cells: &[(&str, &str)]) -> Self {
        let cells =
            cells.iter().map(|(key, value)| WantedCell { key: (*key).into(), value: (*value).into() }).collect();
        let github = parse_json(r#"{"ref":"refs/heads/main","event_name":"push","event":{}}"#).unwrap();
        let inputs = RunInputs { github, inputs: parse_json(inputs).unwrap(), cells, ..RunInputs::default() };
        let (run, decisions) = Run::start(planned(files), inputs);
        let mut driven = Self { run, ready: VecDeque::new(), log: Vec::new() };
        driven.take(decisions);
        driven
    }

    fn take(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            self.log.push(match decision {
                Decision::Ready(ready) => {
                    let line = format!("ready {}", ready.id);
                    self.ready.push_back(*ready);
                    line
                }
                Decision::Skipped { job, name, reason } => format!("skipped {job} [{name}]: {reason}"),
                Decision::Failed { job, name, message } => format!("failed {job} [{name}]: {message}"),
                Decision::Cancelled { job, .. } => format!("cancelled {job}"),
                Decision::Cancel { job, .. } => format!("cancel {job}"),
                Decision::CallEnded { call } => format!("left {call}"),
                Decision::Finished { conclusion } => format!("finished {conclusion}"),
            });
        }
    }

    /// Ends a job that is ready.
    pub(crate) fn end(&mut self, id: &str, conclusion: Conclusion) {
        self.end_with(id, conclusion, &[]);
    }

    pub(crate) fn end_with(&mut self, id: &str, conclusion: Conclusion, outputs: &[(&str, &str)]) {
        let at =
            self.ready.iter().position(|job| job.id.as_str() == id).unwrap_or_else(|| panic!("{id}: {:?}", self.log));
        self.ready.remove(at);
        let outputs: BTreeMap<String, String> =
            outputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let decisions = self.run.apply(RunChange::Ended { job: JobId::new(id), conclusion, outputs });
        self.take(decisions);
    }

    pub(crate) fn cancel(&mut self) {
        let decisions = self.run.apply(RunChange::CancelRequested);
        self.take(decisions);
    }

    pub(crate) fn end_all(&mut self) {
        let decisions = self.run.apply(RunChange::EndRequested);
        self.take(decisions);
    }

    pub(crate) fn give_way(&mut self, job: &str, group: &str) {
        let decisions = self.run.apply(RunChange::GaveWay { job: JobId::new(job), group: group.to_owned() });
        self.take(decisions);
    }

    /// Lets every ready job run in order until none is left; gives the last line.
    pub(crate) fn finish(&mut self, script: &mut Script<'_>) -> String {
        while let Some(job) = self.ready.front() {
            let (conclusion, outputs) = script(job);
            let id = job.id.as_str().to_owned();
            let outputs: Vec<(&str, &str)> = outputs.iter().map(|(k, v)| (*k, v.as_str())).collect();
            self.end_with(&id, conclusion, &outputs);
        }
        self.log.last().cloned().unwrap_or_default()
    }

    /// All jobs that are left succeed.
    pub(crate) fn succeed(&mut self) -> String {
        self.finish(&mut |_| (Conclusion::Success, Vec::new()))
    }

    pub(crate) fn ready_ids(&self) -> Vec<&str> {
        self.ready.iter().map(|job| job.id.as_str()).collect()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.log.iter().any(|found| found.starts_with(line))
    }
}
