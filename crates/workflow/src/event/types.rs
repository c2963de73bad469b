//! An event and what a trigger says to it.

use serde_json::Value as Json;

/// Something that happened at a forge, or that a person asks to be treated as if it had.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// `push`, `pull_request`, …
    pub name: String,
    /// The payload as the forge sends it; what it lacks is taken as fitting.
    pub payload: Json,
    /// The ref that it is about: `refs/heads/main`, `refs/tags/v1`, `refs/pull/1/merge`.
    pub reference: String,
    /// The files that changed; `None` when nobody knows, which lets every `paths` filter pass.
    pub changed_files: Option<Vec<String>>,
    /// The message of the head commit, for `[skip ci]`; of a push, `head_commit.message` of the payload is used when this is absent.
    pub head_message: Option<String>,
}

impl Event {
    /// The activity type: `action` of the payload.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.text("/action")
    }

    /// A text of the payload by its JSON pointer.
    #[must_use]
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.payload.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }
}

/// What a trigger says to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It starts the workflow.
    Starts,
    /// The trigger is for other events.
    OtherEvent,
    /// The event is right, but a filter holds it back.
    HeldBack {
        /// The key: `branches`, `paths-ignore`, `types`, …
        filter: &'static str,
        /// Why, in words.
        why: String,
    },
    /// The event is right, but a filter cannot be asked: it has a pattern that is none.
    Wrong {
        /// The key.
        filter: &'static str,
        /// Which pattern, and why, in words.
        why: String,
    },
}
