//! Parse, lint and plan of real files: time a file, and files per second on one core and on all.
//! `cargo bench -p ekiden-workflow --bench parse [PASSES]`; the files are those of `EKIDEN_CONFORMANCE`.
#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench reports rounded figures on standard output"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use workflow::diagnostic::{Colours, render};
use workflow::plan::{Calls, FileReference, Files, Options, PlanOutcome, plan_with};
use workflow::yaml::{self, FileId, Limits};

fn main() {
    let Some(folder) = std::env::var_os("EKIDEN_CONFORMANCE") else {
        println!("SKIP: EKIDEN_CONFORMANCE is not set; it names the folder that holds starter-workflows");
        return;
    };
    let texts = texts(&PathBuf::from(folder).join("starter-workflows"));
    let passes = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(50);
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    println!("{} files, {bytes} bytes, {passes} passes", texts.len());
    report("yaml", &texts, passes, |text| {
        black_box(yaml::read(FileId::default(), text, &Limits::default()).is_ok());
    });
    report("parse", &texts, passes, |text| {
        black_box(workflow::parse::workflow(FileId::default(), "ci.yml", text).value.is_some());
    });
    report("lint", &texts, passes, |text| {
        let parsed = workflow::parse::linted_workflow(FileId::default(), "ci.yml", text, &|_| None);
        for finding in &parsed.diagnostics {
            black_box(render(finding, "ci.yml", text, Colours::None));
        }
    });
    let options = Options { calls: Calls::Leave, ..Options::default() };
    let root = FileReference::Local("ci.yml".to_owned());
    report("parse + plan", &texts, passes, |text| {
        let mut files = Files::new();
        files.insert(root.clone(), Arc::clone(text));
        black_box(matches!(plan_with(&files, &root, &options), PlanOutcome::Ready(_)));
    });
}

fn texts(folder: &std::path::Path) -> Vec<Arc<str>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok()).map(Arc::from).collect()
}

/// Median and best pass on one core, then the rate of all cores together.
fn report(what: &str, texts: &[Arc<str>], passes: usize, work: impl Fn(&Arc<str>) + Sync) {
    let mut times = timed(texts, passes, &work);
    times.sort_unstable();
    let count = u32::try_from(texts.len().max(1)).unwrap_or(u32::MAX);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(count);
    let (median, best) = (micros(times[times.len() / 2]), micros(times[0]));
    println!("{what}: one core: median {median:.1} µs a file ({:.0} files/s), best {best:.1} µs", 1e6 / median);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| timed(texts, passes, &work));
        }
    });
    let files = f64::from(count) * (passes.max(1) * cores) as f64;
    println!("{what}: {cores} cores: {:.0} files/s", files / start.elapsed().as_secs_f64());
}

fn timed(texts: &[Arc<str>], passes: usize, work: &impl Fn(&Arc<str>)) -> Vec<Duration> {
    let pass = || {
        let start = Instant::now();
        texts.iter().for_each(work);
        start.elapsed()
    };
    (0..passes.max(1)).map(|_| pass()).collect()
}
