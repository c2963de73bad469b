//! What an attempt says to the loop that keeps the journal. Used by the attempt and by what looks after its process.

use crate::slots::Said;
use domain::{AttemptChange, TaskId};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// The voice of one attempt. Nobody listens any more when the agent is being killed.
pub(super) struct Voice {
    pub(super) task: TaskId,
    pub(super) said: UnboundedSender<Said>,
}

impl Voice {
    /// Says what happened.
    pub(super) fn says(&self, change: AttemptChange) {
        let _unheard = self.said.send(Said { task: self.task, change, noted: None });
    }

    /// Says what happened and waits until it stands in the journal, or cannot.
    pub(super) async fn notes(&self, change: AttemptChange) {
        let (noted, is_noted) = oneshot::channel();
        if self.said.send(Said { task: self.task, change, noted: Some(noted) }).is_ok() {
            let _dropped = is_noted.await;
        }
    }
}
