//! The moments at which something is killed: every change of state of an attempt and of a slot, and every step of each call that makes one.

use testkit::{Exchange, Moment};

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Agent,
    Job,
}

/// A line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    Taken,
    Started,
    StopAsked,
    Ended,
    Closed,
}

impl Line {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Taken => "\"line\":\"taken\"",
            Self::Started => "\"change\":\"started\"",
            Self::StopAsked => "\"change\":\"stop_asked\"",
            Self::Ended => "\"change\":\"ended\"",
            Self::Closed => "\"change\":\"closed\"",
        }
    }
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// The agent says what it is: it has just started, and may have attempts to sweep.
    Declare,
    /// It asks for a job. Its slot is free.
    Fetch,
    /// As `Fetch`, and a job comes with the answer.
    Given,
    /// Rows of a log, not the last.
    Rows,
    /// The last rows: the attempt has ended.
    LastRows,
    /// The state.
    Report,
}

impl Call {
    /// Whether an exchange is such a call. Messages are told apart by what their fields must look like on the wire.
    fn is(self, moment: Moment, exchange: &Exchange) -> bool {
        let method = exchange.request.path().rsplit('/').next().unwrap_or_default();
        // `no_more` is the last field of `UpdateLog` and only written when it is set.
        let is_last = exchange.request.body.ends_with(&[0x20, 0x01]);
        match self {
            Self::Declare => method == "Declare",
            Self::Fetch => method == "FetchTask",
            // An answer without a task is a number.
            Self::Given => method == "FetchTask" && moment != Moment::Asked && exchange.answer.body.len() > 32,
            Self::Rows => method == "UpdateLog" && !is_last,
            Self::LastRows => method == "UpdateLog" && is_last,
            Self::Report => method == "UpdateTask",
        }
    }
}

/// When a kill happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trigger {
    /// So a line appeared in the journal.
    Line(Line),
    /// A call is so far.
    Call(Call, Moment),
    /// The agent was told to drain, with jobs in its slots.
    Draining,
    /// The agent was told to drain, and its last job is closed: its slots are retired.
    Retired,
}

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) trigger: Trigger,
    pub(super) victim: Victim,
}

const fn agent(name: &'static str, state: &'static str, trigger: Trigger) -> Point {
    Point { name, state, trigger, victim: Victim::Agent }
}

const fn job(name: &'static str, state: &'static str, trigger: Trigger) -> Point {
    Point { name, state, trigger, victim: Victim::Job }
}

/// Those that need a job which is being cancelled.
pub(super) const STOPS: [Point; 2] = [
    agent("told to stop", "attempt stopping", Trigger::Line(Line::StopAsked)),
    job("told to stop", "attempt stopping", Trigger::Line(Line::StopAsked)),
];

/// All others.
pub(super) const POINTS: [Point; 19] = [
    agent("declares itself", "sweeping", Trigger::Call(Call::Declare, Moment::Asked)),
    agent("asks for a job", "slot free", Trigger::Call(Call::Fetch, Moment::Asked)),
    agent("a job is on its way", "slot free", Trigger::Call(Call::Given, Moment::Answered)),
    agent("a job arrived", "attempt taken", Trigger::Call(Call::Given, Moment::Delivered)),
    agent("journal: taken", "attempt taken", Trigger::Line(Line::Taken)),
    job("journal: taken", "attempt taken", Trigger::Line(Line::Taken)),
    agent("journal: started", "attempt running", Trigger::Line(Line::Started)),
    job("journal: started", "attempt running", Trigger::Line(Line::Started)),
    agent("rows go out", "attempt running", Trigger::Call(Call::Rows, Moment::Asked)),
    agent("rows are there", "attempt running", Trigger::Call(Call::Rows, Moment::Answered)),
    job("rows go out", "attempt running", Trigger::Call(Call::Rows, Moment::Asked)),
    agent("journal: ended", "attempt ended", Trigger::Line(Line::Ended)),
    agent("last rows go out", "attempt ended", Trigger::Call(Call::LastRows, Moment::Asked)),
    agent("last rows are there", "attempt ended", Trigger::Call(Call::LastRows, Moment::Answered)),
    agent("a report goes out", "attempt running or ended", Trigger::Call(Call::Report, Moment::Asked)),
    agent("a report is there", "attempt running or ended", Trigger::Call(Call::Report, Moment::Answered)),
    agent("journal: closed", "attempt closed", Trigger::Line(Line::Closed)),
    agent("drains", "slot last", Trigger::Draining),
    agent("has drained", "slot retired", Trigger::Retired),
];

impl Point {
    /// Whether it is now.
    pub(super) fn is_now(&self, moment: Moment, exchange: &Exchange) -> bool {
        matches!(self.trigger, Trigger::Call(call, wanted) if wanted == moment && call.is(moment, exchange))
    }

    pub(super) const fn victim(&self) -> &'static str {
        match self.victim {
            Victim::Agent => "agent",
            Victim::Job => "job",
        }
    }
}
