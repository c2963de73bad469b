//! The checks of an agent: its forge, its clock, its key, its labels, its room. `commands::doctor` asks for them where this machine is
//! registered.

use super::{Check, Verdict};
use crate::commands::agent::{Settled, VERSION, call_failure};
use crate::failure::Failure;
use agent::LabelUse;
use domain::{Clock as _, RunnerCapability, SystemClock, Timestamp};
use protocol::{CallError, Declaration, Pong};

/// How far the clocks may be apart before it is said.
const SKEW_MILLIS: u64 = 30_000;
const DAY_MILLIS: u64 = 86_400_000;
/// Labels that nobody asked for in this many days are said.
const UNUSED_DAYS: u64 = 30;
/// A job with less memory than this can do little.
const LITTLE_MEMORY: u64 = 512 << 20;

/// What this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Processors.
    pub(crate) cores: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
}

impl Room {
    /// Of this machine.
    pub(crate) fn this() -> Self {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total =
            text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: total.map_or(u64::MAX, |kib: u64| kib * 1024),
        }
    }
}

/// Asks the forge, and looks at what is set up.
pub(crate) async fn checks(settled: &Settled) -> Vec<Check> {
    let client = settled.client.with_timeout(std::time::Duration::from_secs(15));
    let mut checks = Vec::new();
    match client.ping(&settled.registration.name).await {
        Err(error) => checks.push(from_failure("forge", &call_failure(&error))),
        Ok(pong) => {
            checks.push(Check::ok("forge", format!("{} answers", settled.registration.instance)));
            checks.push(clock(&pong, SystemClock.now()));
            let declaration = Declaration {
                version: VERSION.to_owned(),
                labels: settled.labels.iter().map(|label| label.name.clone()).collect(),
                capabilities: vec![RunnerCapability::Cancelling],
            };
            checks.push(key(client.declare(&settled.registration.key, declaration).await.map(drop)));
        }
    }
    let names: Vec<&str> = settled.labels.iter().map(|label| label.name.as_str()).collect();
    checks.push(labels(&names, &LabelUse::read(&settled.data), SystemClock.now()));
    checks.push(room(settled.capacity.get(), settled.job.limits.memory, Room::this()));
    checks
}

/// A failure as a check.
pub(crate) fn from_failure(name: &str, failure: &Failure) -> Check {
    let facts: Vec<&str> =
        std::iter::once(failure.what.as_str()).chain(failure.facts.iter().map(String::as_str)).collect();
    let check = Check::lack(name, Verdict::Failure, facts.join(": "));
    match failure.fixes.first() {
        Some(fix) => check.fix(fix.clone()),
        None => check,
    }
}

fn clock(pong: &Pong, now: Timestamp) -> Check {
    let Some(theirs) = pong.clock else {
        return Check::ok("clock", "the forge does not say what time it is");
    };
    let apart = theirs.0.abs_diff(now.0);
    let way = if theirs.0 > now.0 { "behind" } else { "ahead of" };
    if apart <= SKEW_MILLIS {
        return Check::ok("clock", "as the forge's");
    }
    Check::lack("clock", Verdict::Warning, format!("{} s {way} the forge's", apart / 1000))
        .without("times in logs are wrong, and tokens may seem expired")
        .fix("timedatectl set-ntp true, here or there")
}

fn key(answer: Result<(), CallError>) -> Check {
    match answer {
        Ok(()) => Check::ok("runner key", "the forge knows this runner"),
        Err(CallError::Unsupported { .. }) => {
            Check::lack("runner key", Verdict::Warning, "the forge is too old to be asked (before 1.21)")
        }
        Err(error @ CallError::Credentials { .. }) => {
            Check::lack("runner key", Verdict::Failure, format!("the forge does not know this runner: {error}"))
                .fix("ekiden agent unregister, then ekiden agent register")
        }
        Err(error) => from_failure("runner key", &call_failure(&error)),
    }
}

fn labels(names: &[&str], used: &LabelUse, now: Timestamp) -> Check {
    let days = |then: Timestamp| now.0.saturating_sub(then.0) / DAY_MILLIS;
    let watched = used.since.map_or(0, days);
    let is_idle = |name: &&&str| used.last.get(**name).is_none_or(|last| days(*last) >= UNUSED_DAYS);
    let idle: Vec<&str> = names.iter().filter(is_idle).copied().collect();
    match (idle.as_slice(), watched) {
        ([], _) => {
            Check::ok("labels", format!("jobs asked for each of {} within {UNUSED_DAYS} days", names.join(", ")))
        }
        (idle, UNUSED_DAYS..) => Check::lack(
            "labels",
            Verdict::Warning,
            format!("no job asked for {} in {UNUSED_DAYS} days", idle.join(", ")),
        )
        .fix("see that they are spelled as in runs-on; agent.labels in ekiden.toml changes them"),
        (idle, watched) => {
            let since = if watched == 1 { "1 day".to_owned() } else { format!("{watched} days") };
            Check::ok("labels", format!("no job asked for {} yet; watched for {since}", idle.join(", ")))
        }
    }
}

fn room(capacity: usize, limit: Option<u64>, room: Room) -> Check {
    let share = room.memory / capacity as u64;
    let fact =
        format!("{capacity} at once on {} processors and {} of memory", room.cores, crate::text::bytes(room.memory));
    if capacity > room.cores.saturating_mul(4) {
        return Check::lack("capacity", Verdict::Warning, fact)
            .without("jobs wait for processors")
            .fix(format!("capacity = {} under [agent]", room.cores));
    }
    if share < LITTLE_MEMORY {
        let fit = (room.memory / LITTLE_MEMORY).max(1);
        return Check::lack("capacity", Verdict::Warning, fact)
            .without("jobs at once have little memory each")
            .fix(format!("capacity = {fit} under [agent]"));
    }
    match limit {
        Some(limit) => Check::ok("capacity", format!("{fact}, a job at most {}", crate::text::bytes(limit))),
        None => {
            Check::lack("capacity", Verdict::Warning, format!("{fact}; memory = \"none\": one job can take it all"))
                .fix("memory under [agent.limits]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MILLIS, Room, clock, labels, room};
    use crate::doctor::Verdict;
    use agent::LabelUse;
    use domain::Timestamp;
    use protocol::Pong;

    #[test]
    fn clocks_that_are_apart_are_told() {
        let at = |millis: Option<u64>| {
            clock(&Pong { greeting: String::new(), clock: millis.map(Timestamp) }, Timestamp(10_000_000))
        };
        assert_eq!(at(Some(10_020_000)).verdict, Verdict::Ok);
        assert_eq!(at(None).verdict, Verdict::Ok);
        let hour = at(Some(13_600_000));
        assert_eq!((hour.verdict, hour.fact.as_str()), (Verdict::Warning, "3600 s behind the forge's"));
    }

    #[test]
    fn labels_that_nobody_wants_are_told_after_a_month() {
        let day = |days: u64| Timestamp(days * DAY_MILLIS);
        let used = LabelUse { since: Some(day(100)), last: [("a".to_owned(), day(125))].into() };
        assert_eq!(labels(&["a"], &used, day(131)).verdict, Verdict::Ok);
        let check = labels(&["a", "b"], &used, day(131));
        assert_eq!((check.verdict, check.fact.as_str()), (Verdict::Warning, "no job asked for b in 30 days"));
        assert_eq!(labels(&["a", "b"], &used, day(110)).verdict, Verdict::Ok);
        assert_eq!(labels(&["a"], &LabelUse::default(), day(110)).fact, "no job asked for a yet; watched for 0 days");
    }

    #[test]
    fn more_jobs_than_the_machine_bears_are_told() {
        let machine = Room { cores: 2, memory: 8 << 30 };
        assert_eq!(room(2, Some(1 << 30), machine).verdict, Verdict::Ok);
        assert_eq!(room(9, Some(1 << 30), machine).verdict, Verdict::Warning);
        assert_eq!(room(2, None, machine).verdict, Verdict::Warning);
        assert_eq!(
            room(4, Some(1 << 30), Room { cores: 2, memory: 1 << 30 }).fix.as_deref(),
            Some("capacity = 2 under [agent]")
        );
    }
}
