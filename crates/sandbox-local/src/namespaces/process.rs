//! One command in a sandbox.

use super::link::{Link, answer};
use super::sandbox::Life;
use crate::wire::{End, Reply, Request};
use async_trait::async_trait;
use sandbox::{Ended, ExecEnd, Process, SandboxError, Signal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

#[derive(Debug)]
pub(super) struct NamespaceProcess {
    pub(super) link: Arc<Link>,
    pub(super) life: Arc<Life>,
    pub(super) number: u64,
    pub(super) answers: Mutex<mpsc::UnboundedReceiver<Reply>>,
}

/// The number of a signal.
pub(crate) fn number_of(signal: Signal) -> i32 {
    match signal {
        Signal::Interrupt => libc::SIGINT,
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
    }
}

#[async_trait]
impl Process for NamespaceProcess {
    async fn wait(&self) -> Result<Ended, SandboxError> {
        let mut answers = self.answers.lock().await;
        match answer(&mut answers).await {
            Ok(Reply::Ended { end, collected, micros }) => {
                let end = match end {
                    End::Exited(code) => ExecEnd::Exited(code),
                    End::Signalled(signal) => ExecEnd::Signalled(signal),
                };
                let end =
                    if end == ExecEnd::Exited(0) { end } else { self.life.limit_of_step().map_or(end, ExecEnd::Limit) };
                Ok(Ended { end, collected, wall: Duration::from_micros(micros) })
            }
            Ok(_) => Err(SandboxError::Gone),
            // A limit may have ended the sandbox as a whole.
            Err(SandboxError::Gone) => Err(self.life.limit_reached().map_or(SandboxError::Gone, SandboxError::Limit)),
            Err(error) => Err(error),
        }
    }

    async fn signal(&self, signal: Signal) -> Result<(), SandboxError> {
        let request = Request::Signal { exec: self.number, signal: number_of(signal) };
        self.link.ask(&request, Vec::new()).await.map(drop)
    }
}
