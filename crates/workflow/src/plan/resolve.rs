//! Follows the calls of reusable workflows.

use super::call::{check, error};
use super::permission::excess;
use super::{Calls, FileReference, Files, Graph, Options, Parses, Plan, PlanOutcome, PlannedJob};
use crate::action_source::ActionRef;
use crate::diagnostic::{Diagnostic, Severity, code};
use crate::model::{Job, JobKind, Permissions, ReusableJob, Workflow};
use crate::parse::{self, Call};
use crate::template::TemplateKind;
use crate::yaml::{FileId, Limits, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// Plans the workflow file at a path of the run's repository, within the reference's budgets.
#[must_use]
pub fn plan(files: &Files, path: &str) -> PlanOutcome {
    plan_with(files, &FileReference::Local(path.to_owned()), &Options::default())
}

/// Plans a workflow file.
#[must_use]
pub fn plan_with(files: &Files, root: &FileReference, options: &Options) -> PlanOutcome {
    plan_parsed(files, root, options, &mut Parses::default())
}

/// Plans a workflow file; what was parsed for an earlier try with the same files is not parsed again.
#[must_use]
pub fn plan_parsed(files: &Files, root: &FileReference, options: &Options, parses: &mut Parses) -> PlanOutcome {
    let Some(id) = files.find(root) else { return PlanOutcome::NeedsFiles(vec![root.clone()]) };
    let mut planner = Planner {
        files,
        options,
        parses,
        parsed: HashMap::new(),
        bytes: 0,
        jobs: 0,
        needed: Vec::new(),
        findings: Vec::new(),
        stopped: false,
    };
    let at = Span { file: id, line: 1, column: 1, ..Span::default() };
    let graph = planner.load(id, at).and_then(|workflow| {
        let granted = Granted { workflow: workflow.permissions.as_ref(), ceiling: None };
        planner.graph(&workflow, &granted, &mut vec![root.clone()])
    });
    if !planner.needed.is_empty() {
        return PlanOutcome::NeedsFiles(planner.needed);
    }
    let invalid = planner.findings.iter().any(|finding| finding.severity == Severity::Error);
    match graph {
        Some(root) if !invalid => {
            PlanOutcome::Ready(Box::new(Plan { files: files.clone(), root, warnings: planner.findings }))
        }
        _ => PlanOutcome::Invalid(planner.findings),
    }
}

struct Planner<'a> {
    files: &'a Files,
    options: &'a Options,
    parses: &'a mut Parses,
    parsed: HashMap<FileId, Loaded>,
    /// What all loads so far count for.
    bytes: usize,
    jobs: usize,
    needed: Vec<FileReference>,
    findings: Vec<Diagnostic>,
    /// A budget of the whole run is used up: nothing more is followed.
    stopped: bool,
}

struct Loaded {
    workflow: Option<Arc<Workflow>>,
    bytes: usize,
}

/// What the jobs of a graph may do.
struct Granted<'a> {
    /// What a job has that says nothing itself.
    workflow: Option<&'a Permissions>,
    /// For a called workflow: who calls it.
    ceiling: Option<&'a Caller<'a>>,
}

struct Caller<'a> {
    job: &'a Job,
    uses: &'a str,
    allowed: Option<&'a Permissions>,
}

impl Planner<'_> {
    /// Parses a file, once, and counts it each time.
    fn load(&mut self, id: FileId, at: Span) -> Option<Arc<Workflow>> {
        if !self.parsed.contains_key(&id) && !self.parse(id, at) {
            return None;
        }
        let loaded = self.parsed.get(&id)?;
        self.bytes = self.bytes.saturating_add(loaded.bytes);
        let workflow = loaded.workflow.clone()?;
        if self.bytes > self.options.limits.bytes {
            return self.stop(code::LIMIT, at, "Maximum object size exceeded".to_owned());
        }
        Some(workflow)
    }

    fn parse(&mut self, id: FileId, at: Span) -> bool {
        let Some(file) = self.files.get(id) else { return false };
        if self.parsed.len() >= self.options.files {
            let message = format!("The maximum file count of {} has been exceeded", self.options.files);
            self.stop::<()>(code::LIMIT, at, message);
            return false;
        }
        let name = file.reference.to_string();
        let text = match &file.text {
            Ok(text) => text,
            Err(why) => {
                self.findings.push(error(
                    code::MISSING_FILE,
                    at,
                    format!("Cannot get the workflow '{name}': {why}"),
                    None,
                ));
                self.parsed.insert(id, Loaded { workflow: None, bytes: 0 });
                return true;
            }
        };
        // A file's name counts once, its content with each load.
        self.bytes += 26 + 2 * name.chars().count();
        let limits = Limits { bytes: self.options.limits.bytes.saturating_sub(self.bytes), ..self.options.limits };
        let parse = self.parses.get(id, &name, text, &limits);
        self.findings.extend_from_slice(&parse.diagnostics);
        self.parsed.insert(id, Loaded { workflow: parse.workflow.clone(), bytes: parse.bytes });
        true
    }

    fn graph(
        &mut self,
        workflow: &Arc<Workflow>,
        granted: &Granted<'_>,
        stack: &mut Vec<FileReference>,
    ) -> Option<Graph> {
        self.count(workflow)?;
        let needs = needs(workflow);
        let ancestors = ancestors(&needs);
        let mut jobs = Vec::with_capacity(workflow.jobs.len());
        for ((job, needs), ancestors) in workflow.jobs.iter().zip(needs).zip(ancestors) {
            if let (Some(requested), Some(caller)) = (&job.permissions, granted.ceiling) {
                self.check_permissions(requested, caller, Some(job));
            }
            let permissions = job.permissions.as_ref().or(granted.workflow);
            let callee = match &job.kind {
                JobKind::Reusable(call) if self.options.calls == Calls::Follow && !self.stopped => {
                    self.callee(job, call, permissions, stack).map(Arc::new)
                }
                _ => None,
            };
            jobs.push(PlannedJob { needs, ancestors, permissions: permissions.cloned(), callee });
        }
        Some(Graph { workflow: Arc::clone(workflow), jobs })
    }

    fn callee(
        &mut self,
        job: &Job,
        call: &ReusableJob,
        allowed: Option<&Permissions>,
        stack: &mut Vec<FileReference>,
    ) -> Option<Graph> {
        let at = call.uses.span;
        let Some(target) = target(stack.last()?, &call.uses, self.options.home.as_deref()) else {
            self.findings.push(error(code::BAD_USES, at, parse::invalid_call(&call.uses), None));
            return None;
        };
        if stack.contains(&target) {
            let circle: Vec<String> = stack.iter().chain([&target]).map(ToString::to_string).collect();
            let message = format!("Reusable workflows call each other in a circle: {}", circle.join(" → "));
            self.findings.push(error(code::CALL_DEPTH, at, message, None));
            return None;
        }
        if stack.len() > self.options.nesting {
            return self.stop(
                code::CALL_DEPTH,
                at,
                format!("Nested reusable workflow depth exceeded {}.", self.options.nesting),
            );
        }
        let Some(id) = self.files.find(&target) else {
            if !self.needed.contains(&target) {
                self.needed.push(target);
            }
            return None;
        };
        let workflow = self.load(id, at)?;
        check(call, &workflow, &mut self.findings);
        let caller = Caller { job, uses: &call.uses, allowed };
        if let Some(requested) = &workflow.permissions {
            self.check_permissions(requested, &caller, None);
        }
        let granted = Granted { workflow: workflow.permissions.as_ref().or(allowed), ceiling: Some(&caller) };
        stack.push(target);
        let graph = self.graph(&workflow, &granted, stack);
        stack.pop();
        graph
    }

    fn check_permissions(&mut self, requested: &Permissions, caller: &Caller<'_>, job: Option<&Job>) {
        let Some((asked, allowed)) = excess(requested, caller.allowed, self.options.policy) else { return };
        let who = match job {
            Some(job) => format!("The nested job '{}'", shown_name(job)),
            None => format!("The workflow '{}'", caller.uses),
        };
        let message = format!(
            "Error calling workflow '{}'. {who} is requesting '{asked}', but is only allowed '{allowed}'.",
            caller.uses
        );
        let help = Some(format!("give job '{}' these 'permissions'", caller.job.id.value));
        self.findings.push(error(code::CALL_PERMISSION, caller.job.id.span, message, help));
    }

    fn count(&mut self, workflow: &Workflow) -> Option<()> {
        let left = self.options.jobs.saturating_sub(self.jobs);
        self.jobs += workflow.jobs.len();
        match workflow.jobs.get(left) {
            Some(first) => {
                let message = format!("The workflow may not contain more than {} jobs", self.options.jobs);
                self.stop(code::LIMIT, first.id.span, message)
            }
            None => Some(()),
        }
    }

    fn stop<T>(&mut self, code: &'static str, at: Span, message: String) -> Option<T> {
        if !self.stopped {
            self.findings.push(error(code, at, message, None));
            self.stopped = true;
        }
        None
    }
}

/// The file that a call names, seen from the file that makes it.
fn target(from: &FileReference, uses: &str, home: Option<&str>) -> Option<FileReference> {
    Some(match (parse::call(uses)?, from) {
        (Call::Remote(action), _) => {
            FileReference::Remote(ActionRef { host: action.host.or_else(|| home.map(str::to_owned)), ..action })
        }
        (Call::Local(path), FileReference::Local(_)) => FileReference::Local(path),
        (Call::Local(path), FileReference::Remote(action)) => {
            FileReference::Remote(ActionRef { path, ..action.clone() })
        }
    })
}

fn shown_name(job: &Job) -> &str {
    match job.name.as_ref().map(|name| &name.kind) {
        Some(TemplateKind::String(name)) if !name.is_empty() => name,
        _ => &job.id.value,
    }
}

fn needs(workflow: &Workflow) -> Vec<Vec<usize>> {
    let index: HashMap<String, usize> =
        workflow.jobs.iter().enumerate().map(|(at, job)| (job.id.to_lowercase(), at)).collect();
    let of = |job: &Job| job.needs.iter().filter_map(|need| index.get(&need.to_lowercase()).copied()).collect();
    workflow.jobs.iter().map(of).collect()
}

/// All jobs before each job. Circles were refused when the file was parsed.
fn ancestors(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut all = Vec::with_capacity(needs.len());
    for direct in needs {
        let mut seen = vec![false; needs.len()];
        let mut stack = direct.clone();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                stack.extend(&needs[at]);
            }
        }
        all.push(seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(at, _)| at).collect());
    }
    all
}
