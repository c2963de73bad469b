//! Why jobs may fail here, by what was killed, and how many must do well all the same. Called by `judge`.

use super::chaos::Kills;
use super::plant::CAPACITY;
use std::collections::BTreeMap;

/// Of the jobs that nobody cancelled and that were to run, one in so many succeeds at least.
const SHARE: usize = 3;

/// Why a job may have failed. Killed servers and fork servers are no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The agent was killed, and the job with it.
    WithAgent,
    /// The agent was killed when the job had ended, before the server knew.
    Untold,
    /// Its process was killed.
    Process,
}

impl Reason {
    /// All there are.
    const ALL: [Self; 3] = [Self::WithAgent, Self::Untold, Self::Process];

    /// What the last error in the log of a job says.
    fn of(why: &str) -> Option<Self> {
        let agent = ["the agent was killed before the job began", "the agent was killed while the job ran"];
        if agent.iter().any(|text| why.starts_with(text)) {
            Some(Self::WithAgent)
        } else if why.starts_with("the job ended (") && why.contains("but the agent was killed before") {
            Some(Self::Untold)
        } else {
            why.starts_with("the job's process ended (").then_some(Self::Process)
        }
    }

    /// How many jobs can have failed for it.
    const fn most(self, kills: &Kills) -> usize {
        match self {
            Self::WithAgent => CAPACITY * kills.agents,
            // What an agent has not told yet before it takes no more jobs.
            Self::Untold => (4 * CAPACITY + 16 + CAPACITY) * kills.agents,
            Self::Process => kills.jobs,
        }
    }
}

/// How jobs did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    succeeded: usize,
    failed: [usize; Reason::ALL.len()],
    /// Those that failed for another reason, by what their logs say.
    strange: BTreeMap<String, Vec<i64>>,
}

impl Tally {
    pub(super) const fn succeeded(&mut self) {
        self.succeeded += 1;
    }

    /// A job failed, and its log says why.
    pub(super) fn failed(&mut self, job: i64, why: &str) {
        match Reason::of(why) {
            Some(reason) => self.failed[reason as usize] += 1,
            None => self.strange.entry(why.to_owned()).or_default().push(job),
        }
    }

    /// What is wrong with all of them together.
    pub(super) fn faults(&self, kills: &Kills) -> Vec<String> {
        let strange = self.strange.iter();
        let mut faults: Vec<String> = strange
            .map(|(why, jobs)| {
                format!("{} jobs ({} is one) failed, and no kill explains it: '{why}'", jobs.len(), jobs[0])
            })
            .collect();
        for (reason, failed) in Reason::ALL.into_iter().zip(self.failed) {
            let most = reason.most(kills);
            if failed > most {
                faults.push(format!("{failed} jobs failed for {reason:?}, and {kills:?} explain {most}"));
            }
        }
        let ran =
            self.succeeded + self.strange.values().map(Vec::len).sum::<usize>() + self.failed.iter().sum::<usize>();
        if self.succeeded * SHARE < ran.max(1) {
            faults.push(format!("only {} of {ran} jobs succeeded: this tells nothing of what works", self.succeeded));
        }
        faults.extend(kills.none_of().map(|who| format!("no {who} was killed")));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::{Kills, Tally};

    const KILLS: Kills = Kills { servers: 2, agents: 1, jobs: 1, fork_servers: 1 };

    fn faults(succeeded: usize, failed: &[&str], kills: &Kills) -> Vec<String> {
        let mut tally = Tally { succeeded, ..Tally::default() };
        (1..).zip(failed).for_each(|(job, why)| tally.failed(job, why));
        tally.faults(kills)
    }

    #[test]
    fn failures_that_kills_explain_are_none() {
        let failed = [
            "the agent was killed while the job ran, and the job with it",
            "the agent was killed before the job began; the job was not run",
            "the job's process ended (signal: 9 (SIGKILL)) before the job did; see the agent's log on its machine",
            "the job ended (success), but the agent was killed before the forge knew all of it",
        ];
        assert_eq!(faults(5, &failed, &KILLS), Vec::<String>::new());
    }

    #[test]
    fn a_failure_without_a_kill_is_a_fault() {
        for why in [
            "",
            "could not make a layer in /var/lib/ekiden/masks: Operation not permitted (os error 1)",
            "the job's process said something that is not of the protocol: a line is too long",
            "the job's process /bin/ekiden cannot be started: No such file or directory (os error 2)",
        ] {
            let said = format!("2 jobs (1 is one) failed, and no kill explains it: '{why}'");
            assert_eq!(faults(5, &[why, why], &KILLS), [said]);
        }
        let died = "the job's process ended (signal: 9 (SIGKILL)) before the job did";
        assert_eq!(faults(9, &[died, died], &KILLS).len(), 1, "one process was killed, two jobs failed of it");
    }

    #[test]
    fn a_run_in_which_little_works_is_no_proof() {
        let with_agent = "the agent was killed while the job ran";
        assert_eq!(faults(0, &[], &KILLS).len(), 1);
        assert_eq!(faults(1, &[with_agent; 3], &KILLS).len(), 1);
        assert!(faults(2, &[with_agent; 4], &KILLS).is_empty());
    }

    #[test]
    fn everybody_is_killed_once() {
        let said = faults(1, &[], &Kills { jobs: 0, fork_servers: 0, ..KILLS });
        assert_eq!(said, ["no process of a job was killed", "no fork server was killed"]);
    }
}
