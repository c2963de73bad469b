//! A runner for one job, which it had: forgotten as soon as its log is whole. One that never says so is forgotten by `sweep`.

use crate::plane::Plane;
use domain::control::Work;
use domain::{LogEnd, TaskId};
use std::time::Duration;
use store::{AuditEntry, StoredRunner};

/// So long the last rows of its log are awaited.
const ROWS: Duration = Duration::from_secs(30);

/// Forgets the runner of an ended task, if that was its only one.
pub(super) fn leave(plane: &Plane, runner: &StoredRunner, task: TaskId) {
    if let Work::Lasting { .. } = runner.phase.work() {
        return;
    }
    let (plane, id, name) = (plane.clone(), runner.id, runner.name.clone());
    tokio::spawn(async move {
        if let Ok(mut facts) = plane.logs.watch(task).await {
            // Whether its end came or the time is over: it goes.
            let _ = tokio::time::timeout(ROWS, facts.wait_for(|facts| facts.end == LogEnd::Last)).await;
        }
        let entry = AuditEntry {
            actor: "server".to_owned(),
            origin: "here".to_owned(),
            action: "runner.remove".to_owned(),
            object: format!("runner {id} ({name})"),
            detail: serde_json::json!({ "why": "it was for one job" }),
        };
        match plane.store.remove_runner(id, plane.now(), &entry).await {
            Ok(()) => plane.queue.runner_gone(id),
            // The sweep was quicker, or comes later.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, runner = %id, "a runner for one job was not removed");
            }
        }
    });
}
