//! What an agent is to do: settled by the composition root from the registration, flags and `ekiden.toml`, read by `run`.

use crate::Label;
use crate::job::JobSettings;
use crate::poll::PaceLimits;
use crate::registration::Registration;
use crate::report::Timing;
use crate::starter::JobStarter;
use protocol::Client;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What an agent is to do.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Its folder: registration, journal, lock, control socket, spools.
    pub data: PathBuf,
    /// As whom.
    pub registration: Registration,
    /// The labels that it serves now.
    pub labels: Vec<Label>,
    /// The forge, ready to be called.
    pub client: Client,
    /// Our version, as the forge shows it.
    pub version: String,
    /// Jobs at once.
    pub capacity: NonZeroUsize,
    /// How long it goes on taking jobs.
    pub mode: Mode,
    /// What bounds the pace of asking.
    pub pace: PaceLimits,
    /// The longest to wait for an answer to a fetch.
    pub fetch_timeout: Duration,
    /// How long a drain waits for the answer to a fetch that is under way ([`AgentSettings::LAST_FETCH`]).
    pub last_fetch: Duration,
    /// How log and state go to the forge.
    pub report: Timing,
    /// How long a job's process may go on after it was told to stop ([`AgentSettings::GRACE`]).
    pub grace: Duration,
    /// The longest that jobs go on when it drains, before they are cancelled; `None`: as long as they take.
    pub drain_timeout: Option<Duration>,
    /// What starts a job's process.
    pub program: JobProgram,
    /// When a job's process waits for the next job; `None`: never.
    pub standby: Option<StandbyTimes>,
    /// How jobs run.
    pub job: JobSettings,
    /// What runs on the machine after each job.
    pub after_job: Option<AfterJob>,
    /// Where `/healthz` and `/metrics` are served.
    pub health: Option<SocketAddr>,
}

impl AgentSettings {
    /// As long as Gitea's own runner waits for any fetch. Forges answer within a moment, and what they give then is run. No answer may be
    /// left sooner than need be: the job in it is lost until the forge's sweep. (Gitea from 1.27 takes a job back whose runner left before the
    /// answer was made; nobody does once it is on its way.)
    pub const LAST_FETCH: Duration = Duration::from_secs(5);
    /// A job's process bounds its steps by itself, five minutes after a cancellation; one that goes on for longer hangs, and is killed.
    pub const GRACE: Duration = Duration::from_secs(6 * 60);
}

/// When a process with a sandbox made ahead waits for the next job, in an agent that takes more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandbyTimes {
    /// How long after the begin of a job it is started: that one needs the machine first.
    pub pause: Duration,
    /// How long it waits for a job.
    pub keep: Duration,
}

impl Default for StandbyTimes {
    fn default() -> Self {
        Self { pause: Duration::from_millis(250), keep: Duration::from_secs(60) }
    }
}

/// How long an agent goes on taking jobs. An ephemeral registration takes one in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Until it is told to stop.
    Serve,
    /// One job.
    Once {
        /// This attempt and no other (`FetchSingleTask`, Forgejo from 15).
        handle: Option<String>,
        /// How long for.
        wait: Wait,
    },
}

/// How long to wait for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The forge is asked once.
    OneLook,
    /// So long.
    AtMost(Duration),
    /// Until there is one.
    Forever,
}

/// The command that runs one job, speaking [`crate::job::wire`]. Its environment is this and nothing of the agent's.
#[derive(Debug, Clone)]
pub struct JobProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// What makes such processes quicker than starting the program.
    pub starter: Option<Arc<dyn JobStarter>>,
}

/// A script of the machine's owner that runs on the machine, outside of any sandbox, when a job and its sandbox are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterJob {
    /// The script.
    pub script: PathBuf,
    /// The longest that it may take.
    pub timeout: Duration,
}
