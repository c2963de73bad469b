//! The graph of `needs`.

use super::findings::Findings;
use crate::diagnostic::code;
use crate::nearest::nearest;
use crate::yaml::{Span, Spanned};
use std::collections::HashMap;

/// A job and what it needs.
#[derive(Debug)]
pub(super) struct Needing<'a> {
    pub(super) id: &'a str,
    pub(super) needs: &'a [Spanned<String>],
}

/// Reports needs that name no job, and circles.
pub(super) fn check(jobs: &[Needing<'_>], span: Span, findings: &mut Findings) {
    if jobs.iter().all(|job| job.needs.is_empty()) {
        return;
    }
    let index: HashMap<String, usize> = jobs.iter().enumerate().map(|(at, job)| (job.id.to_lowercase(), at)).collect();
    let needs: Vec<Vec<Option<usize>>> = jobs
        .iter()
        .map(|job| job.needs.iter().map(|need| index.get(&need.to_lowercase()).copied()).collect())
        .collect();
    for (job, targets) in jobs.iter().zip(&needs) {
        for (need, target) in job.needs.iter().zip(targets) {
            if target.is_none() {
                let near = if findings.helps() { nearest(need, jobs.iter().map(|job| job.id)) } else { None };
                let help = near.map(|near| format!("did you mean '{near}'?"));
                let message = format!("Job '{}' depends on unknown job '{}'.", job.id, need.value);
                findings.error_with(code::UNKNOWN_JOB, need.span, message, help);
            }
        }
    }
    if !jobs.is_empty() && jobs.iter().all(|job| !job.needs.is_empty()) {
        findings.error(code::NEEDS_CYCLE, span, "The workflow must contain at least one job with no dependencies.");
        return;
    }
    let starts = startable(&needs);
    for (at, (job, targets)) in jobs.iter().zip(&needs).enumerate() {
        for (need, target) in job.needs.iter().zip(targets) {
            if !starts[at] && target.is_some_and(|target| !starts[target]) {
                let message = format!(
                    "Job '{}' depends on job '{}' which creates a cycle in the dependency graph.",
                    job.id, need.value
                );
                findings.error(code::NEEDS_CYCLE, need.span, message);
            }
        }
    }
}

/// Which jobs would start if every unknown need were met.
fn startable(needs: &[Vec<Option<usize>>]) -> Vec<bool> {
    let mut left: Vec<usize> = needs.iter().map(|targets| targets.iter().flatten().count()).collect();
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (at, targets) in needs.iter().enumerate() {
        for target in targets.iter().flatten() {
            dependants[*target].push(at);
        }
    }
    let mut starts = vec![false; needs.len()];
    let mut ready: Vec<usize> = left.iter().enumerate().filter(|(_, left)| **left == 0).map(|(at, _)| at).collect();
    while let Some(at) = ready.pop() {
        starts[at] = true;
        for dependant in &dependants[at] {
            left[*dependant] -= 1;
            if left[*dependant] == 0 {
                ready.push(*dependant);
            }
        }
    }
    starts
}
