//! Expressions and the machine over a plan: medians and minima on one core.
//! `cargo bench -p ekiden-workflow --bench language [PASSES]`
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use workflow::expr::{Availability, Expression, MapScope, Object, parse_json};
use workflow::plan::{FileReference, Files, Plan, PlanOutcome, plan};
use workflow::run::{Decision, Run, RunChange, RunInputs};
use workflow::template::scan;

const EXPRESSIONS: [&str; 6] = [
    "github.event_name == 'push' && github.ref == 'refs/heads/main'",
    "matrix.os",
    "secrets.GITHUB_TOKEN",
    "steps.build.outputs.version || inputs.version",
    "!contains(github.event.head_commit.message, '[skip]') && startsWith(github.ref, 'refs/tags/v')",
    "fromJSON(needs.plan.outputs.matrix).include[0].name",
];

const MIXED: &str = "echo \"building ${{ matrix.os }} for ${{ github.sha }}\" && make VERSION=${{ inputs.version }}";

const MATRIX: &str = "on: push
jobs:
  plan:
    runs-on: x
    steps: [{run: x}]
  cell:
    needs: plan
    runs-on: ${{ matrix.a }}
    name: Cell ${{ matrix.a }} ${{ matrix.b }}
    strategy:
      fail-fast: false
      matrix:
        a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
        b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    steps: [{run: x}]
  last:
    needs: cell
    runs-on: x
    steps: [{run: x}]
";

fn main() {
    let passes = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(2_000);
    report("compile 6 expressions", passes, || {
        for text in EXPRESSIONS {
            black_box(Expression::parse_for(text, &Availability::ALL).is_ok());
        }
    });
    report("scan of a scalar with 3 expressions", passes, || {
        black_box(scan(MIXED, &Availability::ALL).is_ok());
    });
    let compiled: Vec<Expression> = EXPRESSIONS.iter().filter_map(|text| Expression::parse(text).ok()).collect();
    let contexts = r#"{"github":{"event_name":"push","ref":"refs/heads/main","event":{"head_commit":{"message":"fix"}}},
        "matrix":{"os":"linux"},"secrets":{"GITHUB_TOKEN":"x"},"steps":{},"inputs":{"version":"1"},
        "needs":{"plan":{"outputs":{"matrix":"{\"include\":[{\"name\":\"a\"}]}"}}}}"#;
    let contexts = parse_json(contexts).unwrap_or_default();
    let scope = MapScope::from_object(contexts.as_object().unwrap_or(&Object::new()));
    report("evaluate 6 expressions", passes, || {
        for expression in &compiled {
            black_box(expression.evaluate(&scope).is_ok());
        }
    });
    let mut files = Files::new();
    files.insert(FileReference::Local("ci.yml".to_owned()), MATRIX);
    let PlanOutcome::Ready(planned) = plan(&files, "ci.yml") else { return println!("no plan") };
    let planned = Arc::new(*planned);
    report("a whole run with 256 cells", passes / 20, || {
        black_box(whole(&planned));
    });
}

/// Runs everything, each job succeeding at once; gives how many ran.
fn whole(planned: &Arc<Plan>) -> usize {
    let inputs = RunInputs::default();
    let (mut run, mut decisions) = Run::start(Arc::clone(planned), inputs);
    let mut ready = Vec::new();
    let mut ran = 0;
    loop {
        for decision in decisions {
            if let Decision::Ready(job) = decision {
                ready.push(job.id);
            }
        }
        let Some(job) = ready.pop() else { return ran };
        ran += 1;
        let conclusion = domain::Conclusion::Success;
        decisions = run.apply(RunChange::Ended { job, conclusion, outputs: BTreeMap::new() });
    }
}

fn report(what: &str, passes: usize, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..passes.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("{what}: median {:.1} µs, least {:.1} µs", micros(times[times.len() / 2]), micros(times[0]));
}
