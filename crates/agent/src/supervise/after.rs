//! The script of the machine's owner after a job: on the machine, outside of any sandbox, when the job's process is gone. What it does
//! never changes how the job ended.

use crate::settings::{AfterJob, JobProgram};
use domain::{AttemptEnd, TaskId};
use std::process::Stdio;
use tokio::process::Command;

/// Runs it to its end, or to the end of its time. Its environment is that of the job's process, and what ended.
pub(super) async fn run(after: &AfterJob, program: &JobProgram, task: TaskId, repository: &str, end: &AttemptEnd) {
    let script = after.script.display();
    let started = Command::new(&after.script)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .env("EKIDEN_TASK", task.to_string())
        .env("EKIDEN_REPOSITORY", repository)
        .env("EKIDEN_CONCLUSION", end.conclusion().as_str())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            tracing::error!(%task, "the script after the job, {script}, cannot be started: {error}");
            return;
        }
    };
    match tokio::time::timeout(after.timeout, child.wait()).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => tracing::error!(%task, "the script after the job, {script}, failed: {status}"),
        Ok(Err(error)) => tracing::error!(%task, "the script after the job, {script}, is lost: {error}"),
        Err(_) => {
            let seconds = after.timeout.as_secs();
            tracing::error!(%task, "the script after the job, {script}, took more than {seconds} s and is killed");
            // It may be gone by now.
            let _ = child.kill().await;
        }
    }
}
