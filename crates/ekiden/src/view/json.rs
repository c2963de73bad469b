//! Runs for scripts: every event as a line of JSON, and the summary.

use super::{RunRecord, View};
use crate::text;
use domain::{Conclusion, EVENT_VERSION, JobEvent};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, BufWriter, Stdout, Write};

use super::record::{JobState, StepState};

/// `-o jsonl`.
#[derive(Debug)]
pub(crate) struct Jsonl {
    out: BufWriter<Stdout>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    event: &'a JobEvent,
}

impl Jsonl {
    /// Writes to stdout.
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, io::stdout()) }
    }
}

impl View for Jsonl {
    fn event(&mut self, event: &JobEvent, _: &RunRecord) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &Line { version: EVENT_VERSION, event })?;
        self.out.write_all(b"\n")
    }

    fn idle(&mut self, _: &RunRecord) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _: &RunRecord, _: &str) -> io::Result<()> {
        self.out.flush()
    }
}

/// The summary of a run: `--summary` and `-o json`.
pub(crate) fn summary_json(record: &RunRecord, conclusion: Conclusion, micros: u64) -> Value {
    let jobs: Vec<Value> = record
        .jobs
        .iter()
        .map(|job| {
            let mut value = json!({
                "id": job.id,
                "name": job.name,
                "conclusion": job.conclusion().unwrap_or(Conclusion::Cancelled),
                "steps": job.steps.iter().map(|step| {
                    let mut value = json!({ "name": step.name, "phase": step.phase });
                    if let StepState::Finished { outcome, conclusion, micros } = step.state {
                        value["outcome"] = json!(outcome);
                        value["conclusion"] = json!(conclusion);
                        value["duration_us"] = json!(micros);
                    }
                    value
                }).collect::<Vec<_>>(),
                "annotations": job.annotations.iter().map(|(_, annotation)| annotation).collect::<Vec<_>>(),
                "outputs": job.outputs,
            });
            match &job.state {
                JobState::Running { .. } => {}
                JobState::Skipped { reason } => value["reason"] = json!(reason),
                JobState::Finished { micros, .. } => value["duration_us"] = json!(micros),
            }
            if let Some(receipt) = &job.receipt {
                value["receipt"] = json!(receipt);
            }
            if !job.summaries.is_empty() {
                value["summary"] = json!(job.summaries.join("\n"));
            }
            value
        })
        .collect();
    json!({
        "version": EVENT_VERSION,
        "conclusion": conclusion,
        "duration_us": micros,
        "duration": text::micros(micros),
        "jobs": jobs,
    })
}

/// `-o json`: nothing until the end.
#[derive(Debug)]
pub(crate) struct Quiet;

impl View for Quiet {
    fn event(&mut self, _: &JobEvent, _: &RunRecord) -> io::Result<()> {
        Ok(())
    }

    fn idle(&mut self, _: &RunRecord) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &RunRecord, _: &str) -> io::Result<()> {
        Ok(())
    }
}

impl View for Box<dyn View> {
    fn event(&mut self, event: &JobEvent, record: &RunRecord) -> io::Result<()> {
        (**self).event(event, record)
    }

    fn idle(&mut self, record: &RunRecord) -> io::Result<()> {
        (**self).idle(record)
    }

    fn wants_ticks(&self) -> bool {
        (**self).wants_ticks()
    }

    fn finish(&mut self, record: &RunRecord, closing: &str) -> io::Result<()> {
        (**self).finish(record, closing)
    }
}
