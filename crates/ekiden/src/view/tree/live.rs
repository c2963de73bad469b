//! The view itself: events come in, frames go out to the terminal, not more than a dozen a second.

use super::super::aside::{Aside, Said};
use super::super::{LogFiles, RunRecord, View};
use super::lines::{self, Look};
use super::screen::{Screen, Window};
use crate::style::Palette;
use crate::text;
use console::Term;
use domain::{Clock, JobEvent, JobEventKind, JobId, StepRef};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_millis(80);

/// The tree.
#[derive(Debug)]
pub(crate) struct Tree {
    term: Term,
    palette: Palette,
    files: Option<LogFiles>,
    /// Bytes of a step that are looked at; the files have the rest.
    limit: u64,
    seen: HashMap<(JobId, StepRef), u64>,
    /// Jobs that have scrolled away.
    told: HashSet<JobId>,
    /// Lines that scroll away with the next frame.
    leaving: String,
    screen: Screen,
    last_frame: Option<Instant>,
    turn: usize,
    aside: Aside,
    clock: Arc<dyn Clock>,
}

/// Whether the running part is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Live {
    Yes,
    No,
}

impl Tree {
    /// Draws on stdout. What is said through `aside` becomes a part of the picture.
    pub(crate) fn new(
        palette: Palette,
        files: Option<LogFiles>,
        limit: u64,
        aside: Aside,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            term: Term::stdout(),
            palette,
            files,
            limit,
            seen: HashMap::new(),
            told: HashSet::new(),
            leaving: String::new(),
            screen: Screen::default(),
            last_frame: None,
            turn: 0,
            aside,
            clock,
        }
    }

    fn leave(&mut self, line: &str) {
        self.leaving.push_str(line);
        self.leaving.push('\n');
    }

    fn draw(&mut self, record: &RunRecord, live: Live) -> io::Result<()> {
        for said in self.aside.take() {
            match said {
                Said::Note(line) => self.leave(&line),
                Said::Resumed => self.screen.forget(),
            }
        }
        let window = Window::new(self.term.size());
        let look = Look { palette: self.palette, turn: self.turn, now: self.clock.now() };
        let lines = match live {
            Live::Yes => lines::running(look, record.jobs.iter(), window.rows - 1),
            Live::No => Vec::new(),
        };
        let frame = self.screen.frame(window, &std::mem::take(&mut self.leaving), &lines);
        self.term.write_all(frame.as_bytes())?;
        self.term.flush()?;
        self.last_frame = Some(Instant::now());
        Ok(())
    }
}

impl View for Tree {
    fn event(&mut self, event: &JobEvent, record: &RunRecord) -> io::Result<()> {
        if let Some(ended) = self.files.as_mut().and_then(|files| files.event(event)) {
            self.leave(&ended);
        }
        match &event.kind {
            JobEventKind::Output { step, text } => {
                let seen = self.seen.entry((event.job.clone(), *step)).or_default();
                let before = *seen;
                *seen += text.len() as u64;
                if before <= self.limit && *seen > self.limit {
                    let path = self.files.as_ref().and_then(|files| files.path(&event.job));
                    let place = path.map_or_else(String::new, |path| format!("; the whole is in {}", path.display()));
                    let limit = text::bytes(self.limit);
                    self.leave(&format!("… a step said more than {limit}{place}"));
                }
            }
            JobEventKind::JobSkipped { .. } | JobEventKind::JobFinished { .. } => {
                if let Some(job) = record.job(&event.job)
                    && self.told.insert(job.id.clone())
                {
                    let log = self.files.as_ref().and_then(|files| files.path(&job.id));
                    for line in lines::ended(self.palette, job, log) {
                        self.leave(&line);
                    }
                }
            }
            _ => {}
        }
        if self.last_frame.is_some_and(|at| at.elapsed() < FRAME) { Ok(()) } else { self.draw(record, Live::Yes) }
    }

    fn idle(&mut self, record: &RunRecord) -> io::Result<()> {
        if self.last_frame.is_none_or(|at| at.elapsed() >= FRAME) {
            self.turn = self.turn.wrapping_add(1);
            self.draw(record, Live::Yes)?;
        }
        Ok(())
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn finish(&mut self, record: &RunRecord, closing: &str) -> io::Result<()> {
        self.leaving.push_str(closing);
        self.draw(record, Live::No)
    }
}
