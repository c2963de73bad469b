//! The agent as a whole: one for a folder, declared to its forge, taking jobs until it is told to stop. Called by `ekiden agent start` and
//! `once`.

use crate::chance::chance;
use crate::control::Control;
use crate::health;
use crate::journal::{Journal, JournalError};
use crate::label_use::LabelNotes;
use crate::poll::{Fetches, Poll, PollEnd, Room};
use crate::report::Spares;
use crate::settings::{AgentSettings, Mode, Wait};
use crate::slots::{Jobs, Slots, SlotsEnd, SlotsSettings};
use crate::status::{Contact, Status, Trouble, Work};
use crate::stop::{Stop, Stopper};
use crate::supervise::{Standby, Supervisor};
use crate::{RegistrationError, RegistrationFile};
use domain::{AttemptEnd, Clock, Conclusion, RunnerCapability, RunnerLife, SystemClock};
use protocol::{Advice, CallError, Declaration, Declared, Dialect, Fetch, Want};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// How long a fetch is left open, at a forge that holds them: less than proxies do.
const HOLD: Duration = Duration::from_secs(45);
/// How long the forge is asked whether it forgot an ephemeral runner.
const FORGET: Duration = Duration::from_secs(60);

/// How an agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEnd {
    /// It was told to stop, and all that it had in hand is over.
    Stopped,
    /// It had its one job.
    OneJob(AttemptEnd),
    /// No job came in the time that was given.
    NothingCame,
    /// It was killed with jobs in hand: the next start tells the forge of so many.
    Killed(usize),
}

/// An agent could not start, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Another one has the folder.
    #[error("an agent runs with the folder {folder}; end it with `ekiden agent drain`, or give another --data", folder = folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder cannot be used.
    #[error("the agent's folder {folder} cannot be used: {source}; check the rights and the disk", folder = folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What was seen.
        #[source]
        source: io::Error,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The registration file cannot be removed.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// `/healthz` and `/metrics` cannot be served.
    #[error("{address} cannot be listened on: {source}; give another port with --metrics", address = address)]
    Health {
        /// Where.
        address: std::net::SocketAddr,
        /// What was seen.
        #[source]
        source: io::Error,
    },
    /// The forge does not know this runner (any more). What was in hand is over.
    #[error("{0}")]
    Credentials(#[source] CallError),
    /// The forge cannot be worked with.
    #[error("{0}")]
    Forge(#[source] CallError),
}

/// Runs an agent to its end. Within a tokio runtime; `stop` is how it is told to end.
///
/// # Errors
/// When it cannot start, or the forge will have nothing more to do with this runner.
pub async fn run(settings: AgentSettings, stop: Stopper) -> Result<AgentEnd, AgentError> {
    let _lock = lock(&settings.data)?;
    let journal = Journal::open(&settings.data, &settings.registration.key.uuid, SystemClock.now())?;
    let contact = watch::Sender::new(Contact::default());
    let work = watch::Sender::new(Work::default());
    let status = status_of(&settings, &stop, contact.subscribe(), work.subscribe());
    let control = Control::listen(&settings.data, stop.clone(), status.clone())
        .map_err(|source| AgentError::Folder { folder: settings.data.clone(), source })?;
    let health = match settings.health {
        Some(address) => {
            Some(health::serve(address, status).await.map_err(|source| AgentError::Health { address, source })?)
        }
        None => None,
    };
    let ended = take_jobs(settings, stop, journal, contact, work).await;
    drop((control, health));
    ended
}

async fn take_jobs(
    settings: AgentSettings,
    stop: Stopper,
    journal: Journal,
    contact: watch::Sender<Contact>,
    work: watch::Sender<Work>,
) -> Result<AgentEnd, AgentError> {
    let file = RegistrationFile::of(&settings.data);
    let life = settings.registration.life;
    let declared = match declare(&settings, &stop, &contact).await {
        Ok(Some(declared)) => declared,
        Ok(None) => return Ok(AgentEnd::Stopped),
        // Its job was done before, and the forge forgot it since: a crash came between.
        Err(AgentError::Credentials(error)) if life == RunnerLife::Ephemeral && journal.has_closed() => {
            tracing::info!("the forge forgot this ephemeral runner, whose job is over: {error}");
            file.remove()?;
            return Ok(AgentEnd::Stopped);
        }
        Err(error) => return Err(error),
    };
    tracing::info!(
        instance = settings.client.url(),
        runner = %settings.registration.name,
        capacity = settings.capacity,
        "ready for jobs"
    );
    let (handle, wait) = match &settings.mode {
        Mode::Serve => (None, Wait::Forever),
        Mode::Once { handle, wait } => (handle.clone(), *wait),
    };
    let is_one = life == RunnerLife::Ephemeral || settings.mode != Mode::Serve;
    let capacity = if is_one { std::num::NonZeroUsize::MIN } else { settings.capacity };
    let room = watch::Sender::new(Room::Open(capacity.get()));
    let nudge = Arc::new(Notify::new());
    let (give, given) = mpsc::channel(1);
    // One look is answered at once, also by a forge that holds fetches; that we would wait tells it whose agent asks.
    let knows = declared.capabilities.iter().any(|capability| capability == protocol::HOLDS);
    let holds = knows && wait != Wait::OneLook;
    let client = settings.client.with_timeout(settings.fetch_timeout);
    let poll = Poll {
        client: match (knows, holds) {
            (true, true) => client.held(HOLD),
            (true, false) => client.held(Duration::ZERO),
            (false, _) => client,
        },
        fetches: if holds { Fetches::Held } else { Fetches::Answered },
        key: settings.registration.key.clone(),
        limits: settings.pace,
        handle,
        wait,
        room: room.subscribe(),
        nudge: Arc::clone(&nudge),
        give,
        contact,
    };
    let program = settings.program.clone();
    // There is no next job for one that takes a single one.
    let times = settings.standby.filter(|_| !is_one);
    let (standby, standby_ended) = times.map(|times| Standby::start(program, times, stop.clone())).unzip();
    let slots = SlotsSettings {
        supervisor: Arc::new(supervisor(&settings, declared, standby)),
        journal,
        label_notes: LabelNotes::open(&settings.data, SystemClock.now()),
        capacity,
        jobs: if is_one { Jobs::One } else { Jobs::Any },
        room,
        nudge,
        work,
        stop: stop.clone(),
        drain_timeout: settings.drain_timeout,
    };
    let polled = async {
        tokio::select! {
            end = poll.run() => Some(end),
            // A fetch that is under way may still bring a job.
            () = stop.reached(Stop::Kill) => None,
            () = async {
                stop.reached(Stop::Drain).await;
                tokio::time::sleep(settings.last_fetch).await;
            } => {
                tracing::warn!("the forge does not answer; a job that it may have given away meanwhile is left to its sweep");
                Some(PollEnd::Closed)
            }
        }
    };
    let (polled, slots) = tokio::join!(polled, Slots::run(slots, given));
    if let Some(ended) = standby_ended {
        // It ends with the last attempt at the latest.
        let _ended = ended.await;
    }
    if life == RunnerLife::Ephemeral && slots.last.is_some() && slots.left == 0 {
        forget(&settings, &stop, &file).await?;
    }
    end_of(polled, slots, is_one)
}

fn end_of(polled: Option<PollEnd>, slots: SlotsEnd, is_one: bool) -> Result<AgentEnd, AgentError> {
    match (polled, slots) {
        (None, SlotsEnd { left, .. }) => Ok(AgentEnd::Killed(left)),
        (_, SlotsEnd { left: left @ 1.., .. }) => Ok(AgentEnd::Killed(left)),
        (_, SlotsEnd { last: Some(end), .. }) if is_one => Ok(AgentEnd::OneJob(end)),
        (Some(PollEnd::Closed), _) => Ok(AgentEnd::Stopped),
        (Some(PollEnd::NothingCame), _) => Ok(AgentEnd::NothingCame),
        (Some(PollEnd::Refused(error)), _) if error.advice() == Advice::Stop => Err(AgentError::Credentials(error)),
        (Some(PollEnd::Refused(error) | PollEnd::NoLook(error)), _) => Err(AgentError::Forge(error)),
    }
}

/// One agent a folder: the lock goes with the process, however it ends.
fn lock(data: &Path) -> Result<File, AgentError> {
    let fault = |source| AgentError::Folder { folder: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(fault)?;
    let file = File::options().create(true).truncate(false).write(true).open(data.join("lock")).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AgentError::Taken { folder: data.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(fault(source)),
    }
}

/// Says what this agent is today, for as long as it takes until the forge hears it. `None`: it was told to stop meanwhile.
async fn declare(
    settings: &AgentSettings,
    stop: &Stopper,
    contact: &watch::Sender<Contact>,
) -> Result<Option<Declared>, AgentError> {
    let declaration = Declaration {
        version: settings.version.clone(),
        labels: settings.labels.iter().map(|label| label.name.clone()).collect(),
        capabilities: vec![RunnerCapability::Cancelling],
    };
    for failures in 0_u32.. {
        let error = match settings.client.declare(&settings.registration.key, declaration.clone()).await {
            Ok(declared) => {
                contact.send_modify(|contact| (contact.last, contact.trouble) = (Some(SystemClock.now()), None));
                return Ok(Some(declared));
            }
            // A forge from before `Declare` (1.20 and older) knows the labels of the registration.
            Err(error @ CallError::Unsupported { .. }) => {
                tracing::warn!("{error}; the forge goes by the labels of the registration");
                return Ok(Some(Declared { runner: None, capabilities: Vec::new() }));
            }
            Err(error) => error,
        };
        match (error.advice(), &settings.mode) {
            (Advice::Stop, _) => return Err(AgentError::Credentials(error)),
            (Advice::GiveUp, _) | (_, Mode::Once { wait: Wait::OneLook, .. }) => return Err(AgentError::Forge(error)),
            (Advice::Retry, _) => {}
        }
        let pause = Duration::from_millis(500).saturating_mul(1 << failures.min(7)).mul_f64(0.5 + chance() / 2.0);
        tracing::warn!("{error}; asked again in {:.1} s", pause.as_secs_f64());
        contact.send_modify(|contact| {
            contact.failed += 1;
            let since = contact.trouble.as_ref().map_or_else(|| SystemClock.now(), |trouble| trouble.since);
            contact.trouble = Some(Trouble { since, failures: failures + 1, reason: error.to_string() });
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.reached(Stop::Drain) => return Ok(None),
        }
    }
    Ok(None)
}

fn supervisor(settings: &AgentSettings, declared: Declared, standby: Option<Standby>) -> Supervisor {
    Supervisor {
        client: settings.client.clone(),
        key: settings.registration.key.clone(),
        dialect: Dialect::Gitea,
        capabilities: declared.capabilities,
        runner: settings.registration.name.clone(),
        labels: settings.labels.clone(),
        job: settings.job.clone(),
        program: settings.program.clone(),
        standby,
        after_job: settings.after_job.clone(),
        spools: Spares::of(settings.data.join("spool")),
        timing: settings.report,
        grace: settings.grace,
    }
}

/// Makes sure that the forge forgot an ephemeral runner whose job is over, and forgets it here. Forgejo, and Gitea from 1.27, do it with the
/// job's end; an older Gitea when the runner asks for another job, which it does here without a label, so that it gets none.
async fn forget(settings: &AgentSettings, stop: &Stopper, file: &RegistrationFile) -> Result<(), AgentError> {
    let key = &settings.registration.key;
    let asked = async {
        for failures in 0_u32.. {
            let none = Declaration {
                version: settings.version.clone(),
                labels: Vec::new(),
                capabilities: vec![RunnerCapability::Cancelling],
            };
            let fetch = Fetch { version: domain::TasksVersion::UNKNOWN, want: Want::One, key: None };
            let answer = match settings.client.declare(key, none).await {
                Ok(_) => settings.client.fetch(key, fetch).await.map(|_| ()),
                Err(error) => Err(error),
            };
            match answer {
                Err(CallError::Credentials { .. }) => return true,
                // The forge may have a moment's work with the end of the job.
                Ok(()) if failures >= 3 => return false,
                Ok(()) | Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100).saturating_mul(1 << failures.min(6))).await;
                }
            }
        }
        false
    };
    let has_forgotten = tokio::select! {
        has_forgotten = asked => has_forgotten,
        () = tokio::time::sleep(FORGET) => false,
        () = stop.reached(Stop::Kill) => false,
    };
    if !has_forgotten {
        let name = &settings.registration.name;
        tracing::warn!(
            "the forge keeps the runner {name}, whose job is over: it knows no ephemeral ones, or does not answer; remove it there"
        );
    }
    Ok(file.remove()?)
}

fn status_of(
    settings: &AgentSettings,
    stop: &Stopper,
    contact: watch::Receiver<Contact>,
    work: watch::Receiver<Work>,
) -> impl Fn() -> Status + Clone + Send + Sync + 'static {
    let (stop, since) = (stop.clone(), SystemClock.now());
    let (version, instance) = (settings.version.clone(), settings.client.url().to_owned());
    let runner = settings.registration.name.clone();
    let labels: Vec<String> = settings.labels.iter().map(ToString::to_string).collect();
    move || Status {
        version: version.clone(),
        pid: std::process::id(),
        instance: instance.clone(),
        runner: runner.clone(),
        labels: labels.clone(),
        since,
        stop: stop.now(),
        work: work.borrow().clone(),
        forge: contact.borrow().clone(),
    }
}

impl AgentEnd {
    /// How the one job ended, if there was one.
    #[must_use]
    pub fn conclusion(&self) -> Option<Conclusion> {
        match self {
            Self::OneJob(end) => Some(end.conclusion()),
            Self::Stopped | Self::NothingCame | Self::Killed(_) => None,
        }
    }
}
