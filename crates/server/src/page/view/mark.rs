//! A state as people see it: a word, a shape and a colour, so that none of them has to be known alone.

/// The state of a run, a job or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Something keeps it back.
    Held,
    /// It waits.
    Waiting,
    /// It goes on.
    Running,
    /// It was asked to end.
    Cancelling,
    /// It did what it should.
    Success,
    /// It did not.
    Failure,
    /// It was stopped.
    Cancelled,
    /// It was not its turn.
    Skipped,
}

impl Mark {
    /// Its class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Its shape.
    pub(crate) const fn svg(self) -> &'static str {
        match self {
            Self::Held => {
                r#"<svg class="mark held" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5"/><path d="M6.2 5.4v5.2M9.8 5.4v5.2"/></svg>"#
            }
            Self::Waiting => {
                r#"<svg class="mark waiting" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5"/><path d="M8 4.4V8l2.4 1.7"/></svg>"#
            }
            Self::Running => {
                r#"<svg class="mark running" viewBox="0 0 16 16" aria-hidden="true"><circle class="track" cx="8" cy="8" r="6.5"/><path class="turn" d="M8 1.5a6.5 6.5 0 0 1 6.5 6.5"/><circle class="dot" cx="8" cy="8" r="2"/></svg>"#
            }
            Self::Cancelling => {
                r#"<svg class="mark cancelling" viewBox="0 0 16 16" aria-hidden="true"><circle class="track" cx="8" cy="8" r="6.5"/><path class="turn" d="M8 1.5a6.5 6.5 0 0 1 6.5 6.5"/><path d="M6 6h4v4H6z"/></svg>"#
            }
            Self::Success => {
                r#"<svg class="mark success" viewBox="0 0 16 16" aria-hidden="true"><circle class="disc" cx="8" cy="8" r="7.2"/><path class="on" d="m4.8 8.2 2.2 2.2 4.2-4.6"/></svg>"#
            }
            Self::Failure => {
                r#"<svg class="mark failure" viewBox="0 0 16 16" aria-hidden="true"><circle class="disc" cx="8" cy="8" r="7.2"/><path class="on" d="m5.5 5.5 5 5m0-5-5 5"/></svg>"#
            }
            Self::Cancelled => {
                r#"<svg class="mark cancelled" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5"/><path d="M6 6h4v4H6z"/></svg>"#
            }
            Self::Skipped => {
                r#"<svg class="mark skipped" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5"/><path d="m5 11 6-6"/></svg>"#
            }
        }
    }

    /// The icon of a page about it.
    pub(crate) const fn icon(self) -> &'static str {
        match self {
            Self::Success => "icon-good.svg",
            Self::Failure => "icon-bad.svg",
            Self::Running | Self::Cancelling => "icon-going.svg",
            Self::Held | Self::Waiting | Self::Cancelled | Self::Skipped => "icon.svg",
        }
    }

    /// Whether something failed.
    pub(crate) const fn is_bad(self) -> bool {
        matches!(self, Self::Failure)
    }

    /// Whether it may still change by itself.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Waiting | Self::Running | Self::Cancelling)
    }
}
