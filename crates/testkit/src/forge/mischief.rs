//! What can go wrong between an agent and a forge.

use std::collections::VecDeque;
use std::time::Duration;

/// One thing that goes wrong with calls of a method (`Register`, `FetchTask`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mischief {
    /// The call is carried out, its answer never arrives: the connection closes.
    LoseReply,
    /// The call never arrives: the connection closes before it is carried out.
    LoseRequest,
    /// The answer comes twice on the same connection.
    DoubleReply,
    /// The call is carried out twice, as by a proxy that repeats it; the second answer counts.
    DoubleRequest,
    /// The answer comes late.
    Slow(Duration),
    /// A proxy's page with this status instead of an answer; the call is not carried out.
    Status(u16),
    /// Half of the answer's body, then the connection closes.
    Truncate,
    /// A field of a later version stands in the answer.
    UnknownField,
    /// The answer is a page in HTML, with status 200.
    Page,
}

/// What will go wrong, in order, per method.
#[derive(Debug, Default)]
pub(super) struct Plan(VecDeque<(String, Mischief)>);

impl Plan {
    pub(super) fn add(&mut self, method: &str, mischief: Mischief, times: usize) {
        self.0.extend(std::iter::repeat_n((method.to_owned(), mischief), times));
    }

    /// The next thing that goes wrong with this method; it is used up.
    pub(super) fn take(&mut self, method: &str) -> Option<Mischief> {
        let at = self.0.iter().position(|(planned, _)| planned == method)?;
        self.0.remove(at).map(|(_, mischief)| mischief)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
