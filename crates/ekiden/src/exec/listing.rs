//! `--list` and `--graph`: the jobs of a plan, before anything is evaluated.

use crate::style::{Ink, Palette};
use serde_json::{Value, json};
use std::fmt::Write as _;
use workflow::model::{Job, JobKind};
use workflow::plan::{Graph, Plan};
use workflow::template::{Template, TemplateKind};

/// A job as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id, with the callers' before it.
    id: String,
    /// The name that people see; expressions as written.
    name: String,
    /// The ids of the jobs that it needs.
    needs: Vec<String>,
    /// `runs-on` as written, or the workflow that it calls.
    on: String,
}

impl Listed {
    /// Its id, with the callers' before it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// The place of a job among ids as [`jobs`] lists them: without the values of matrices that a running job's id bears.
pub(crate) fn place(listed: &[String], id: &str) -> Option<usize> {
    let bare: Vec<&str> = id.split(" / ").map(|part| part.split(" (").next().unwrap_or(part)).collect();
    let bare = bare.join(" / ");
    // A value may hold ` / ` itself; then the caller is the nearest that is known.
    listed.iter().position(|known| *known == bare).or_else(|| {
        let known = |at: &usize| bare.starts_with(listed[*at].as_str());
        (0..listed.len()).rev().find(known)
    })
}

/// The jobs of a plan, callers before what they call.
pub(crate) fn jobs(plan: &Plan) -> Vec<Listed> {
    let mut list = Vec::new();
    walk(&plan.root, "", &mut list);
    list
}

fn walk(graph: &Graph, caller: &str, list: &mut Vec<Listed>) {
    for (job, planned) in graph.workflow.jobs.iter().zip(&graph.jobs) {
        let named = |job: &Job| format!("{caller}{}", *job.id);
        let id = named(job);
        list.push(Listed {
            id: id.clone(),
            name: job.name.as_ref().map_or_else(|| id.clone(), |name| format!("{caller}{}", text(name))),
            needs: planned.needs.iter().filter_map(|need| graph.workflow.jobs.get(*need)).map(named).collect(),
            on: match &job.kind {
                JobKind::Normal(normal) => normal.runs_on.labels.as_ref().map_or_else(|| "group".to_owned(), text),
                JobKind::Reusable(call) => format!("calls {}", call.uses.value),
            },
        });
        if let Some(callee) = &planned.callee {
            walk(callee, &format!("{id} / "), list);
        }
    }
}

/// A value as it is written, more or less.
pub(super) fn text(template: &Template) -> String {
    match &template.kind {
        TemplateKind::Sequence(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        TemplateKind::Mapping(_) | TemplateKind::Insert => "{…}".to_owned(),
        _ => template.as_written(),
    }
}

/// The list for scripts.
pub(crate) fn json(plans: &[Plan]) -> Value {
    let several = plans.len() > 1;
    let jobs: Vec<Value> = plans
        .iter()
        .flat_map(|plan| {
            jobs(plan).into_iter().map(move |job| {
                let mut value = json!({ "id": job.id, "name": job.name, "needs": job.needs, "runs_on": job.on });
                if several {
                    value["workflow"] = json!(plan.root.workflow.path);
                }
                value
            })
        })
        .collect();
    json!({ "jobs": jobs })
}

/// The list for people.
pub(crate) fn table(palette: Palette, plans: &[Plan]) -> String {
    let mut out = String::new();
    for plan in plans {
        let workflow = &plan.root.workflow;
        let name = workflow.name.as_ref().map_or("", |name| name.value.as_str());
        let events: Vec<&str> = workflow.on.iter().map(|trigger| trigger.event.value.as_str()).collect();
        let head = palette.paint(Ink::Strong, &workflow.path);
        let _never = writeln!(out, "{head}  {name}  on: {}", events.join(", "));
        let list = jobs(plan);
        let width = |of: fn(&Listed) -> &str| list.iter().map(|job| of(job).chars().count()).max().unwrap_or(0).min(50);
        let (ids, names) = (width(|job| &job.id), width(|job| &job.name));
        for job in &list {
            let needs = if job.needs.is_empty() { String::new() } else { format!("  needs {}", job.needs.join(", ")) };
            let name = if job.name == job.id { "" } else { &job.name };
            let _never = writeln!(out, "  {:ids$}  {name:names$}  {}{needs}", job.id, job.on);
        }
    }
    out
}

/// Who waits for whom: jobs in the order in which they could run, a column for each depth.
pub(crate) fn graph(palette: Palette, plans: &[Plan]) -> String {
    let mut out = String::new();
    for plan in plans {
        let _never = writeln!(out, "{}", palette.paint(Ink::Strong, &plan.root.workflow.path));
        let graph = &plan.root;
        let mut depth = vec![0usize; graph.jobs.len()];
        // Needs lead from later to earlier depths only; there are no circles in a plan.
        for _ in 0..graph.jobs.len() {
            for (at, job) in graph.jobs.iter().enumerate() {
                depth[at] = job.needs.iter().map(|need| depth[*need] + 1).max().unwrap_or(0);
            }
        }
        let mut order: Vec<usize> = (0..graph.jobs.len()).collect();
        order.sort_by_key(|at| (depth[*at], *at));
        for at in order {
            let job = &graph.workflow.jobs[at];
            let needs: Vec<&str> =
                graph.jobs[at].needs.iter().map(|need| graph.workflow.jobs[*need].id.value.as_str()).collect();
            let after = if needs.is_empty() {
                String::new()
            } else {
                palette.paint(Ink::Dim, format_args!("  ◀ {}", needs.join(", ")))
            };
            let _never = writeln!(out, "{}{}{after}", "   ".repeat(depth[at] + 1), job.id.value);
            if let Some(callee) = &graph.jobs[at].callee {
                for inner in &callee.workflow.jobs {
                    let _never = writeln!(out, "{}└ {}", "   ".repeat(depth[at] + 2), inner.id.value);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{graph, json, table};
    use crate::style::Palette;
    use workflow::plan::{FileReference, Files, Plan, PlanOutcome, plan};

    fn planned() -> Plan {
        let mut files = Files::new();
        let text = "name: CI\non: [push, pull_request]\njobs:\n  build:\n    name: Build it\n    runs-on: ubuntu-latest\n    steps: [{run: x}]\n  test:\n    needs: build\n    runs-on: [self-hosted, linux]\n    steps: [{run: x}]\n  call:\n    needs: [build, test]\n    uses: ./.github/workflows/lib.yml\n";
        let lib = "on: workflow_call\njobs:\n  inner:\n    runs-on: ${{ inputs.x || 'a' }}\n    steps: [{run: x}]\n";
        files.insert(FileReference::Local("ci.yml".into()), text);
        files.insert(FileReference::Local(".github/workflows/lib.yml".into()), lib);
        match plan(&files, "ci.yml") {
            PlanOutcome::Ready(plan) => *plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn people_see_ids_names_and_needs() {
        let plans = [planned()];
        insta::assert_snapshot!(table(Palette::Plain, &plans), @r"
        ci.yml  CI  on: push, pull_request
          build         Build it      ubuntu-latest
          test                        self-hosted, linux  needs build
          call                        calls ./.github/workflows/lib.yml  needs build, test
          call / inner                ${{ inputs.x || 'a' }}
        ");
        insta::assert_snapshot!(graph(Palette::Plain, &plans), @r"
        ci.yml
           build
              test  ◀ build
                 call  ◀ build, test
                    └ inner
        ");
    }

    #[test]
    fn scripts_get_every_job_with_its_needs() {
        let value = json(&[planned()]);
        let ids: Vec<&str> = value["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["build", "test", "call", "call / inner"]);
        assert_eq!(value["jobs"][2]["needs"], serde_json::json!(["build", "test"]));
        assert_eq!(value["jobs"][0]["name"], "Build it");
    }
}
