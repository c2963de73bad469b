//! What the reporter sends and when: rows, the state, the end of a task. Answers are heard in `hearing`.

use super::calls::{self, Call};
use super::end::End;
use super::links::Waiting;
use super::record::JobEnd;
use super::reporter::{Actor, MEMORY_FILE, Notes};
use super::stage::{Ending, Log, Sent, Stage};
use domain::{Conclusion, LogEnd, TaskState};
use protocol::{PackedBatch, Reported, quirks};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// So many failed calls, one after the other, mean that the forge is away: rows are left out then rather than the job held up.
const AWAY: u32 = 3;
/// The last batch of a log is sent again as it is until it is taken, so it is kept small.
const LAST_BATCH: usize = 256 * 1024;
/// Outputs larger than this together go out before the result does, in several reports: a proxy may take 1 MiB.
const OUTPUTS_AT_ONCE: usize = 512 * 1024;

impl Actor {
    /// Whether events are taken: there is room for rows, or the job must not wait for a forge that is away.
    pub(super) fn takes_rows(&self, now: Instant) -> bool {
        let backlog = &self.intake.backlog;
        let has_room = backlog.has_room() && !backlog.is_stuck();
        self.waits_until(now).is_none() && (has_room || self.rows.backoff.calls() >= AWAY)
    }

    /// How long the job waits for the answer to rows that are under way rather than fill the disk: a forge that is quick answers within a moment, so
    /// its logs never touch the disk; one that is slow is not waited for.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let is_quick = self.rows.backoff.until().is_none() && matches!(self.stage, Stage::Running);
        let until = self.rows.under_way()? + self.settings.timing.quick;
        (is_quick && until > now && self.intake.backlog.is_full()).then_some(until)
    }

    /// The job ended.
    pub(super) fn end(&mut self, end: End) {
        let at = match self.notes {
            Notes::Left { ended } => ended,
            Notes::Kept => self.settings.clock.now(),
        };
        let mut last = String::new();
        let concluded = match end {
            End::Concluded { conclusion } => Some(conclusion),
            End::Fault { text } => {
                last.extend(text.lines().flat_map(|line| ["##[error]", line, "\n"]));
                None
            }
        };
        let outputs = concluded.map(|_| std::mem::take(&mut self.intake.outputs)).unwrap_or_default();
        let (outputs, dropped) = quirks::storable_outputs(outputs);
        for name in dropped {
            let name = name.get(..name.floor_char_boundary(80)).unwrap_or_default();
            last.push_str("##[warning]The output '");
            last.push_str(name);
            last.push_str("' is not stored: the forge takes names up to 255 bytes and values up to 1 MiB.\n");
        }
        self.intake.say_last(at, last);
        self.record_end(match concluded {
            Some(conclusion) => JobEnd::Concluded { at, conclusion, outputs: outputs.clone() },
            None => JobEnd::Fault { at },
        });
        let conclusion = concluded.unwrap_or(Conclusion::Failure);
        self.stage = Stage::Log(Ending { conclusion, at, outputs, cut: None });
        if let Log::Closed { message } = &self.log {
            let message = message.clone();
            self.log_done(Some(message));
        }
        let now = Instant::now();
        self.rows.backoff.hurry(now);
        self.state.backoff.hurry(now);
    }

    pub(super) fn rows_due(&self, now: Instant) -> Option<Instant> {
        let waiting = match (&self.stage, &self.log) {
            (_, Log::Closed { .. }) | (Stage::Result { .. }, _) => Waiting::Nothing,
            (Stage::Log(_), _) => Waiting::End,
            (Stage::Running, _) if self.intake.backlog.is_empty() => Waiting::Nothing,
            (Stage::Running, _) => Waiting::Bytes(self.intake.backlog.bytes()),
        };
        self.rows.due(now, waiting, &self.settings.timing)
    }

    pub(super) fn state_due(&self, now: Instant) -> Instant {
        match self.stage {
            Stage::Running => self.state.due(&self.settings.timing),
            // What changed is in the result, which comes next.
            Stage::Log(_) => self.state.poll_due(&self.settings.timing),
            Stage::Result { .. } => self.state.backoff.until().unwrap_or(now),
        }
    }

    pub(super) fn send_rows(&mut self, now: Instant) -> Call<u64> {
        self.rows.starts(now);
        let batch = self.next_batch();
        self.renumber();
        calls::rows(&self.settings, batch)
    }

    /// The forges file a log away only with a last call that brings a row which they do not have (Gitea before 1.26.2, Forgejo): so the last
    /// batch is made when it is known what they have, and then stays as it is.
    fn next_batch(&mut self) -> PackedBatch {
        if let Log::Last { batch, tries } = &mut self.log {
            *tries += 1;
            return batch.clone();
        }
        let writer = self.intake.backlog.pack(self.settings.task, self.batch, self.settings.clock.now());
        let holds_all = writer.rows() == self.intake.backlog.rows();
        match (&self.stage, &self.log) {
            (Stage::Log(ending), Log::Known) if holds_all && writer.len() <= LAST_BATCH => {
                let batch = quirks::last_packed(writer, ending.at);
                self.log = Log::Last { batch: batch.clone(), tries: 1 };
                batch
            }
            _ => writer.finish(LogEnd::Open),
        }
    }

    pub(super) fn send_state(&mut self, now: Instant) -> Call<Reported> {
        self.state.starts(now);
        let (state, outputs) = match &mut self.stage {
            Stage::Running | Stage::Log(_) => (self.intake.board.running(), BTreeMap::new()),
            Stage::Result { ending, state, sent } => {
                let some = some_outputs(&ending.outputs);
                // The result goes out with the last of them: jobs that wait for it find them all.
                if some.len() == ending.outputs.len() {
                    if let Sent::No | Sent::Outputs = sent {
                        *sent = Sent::Yes;
                    }
                    (state.clone(), some)
                } else {
                    *sent = Sent::Outputs;
                    (self.intake.board.running(), some)
                }
            }
        };
        if let Stage::Running = self.stage {
            self.record(&state);
        }
        calls::state(&self.settings, state, outputs)
    }

    /// Notes on disk what the forge is about to hear. A disk that takes nothing costs the steps of a task whose agent crashes, no more.
    fn record(&mut self, state: &TaskState) {
        if let Notes::Left { .. } = self.notes {
            return;
        }
        if self.recorded.as_ref() != Some(state) {
            let record = self.intake.board.record(self.intake.backlog.end());
            if self.records.write(&record).is_ok() {
                self.recorded = Some(state.clone());
            }
        }
        self.save_rows();
    }

    /// Notes on disk how the job ended, with all that the forge does not have yet.
    fn record_end(&mut self, end: JobEnd) {
        if let Notes::Left { .. } = self.notes {
            return;
        }
        let mut record = self.intake.board.record(self.intake.backlog.end());
        record.end = Some(end);
        // The first writes make the folder. One that cannot be written costs the log's rest and the result of a job whose agent crashes now.
        let _unused = self.records.write(&record);
        self.save_rows();
    }

    /// Puts onto disk what is in memory of the rows that the forge does not have.
    fn save_rows(&mut self) {
        let _unused = self.intake.backlog.flush();
        let _unused = self.intake.backlog.save(&self.settings.spool.path().join(MEMORY_FILE));
    }

    /// Rows may have new numbers, because others are lost.
    pub(super) fn renumber(&mut self) {
        for shift in self.intake.backlog.shifts() {
            self.intake.board.shift(shift);
            self.state.changed();
        }
    }
}

/// As many outputs as fit into one report, one at least.
fn some_outputs(outputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut bytes = 0;
    let fits = |(name, value): &(&String, &String)| {
        let is_first = bytes == 0;
        bytes += name.len() + value.len();
        is_first || bytes <= OUTPUTS_AT_ONCE
    };
    outputs.iter().take_while(fits).map(|(name, value)| (name.clone(), value.clone())).collect()
}
