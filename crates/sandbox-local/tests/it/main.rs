//! Real sandboxes. The zygote must start before any thread, so this binary brings its own `main`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

mod ahead;
mod basics;
mod bench_support;
mod forks;
mod host;
mod hostile_floods;
mod hostile_reach;
mod isolation;
mod kept;
mod root_profile;

use bench_support::Machine;
use libtest_mimic::{Arguments, Trial};
use std::sync::Arc;

fn main() {
    if std::env::args().skip(1).eq([forks::ARGUMENT]) {
        std::process::exit(forks::serve());
    }
    let zygote = sandbox_local::Zygote::start().unwrap();
    let arguments = Arguments::from_args();
    let machine = Arc::new(Machine::new(zygote));
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(basics::trials(&machine));
    trials.extend(ahead::trials(&machine));
    trials.extend(forks::trials(&machine));
    trials.extend(host::trials(&machine));
    trials.extend(isolation::trials(&machine));
    trials.extend(root_profile::trials(&machine));
    trials.extend(kept::trials(&machine));
    trials.extend(hostile_reach::trials(&machine));
    trials.extend(hostile_floods::trials(&machine));
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(machine);
    conclusion.exit();
}
