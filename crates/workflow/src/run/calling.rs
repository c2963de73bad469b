//! A job of a forge's document that calls a reusable workflow: forges that leave the call to the runner hand over the caller alone
//! (Gitea before 1.27, older Forgejo). Here it becomes a plan, of the document and the files it calls. Called by the agent.

use super::EndedNeed;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Workflow;
use crate::parse::{self, Parsed};
use crate::plan::{FileReference, Files, Options, Parses, Plan, PlanOutcome, plan_parsed};
use domain::JobId;
use std::sync::Arc;

/// The caller, with its needs in it as jobs that have ended.
#[derive(Debug, Clone)]
pub struct CallingJob {
    pub(super) workflow: Workflow,
    pub(super) needs: Vec<EndedNeed>,
    pub(super) id: JobId,
}

impl CallingJob {
    /// Its id: the prefix of the ids of the jobs that it brings.
    #[must_use]
    pub const fn id(&self) -> &JobId {
        &self.id
    }

    /// How its needs ended.
    #[must_use]
    pub fn needs(&self) -> &[EndedNeed] {
        &self.needs
    }

    /// Plans the call; `get` gives the text of a file, or why it cannot be had. Workflows of other repositories are those of `home`, the
    /// forge, wherever its actions come from.
    ///
    /// # Errors
    /// What is wrong with the call or the files, one line each with its place.
    pub fn plan(
        &self,
        home: &str,
        get: &mut dyn FnMut(&FileReference) -> Result<Arc<str>, String>,
    ) -> Result<Plan, String> {
        let (mut files, mut parses) = (Files::new(), Parses::default());
        let options = Options { home: Some(home.to_owned()), ..Options::default() };
        // The document is no file of the repository: a file that is called may have its path.
        let root = FileReference::Local(String::new());
        let id = files.insert(root.clone(), "");
        parses.put(id, Parsed { value: Some(self.workflow.clone()), diagnostics: Vec::new() }, 0);
        loop {
            match plan_parsed(&files, &root, &options, &mut parses) {
                PlanOutcome::Ready(plan) => return Ok(*plan),
                PlanOutcome::Invalid(findings) => return Err(self.told(&files, &findings)),
                PlanOutcome::NeedsFiles(wanted) => {
                    for reference in wanted {
                        let name = reference.to_string();
                        match get(&reference) {
                            Ok(text) => {
                                let id = files.insert(reference, Arc::clone(&text));
                                parses.put(id, parse::called(id, &name, &text), text.len());
                            }
                            Err(why) => {
                                files.insert_missing(reference, why);
                            }
                        }
                    }
                }
            }
        }
    }

    fn told(&self, files: &Files, findings: &[Diagnostic]) -> String {
        let mut text = format!("The job '{}' calls a reusable workflow that cannot run:", self.id);
        for fault in findings.iter().filter(|fault| fault.severity == Severity::Error) {
            let file = files.get(fault.span.file).map(|file| file.reference.to_string()).unwrap_or_default();
            let file = if file.is_empty() { self.workflow.path.clone() } else { file };
            text.push_str(&format!(
                "\n{file} (Line: {}, Col: {}): {}",
                fault.span.line, fault.span.column, fault.message
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::CallingJob;
    use crate::parse;
    use crate::plan::FileReference;
    use crate::run::{Decision, EndedNeed, OneJob, Run, RunChange, RunInputs, one_job};
    use domain::{Conclusion, JobId};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const CALLED: &str = "on:\n  workflow_call:\n    inputs: {word: {type: string}}\n    outputs: {said: {value: '${{ jobs.build.outputs.said }}'}}\njobs:\n  build:\n    runs-on: x\n    outputs: {said: x}\n    steps: [{run: 'echo ${{ inputs.word }}'}]\n  after:\n    needs: build\n    runs-on: x\n    steps: [{run: b}]\n";

    fn calling(job: &str, needs: Vec<EndedNeed>) -> CallingJob {
        let text = format!("jobs:\n  call:\n{job}");
        match one_job(parse::payload("t.yml", &text).value.unwrap(), RunInputs::default(), needs) {
            OneJob::Calls(calling) => *calling,
            other => panic!("{other:?}"),
        }
    }

    fn failed_need() -> EndedNeed {
        let outputs = BTreeMap::from([("o".to_owned(), "of need".to_owned())]);
        EndedNeed { id: "before".to_owned(), result: Conclusion::Failure, outputs }
    }

    #[test]
    fn the_called_jobs_run_and_their_outputs_are_the_callers() {
        let job = "    uses: ./.gitea/workflows/c.yml\n    with: {word: '${{ needs.before.outputs.o }}'}\n    secrets: inherit\n";
        let calling = calling(job, vec![failed_need()]);
        let mut asked = Vec::new();
        let plan = calling.plan("https://forge.example", &mut |file: &FileReference| {
            asked.push(file.to_string());
            Ok(Arc::from(CALLED))
        });
        assert_eq!(asked, [".gitea/workflows/c.yml"]);
        let inputs = RunInputs::default();
        let (mut run, decisions) = Run::start_after(Arc::new(plan.unwrap()), inputs, calling.needs().to_vec());
        let [Decision::Ready(ready)] = decisions.as_slice() else { panic!("{decisions:?}") };
        assert_eq!(ready.id.as_str(), "call / build");
        assert_eq!(ready.inputs.get("word").unwrap().to_text(), "of need");
        let ended = |job: &str| RunChange::Ended {
            job: JobId::new(job),
            conclusion: Conclusion::Success,
            outputs: BTreeMap::from([("said".to_owned(), "hello".to_owned())]),
        };
        let decisions = run.apply(ended("call / build"));
        assert!(matches!(decisions.as_slice(), [Decision::Ready(ready)] if ready.id.as_str() == "call / after"));
        assert_eq!(run.root_end("call"), None);
        let _finished = run.apply(ended("call / after"));
        // The need that failed is no concern of the caller's conclusion.
        let (conclusion, outputs) = run.root_end("call").unwrap();
        assert_eq!((conclusion, outputs["said"].as_str()), (Conclusion::Success, "hello"));
    }

    #[test]
    fn what_cannot_be_called_is_told_with_its_place() {
        let missing = calling("    uses: ./c.yml\n", Vec::new())
            .plan("https://forge.example", &mut |_| Err("there is no such file".to_owned()));
        let told = missing.unwrap_err();
        assert!(told.contains("t.yml (Line: 3") && told.contains("there is no such file"), "{told}");
        let broken = calling("    uses: ./c.yml\n", Vec::new()).plan("https://forge.example", &mut |_| {
            Ok(Arc::from("on: workflow_call\njobs: {a: {steps: [{uses: x}]}}\n"))
        });
        assert!(broken.unwrap_err().contains("\nc.yml (Line: 2"));
        let not_callable = calling("    uses: ./c.yml\n", Vec::new())
            .plan("https://forge.example", &mut |_| Ok(Arc::from("on: push\njobs: {a: {steps: [{run: x}]}}\n")));
        assert!(not_callable.unwrap_err().contains("workflow_call"));
    }

    #[test]
    fn a_condition_of_a_caller_is_decided() {
        let text = "jobs:\n  call:\n    if: false\n    uses: ./c.yml\n";
        let decided = one_job(parse::payload("t.yml", text).value.unwrap(), RunInputs::default(), Vec::new());
        assert!(matches!(decided, OneJob::Skipped { .. }), "{decided:?}");
    }
}
