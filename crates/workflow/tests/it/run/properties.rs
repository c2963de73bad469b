//! Any plan, any order of ends: what must always hold.

use super::driver::{MAIN, planned};
use domain::{Conclusion, JobId};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use workflow::plan::Plan;
use workflow::run::{Decision, Run, RunChange, RunInputs};

const CALLED: &str = ".github/workflows/called.yml";

/// One job: which earlier ones it needs (a bit each), its condition, its strategy, whether it calls.
type Shape = (u8, usize, usize, bool, bool);

const CONDITIONS: [&str; 7] = [
    "",
    "always()",
    "failure()",
    "cancelled()",
    "success() || failure()",
    "'!failure() && !cancelled()'",
    "fromJSON('x')",
];
const STRATEGIES: [&str; 5] = [
    "",
    "{matrix: {v: [1, 2, 3]}}",
    "{matrix: {v: [1, 2, 3, 4]}, max-parallel: 2, fail-fast: false}",
    "{matrix: {v: [1, 2, 3], exclude: [{v: 2}], include: [{v: 9}]}, max-parallel: 1}",
    "{matrix: {v: '${{ fromJSON(github.nothing) }}'}}",
];

fn plan_of(shapes: &[Shape]) -> Arc<Plan> {
    let mut text = "on: push\njobs:\n".to_owned();
    for (i, (needs, condition, strategy, tolerant, calls)) in shapes.iter().enumerate() {
        text.push_str(&format!("  j{i}:\n"));
        let needs: Vec<String> =
            (0..i.min(8)).filter(|bit| needs & (1 << bit) != 0).map(|bit| format!("j{bit}")).collect();
        text.push_str(&format!("    needs: [{}]\n", needs.join(", ")));
        if !CONDITIONS[*condition].is_empty() {
            text.push_str(&format!("    if: {}\n", CONDITIONS[*condition]));
        }
        if !STRATEGIES[*strategy].is_empty() {
            text.push_str(&format!("    strategy: {}\n", STRATEGIES[*strategy]));
        }
        if *calls {
            text.push_str(&format!("    uses: ./{CALLED}\n"));
        } else {
            text.push_str(&format!("    continue-on-error: {tolerant}\n    runs-on: x\n    steps: [{{run: x}}]\n"));
        }
    }
    let called = "on: workflow_call\njobs:\n  a:\n    runs-on: x\n    steps: [{run: x}]\n  b:\n    needs: a\n    if: always()\n    runs-on: x\n    strategy: {matrix: {k: [1, 2]}, max-parallel: 1}\n    steps: [{run: x}]\n";
    planned(&[(MAIN, &text), (CALLED, called)])
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = (any::<u8>(), 0..CONDITIONS.len(), 0..STRATEGIES.len(), any::<bool>(), prop::bool::weighted(0.25));
    prop::collection::vec(shape, 1..8)
}

/// What a run came to: the end of every job, and the run's conclusion.
type Ends = (BTreeMap<String, String>, Conclusion);

/// Drives a run to its end. `choose` says which ready job ends next, `end` how; `cancel_at` asks for an end before that step, `end_at` for that of all.
fn drive(
    plan: Arc<Plan>,
    mut choose: impl FnMut(usize) -> usize,
    end: impl Fn(&JobId) -> Conclusion,
    cancel_at: Option<usize>,
    end_at: Option<usize>,
) -> Result<Ends, TestCaseError> {
    let (mut run, mut decisions) = Run::start(plan, RunInputs::default());
    let mut out: Vec<JobId> = Vec::new();
    let mut seen: HashSet<JobId> = HashSet::new();
    let mut told: HashSet<JobId> = HashSet::new();
    let mut ends: HashMap<JobId, String> = HashMap::new();
    let mut finished = None;
    let mut step = 0;
    loop {
        for decision in decisions.drain(..) {
            prop_assert!(finished.is_none(), "something after the end: {decision:?}");
            let ended = match decision {
                Decision::Ready(job) => {
                    prop_assert!(seen.insert(job.id.clone()), "ready twice: {}", job.id);
                    prop_assert!(job.normal().is_some());
                    out.push(job.id);
                    continue;
                }
                Decision::Cancel { job, .. } => {
                    prop_assert!(out.contains(&job), "cancels what is not out: {job}");
                    prop_assert!(told.insert(job));
                    continue;
                }
                Decision::CallEnded { .. } => continue,
                Decision::Finished { conclusion } => {
                    finished = Some(conclusion);
                    continue;
                }
                Decision::Skipped { job, .. } => (job, "skipped"),
                Decision::Failed { job, .. } => (job, "failed"),
                Decision::Cancelled { job, .. } => (job, "cancelled"),
            };
            prop_assert!(!out.contains(&ended.0), "ends while it is out: {}", ended.0);
            prop_assert!(ends.insert(ended.0.clone(), ended.1.to_owned()).is_none(), "ends twice: {}", ended.0);
        }
        if cancel_at == Some(step) {
            step += 1;
            decisions = run.apply(RunChange::CancelRequested);
            continue;
        }
        if end_at == Some(step) {
            step += 1;
            decisions = run.apply(RunChange::EndRequested);
            let begins = |decision: &Decision| matches!(decision, Decision::Ready(_));
            prop_assert!(!decisions.iter().any(begins), "begins when all ends: {decisions:?}");
            prop_assert!(run.waiting().is_empty(), "waits when all has ended: {:?}", run.waiting());
            continue;
        }
        step += 1;
        if out.is_empty() {
            break;
        }
        let job = out.remove(choose(out.len()) % out.len());
        let conclusion = if told.contains(&job) { Conclusion::Cancelled } else { end(&job) };
        prop_assert!(ends.insert(job.clone(), conclusion.to_string()).is_none());
        decisions = run.apply(RunChange::Ended { job, conclusion, outputs: BTreeMap::new() });
    }
    prop_assert_eq!(run.conclusion(), finished);
    let finished = finished.ok_or_else(|| TestCaseError::fail("never finished"))?;
    Ok((ends.into_iter().map(|(id, end)| (id.to_string(), end)).collect(), finished))
}

/// How a job ends, from its id alone, so that it does not depend on the order.
fn fate(seed: u64) -> impl Fn(&JobId) -> Conclusion {
    move |id| {
        let hash = id.as_str().bytes().fold(seed | 1, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        if hash >> 33 & 3 == 0 { Conclusion::Failure } else { Conclusion::Success }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_once_and_the_run_finishes_once(
        shapes in shapes(), seed: u64, order in prop::collection::vec(any::<usize>(), 64), cancel in prop::option::of(0_usize..12),
        all in prop::option::of(0_usize..12)
    ) {
        let plan = plan_of(&shapes);
        let mut next = order.iter().cycle();
        let first = drive(Arc::clone(&plan), |_| *next.next().unwrap(), fate(seed), cancel, all)?;
        let mut next = order.iter().cycle();
        let second = drive(plan, |_| *next.next().unwrap(), fate(seed), cancel, all)?;
        prop_assert_eq!(first, second, "the same changes must give the same run");
    }

    /// Without fail-fast and cancellation the order in which jobs end changes nothing.
    #[test]
    fn order_does_not_matter(shapes in shapes(), seed: u64, order in prop::collection::vec(any::<usize>(), 64)) {
        let calm: Vec<Shape> = shapes.into_iter().map(|(n, c, s, t, calls)| (n, c, if s == 1 || s == 3 { 2 } else { s }, t, calls && s != 2)).collect();
        let plan = plan_of(&calm);
        let mut next = order.iter().cycle();
        let any = drive(Arc::clone(&plan), |_| *next.next().unwrap(), fate(seed), None, None)?;
        let in_order = drive(plan, |_| 0, fate(seed), None, None)?;
        prop_assert_eq!(any, in_order);
    }
}
