//! When inits of sandboxes have a processor, by the kernel's word: its tracer notes each process that is the first of a process namespace, and when a processor
//! takes it up. Called by `begin`, since an init may wait long before its job comes. Needs root and tracefs.

use anyhow::{Context as _, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TRACING: &str = "/sys/kernel/tracing";
/// A new process, and each change of a processor from one to another.
const NEW: &str = "events/task/task_newtask";
const SWITCH: &str = "events/sched/sched_switch";
/// `CLONE_NEWPID`: the first of a process namespace. Its name is still its parent's.
const IS_FIRST: &str = "clone_flags & 0x20000000";
const IS_ZYGOTE: &str = "next_comm == \"ekiden-zygote\"";

/// A tracer of our own; it ends when dropped.
#[derive(Debug)]
pub(super) struct Inits {
    folder: PathBuf,
    /// The inits that there were.
    known: HashSet<u32>,
    /// What the moments of the tracer lack to be moments since 1970.
    ahead: Duration,
}

impl Inits {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self> {
        let folder = Path::new(TRACING).join("instances").join(format!("ekiden-bench-{}", std::process::id()));
        std::fs::create_dir(&folder).context("no tracer of the kernel")?;
        let mut inits = Self { folder, known: HashSet::new(), ahead: Duration::ZERO };
        inits.write("trace_clock", "mono")?;
        inits.ahead = inits.ahead()?;
        for (event, filter) in [(NEW, IS_FIRST), (SWITCH, IS_ZYGOTE)] {
            inits.write(&format!("{event}/filter"), filter)?;
            inits.write(&format!("{event}/enable"), "1")?;
        }
        Ok(inits)
    }

    /// A mark in the trace tells what its moments lack.
    fn ahead(&self) -> Result<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        self.write("trace_marker", "now")?;
        let trace = std::fs::read_to_string(self.folder.join("trace"))?;
        let mark =
            trace.lines().find(|line| line.contains(": now")).and_then(moment).context("the tracer has no clock")?;
        Ok(now.saturating_sub(mark))
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.join(file), text).with_context(|| format!("the tracer's {file}"))
    }

    /// When an init was taken up, each time since the last call, since 1970.
    pub(super) fn take(&mut self) -> Result<Vec<Duration>> {
        let trace = std::fs::read_to_string(self.folder.join("trace"))?;
        self.write("trace", "")?;
        Ok(taken_up(&trace, &mut self.known).into_iter().map(|at| at + self.ahead).collect())
    }
}

impl Drop for Inits {
    fn drop(&mut self) {
        for event in [NEW, SWITCH] {
            let _ = self.write(&format!("{event}/enable"), "0");
        }
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// From the lines of a trace: when a processor took an init up.
fn taken_up(trace: &str, known: &mut HashSet<u32>) -> Vec<Duration> {
    let number = |line: &str, key: &str| {
        let rest = line.split_once(key)?.1;
        rest.split(' ').next()?.parse::<u32>().ok()
    };
    let mut moments = Vec::new();
    for line in trace.lines() {
        if let Some(pid) = line.contains(": task_newtask: ").then(|| number(line, " pid=")).flatten() {
            known.insert(pid);
        } else if number(line, " next_pid=").is_some_and(|pid| known.contains(&pid)) {
            moments.extend(moment(line));
        }
    }
    moments
}

/// The moment of a line: the word that ends with a colon before the event's name.
fn moment(line: &str) -> Option<Duration> {
    let before = line.split_once(": ")?.0;
    let seconds: f64 = before.rsplit(' ').next()?.parse().ok()?;
    Some(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::taken_up;
    use std::collections::HashSet;
    use std::time::Duration;

    #[test]
    fn the_switches_to_an_init_are_seen_also_later() {
        let born = "\
# tracer: nop
   ekiden-zygote-17561   [001] .N... 29770.251122: task_newtask: pid=17587 comm=ekiden-zygote clone_flags=27c020000 oom_score_adj=0
          <idle>-0       [000] d..2. 29770.251200: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=ekiden-zygote next_pid=17561 next_prio=120
          <idle>-0       [000] d..2. 29770.251250: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=ekiden-zygote next_pid=17587 next_prio=120
";
        let later = "     kworker/1:3-16910   [001] d..2. 29771.500000: sched_switch: prev_comm=kworker/1:3 prev_pid=16910 prev_prio=120 prev_state=I ==> next_comm=ekiden-zygote next_pid=17587 next_prio=120\n";
        let mut known = HashSet::new();
        assert_eq!(taken_up(born, &mut known), [Duration::from_micros(29_770_251_250)]);
        assert_eq!(taken_up(later, &mut known), [Duration::from_micros(29_771_500_000)]);
    }
}
