//! What comes in from the job, put where it belongs: states to the board, rows through the lanes to the backlog. Called by `reporter`.

use super::backlog::Backlog;
use super::board::{Board, Owner};
use super::lanes::{Ground, Lanes, Turn};
use super::rows::Chunk;
use super::settings::ReportSettings;
use domain::{JobEvent, JobEventKind, StepRef, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that is known of a job so far.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) board: Board,
    pub(super) backlog: Backlog,
    lanes: Lanes,
    /// Places of steps in the background.
    background: BTreeSet<u32>,
    /// The outputs of the job, once it is finished.
    pub(super) outputs: BTreeMap<String, String>,
    /// What becomes of rows.
    pub(super) rows: Rows,
}

/// What becomes of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// They are kept for the forge, or left out with a mark where there is no room.
    Kept,
    /// The forge takes no more.
    Dropped,
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) rows: bool,
    pub(super) state: bool,
}

impl Intake {
    pub(super) fn new(board: Board, backlog: Backlog, settings: &ReportSettings) -> Self {
        Self {
            board,
            backlog,
            lanes: Lanes::new(settings.spool.path().to_owned(), settings.timing.spool_bytes),
            background: settings.background.iter().copied().collect(),
            outputs: BTreeMap::new(),
            rows: Rows::Kept,
        }
    }

    /// Takes an event.
    pub(super) fn take(&mut self, event: JobEvent) -> Taken {
        let before = self.backlog.end();
        let state = match event.kind {
            JobEventKind::Output { step, text } => {
                self.say(step, event.at, text);
                false
            }
            JobEventKind::JobFinished { outputs, .. } => {
                self.outputs = outputs;
                false
            }
            kind => {
                let is_new = self.board.note(event.at, &kind, self.backlog.end());
                self.arrange(&kind);
                is_new
            }
        };
        Taken { rows: self.backlog.end() > before, state }
    }

    fn say(&mut self, step: StepRef, at: Timestamp, text: Arc<str>) {
        let Some(chunk) = Chunk::new(at, text) else { return };
        let owner = self.board.owner(step);
        let mut turn = turn(&mut self.board, &mut self.backlog, self.rows);
        self.lanes.says(step, owner, chunk, &mut turn);
    }

    fn arrange(&mut self, kind: &JobEventKind) {
        match kind {
            JobEventKind::StepStarted { step, index: Some(place), .. } => {
                let ground = if self.background.contains(place) { Ground::Back } else { Ground::Fore };
                self.lanes.begins(*step, self.board.owner(*step), ground);
            }
            JobEventKind::StepFinished { step, index: Some(_), .. } => {
                let mut turn = turn(&mut self.board, &mut self.backlog, self.rows);
                self.lanes.ends(*step, &mut turn);
            }
            _ => {}
        }
    }

    /// Says something after everything else.
    pub(super) fn say_last(&mut self, at: Timestamp, text: String) {
        {
            let mut turn = turn(&mut self.board, &mut self.backlog, self.rows);
            self.lanes.close(&mut turn);
            if let Some(chunk) = Chunk::new(at, text.into()) {
                turn(Turn::Rows(Owner::Job, chunk));
            }
        }
        self.backlog.close(at);
    }
}

/// Gives rows their numbers and tells the board whose they are.
fn turn(board: &mut Board, backlog: &mut Backlog, rows: Rows) -> impl FnMut(Turn) {
    move |turn| {
        let from = backlog.end();
        let owner = match turn {
            _ if rows == Rows::Dropped => return,
            Turn::Missing(rows) => return backlog.leave_out(rows),
            Turn::Rows(_, chunk) if !backlog.has_room() => return backlog.leave_out(chunk.rows()),
            Turn::Rows(owner, chunk) => {
                backlog.push(chunk);
                owner
            }
        };
        board.said(owner, from, backlog.end() - from);
    }
}
