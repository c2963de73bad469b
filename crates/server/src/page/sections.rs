//! A job's log cut into what comes before the steps, the steps, and what comes behind them. Used by the page of a job and by its stream.

use super::fill::{ended, job_mark, moment, took};
use super::text::line;
use super::view::{Mark, Section};
use crate::run::JobFacts;
use crate::task::Progress;
use domain::Conclusion;
use domain::control::{JobEnd, JobPhase};
use store::StoredJob;

/// A part of the log with its rows: from `section.first` to before `to`.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) section: Section,
    pub(crate) to: u64,
}

impl Cut {
    /// Its rows: the first, and the one behind the last.
    pub(crate) fn range(&self) -> (u64, u64) {
        let from = self.section.first.unwrap_or(self.to);
        (from.min(self.to), self.to)
    }
}

/// The parts of a job's log of so many rows.
pub(crate) fn cut(job: &StoredJob, facts: Option<&JobFacts>, progress: &Progress, rows: u64) -> Vec<Cut> {
    if matches!(&job.phase, JobPhase::Finished { end: JobEnd::NeverRan(_), .. }) {
        return Vec::new();
    }
    let names = facts.map_or(&[][..], |facts| &facts.steps);
    let steps: Vec<Section> = steps(job, names, progress);
    let has_begun = steps.iter().any(|step| step.first.is_some());
    let mut parts = vec![part("setup", "Set up job", setup(job, has_begun), Some(0))];
    parts.extend(steps);
    parts.push(end(job, progress, &parts));
    // Each goes as far as the next begins.
    let mut to = rows;
    let mut cuts: Vec<Cut> = Vec::with_capacity(parts.len());
    for section in parts.into_iter().rev() {
        let until = to;
        to = section.first.map_or(to, |first| first.min(to));
        cuts.push(Cut { section, to: until });
    }
    cuts.reverse();
    open(&mut cuts, job);
    cuts
}

fn part(key: &str, name: &str, mark: Mark, first: Option<u64>) -> Section {
    Section {
        key: key.to_owned(),
        mark,
        word: mark.class(),
        name: name.to_owned(),
        since: None,
        took: None,
        first,
        open: false,
        before: None,
        earlier: None,
        body: String::new(),
        later: None,
        behind: None,
    }
}

fn steps(job: &StoredJob, names: &[String], progress: &Progress) -> Vec<Section> {
    let is_over = job.phase.end().is_some();
    let mut least = 0;
    let step = |at: usize| {
        let said = progress.steps.get(at).copied().unwrap_or_default();
        let mark = match (said.conclusion, said.started) {
            (Some(conclusion), _) => ended(conclusion),
            (None, Some(_)) if is_over => job_mark(&job.phase),
            (None, Some(_)) => Mark::Running,
            (None, None) if is_over => Mark::Skipped,
            (None, None) => Mark::Waiting,
        };
        // Its first row is known when it has begun, and lies behind those of the steps before it.
        let is_begun = said.rows > 0 || (said.started.is_some() && said.conclusion != Some(Conclusion::Skipped));
        let first = (is_begun && said.row >= least && (said.row > 0 || said.rows > 0)).then_some(said.row);
        least = first.unwrap_or(least);
        let name = names.get(at).map_or_else(|| format!("step {}", at + 1), |name| line(name));
        Section {
            since: said.started.filter(|_| mark == Mark::Running).map(moment),
            took: took(said.started, said.stopped).filter(|_| mark != Mark::Skipped),
            ..part(&format!("s{at}"), &name, mark, first)
        }
    };
    (0..names.len().max(progress.steps.len())).map(step).collect()
}

/// What happens before the first step.
fn setup(job: &StoredJob, has_begun: bool) -> Mark {
    match &job.phase {
        JobPhase::Held { .. } | JobPhase::Queued { .. } => Mark::Waiting,
        _ if has_begun => Mark::Success,
        phase => job_mark(phase),
    }
}

/// What happens behind the last step.
fn end(job: &StoredJob, progress: &Progress, parts: &[Section]) -> Section {
    let are_over = !progress.steps.is_empty() && progress.steps.iter().all(|step| step.conclusion.is_some());
    let last = progress.steps.iter().filter(|step| step.rows > 0).map(|step| step.row + step.rows).max();
    let least = parts.iter().filter_map(|part| part.first).max().unwrap_or(0);
    let mark = match &job.phase {
        JobPhase::Finished { end: JobEnd::Fault(_), .. } => Mark::Failure,
        JobPhase::Finished { .. } => Mark::Success,
        _ if are_over => Mark::Running,
        _ => Mark::Waiting,
    };
    part("end", "Complete job", mark, last.filter(|last| are_over && *last >= least))
}

/// What failed is open, and what goes on; where nothing says what failed, the last that said something.
fn open(cuts: &mut [Cut], job: &StoredJob) {
    let is_bad = |mark| matches!(mark, Mark::Failure);
    for cut in cuts.iter_mut() {
        cut.section.open = is_bad(cut.section.mark) || cut.section.mark == Mark::Running;
    }
    let failed = job.phase.end().is_some_and(|end| end.conclusion() == Conclusion::Failure);
    if failed && !cuts.iter().any(|cut| cut.section.open) {
        let last = cuts.iter_mut().rev().find(|cut| {
            let (from, to) = cut.range();
            from < to
        });
        if let Some(cut) = last {
            cut.section.open = true;
        }
    }
}
