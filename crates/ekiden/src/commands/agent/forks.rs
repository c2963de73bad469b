//! Processes of jobs by a fork server. Made by `start`; the agent asks it.

use crate::exit::Exit;
use crate::failure::Failure;
use agent::job::Ahead;
use agent::job::child::Where;
use agent::{JobPipes, JobProcess, JobStarter, Later};
use sandbox_local::{ForkServer, Forked, Served, Wanted};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Is a fork server, or one of the processes that it forks, whose job is run.
pub(crate) fn serve() -> Result<Exit, Failure> {
    match sandbox_local::serve_forks() {
        Ok(Served::Job { zygote, ready }) => super::job::run(Some(zygote), ready),
        Ok(Served::Over) => Ok(Exit::Ok),
        Err(error) => Err(Failure::platform("no processes of jobs can be forked any more").cause(&error)),
    }
}

/// What `main` is asked to be a fork server by.
pub(crate) const ARGUMENTS: [&str; 2] = ["agent", "fork-server"];

/// A fork server that is started when it is first needed, and again when it is gone.
#[derive(Debug)]
pub(super) struct Forks {
    program: PathBuf,
    env: Vec<(OsString, OsString)>,
    server: Mutex<Option<Arc<ForkServer>>>,
}

impl Forks {
    pub(super) fn new(program: PathBuf, env: Vec<(OsString, OsString)>) -> Self {
        Self { program, env, server: Mutex::default() }
    }

    async fn server(&self) -> io::Result<Arc<ForkServer>> {
        let mut server = self.server.lock().await;
        if let Some(server) = server.as_ref().filter(|server| server.is_there()) {
            return Ok(Arc::clone(server));
        }
        let started = Arc::new(ForkServer::start(&self.program, &ARGUMENTS.map(OsString::from), &self.env)?);
        Ok(Arc::clone(server.insert(started)))
    }
}

impl JobStarter for Forks {
    fn start(&self, pipes: JobPipes, ahead: Option<&Ahead>) -> Later<'_, Box<dyn JobProcess>> {
        let in_sandbox = ahead.filter(|ahead| ahead.place == Where::Sandbox);
        let wanted = in_sandbox.map(|ahead| Wanted::new(&ahead.state, &ahead.expected));
        Box::pin(async move {
            let JobPipes { stdin, stdout, stderr } = pipes;
            let forked = self.server().await?.fork([stdin, stdout, stderr], wanted).await?;
            Ok(Box::new(Process(forked)) as Box<dyn JobProcess>)
        })
    }
}

/// One that was forked.
#[derive(Debug)]
struct Process(Forked);

impl JobProcess for Process {
    fn is_there(&mut self) -> bool {
        self.0.is_there()
    }

    fn kill(&mut self) -> io::Result<()> {
        self.0.kill()
    }

    fn ended(&mut self) -> Later<'_, ExitStatus> {
        Box::pin(self.0.ended())
    }
}
