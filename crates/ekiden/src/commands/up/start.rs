//! Starts everything, tells what happens, and stops everything.

use super::checkout::{Added, Checkout, runs_of};
use super::follow::{Outcome, Story, Which};
use super::runner::{self, Ended};
use crate::args::UpArgs;
use crate::commands::client::connect_to;
use crate::commands::place::{self, Place};
use crate::commands::server::{Listen, private_folder, serve_failure, settle_up, stopped, token_file};
use crate::config::AGENT_FILE;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{self, Ink, Palette, data};
use agent::{RegistrationFile, Stop, Stopper};
use api::ProjectName;
use domain::control::RunPhase;
use domain::{Clock, Conclusion, Secret, SystemClock, Timestamp};
use server::access::{Actor, Origin, Person, Reach, current_registration, make_link};
use server::event;
use server::plane::Plane;
use server::serve::{Running, ServeError, ServerSettings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the runs of what moved while nobody looked may take to appear.
const PATIENCE: Duration = Duration::from_millis(1500);

/// So often the agent registers anew, each time within [`IN_A_ROW`] after the last, before that is a fault.
const TRIES: u32 = 4;
const IN_A_ROW: Duration = Duration::from_mins(1);

/// What could not be told is asked for again after so long.
const AGAIN: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub(crate) fn run(args: &UpArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let checkout = Checkout::find(&args.path)?;
    let folder = match &args.data {
        Some(data) => std::path::absolute(data)
            .map_err(|error| Failure::usage(format!("--data {} names no folder", data.display())).cause(&error))?,
        None => place::state_folder()?.join("up"),
    };
    // What is remembered would be part of what is watched.
    if real(&folder).starts_with(checkout.top()) {
        return Err(Failure::usage(format!("{} lies in the checkout", folder.display()))
            .fix("give a folder outside of it with --data DIR"));
    }
    telemetry::init(Some(&std::env::var(telemetry::LOG_VARIABLE).unwrap_or_else(|_| "warn".to_owned())))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::platform("could not start the runtime").cause(&error))?;
    runtime.block_on(up(args, &checkout, &folder, began))
}

/// Where a path leads that may not be there yet.
fn real(path: &Path) -> PathBuf {
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// The server and the agent have their settings beside what is theirs.
fn must_be_read(folder: &Path) -> Result<(), Failure> {
    let file = folder.join(AGENT_FILE);
    if !file.exists() {
        return Ok(());
    }
    let at = |name: &str| folder.join(name).join(AGENT_FILE).display().to_string();
    Err(Failure::invalid(format!("nobody reads {}", file.display())).fix(format!(
        "its table [server] belongs into {}, its table [agent] into {}",
        at("server"),
        at("agent")
    )))
}

/// Everything that runs.
struct Whole {
    running: Running,
    url: String,
    person: Person,
    admin: Secret,
    agent: PathBuf,
    capacity: u32,
}

async fn up(args: &UpArgs, checkout: &Checkout, folder: &Path, began: Instant) -> Result<Exit, Failure> {
    let server = folder.join("server");
    let (settings, listen) = settle_up(args, &server)?;
    must_be_read(folder)?;
    private_folder(&server)?;
    let since = SystemClock.now();
    let running = serve(settings, listen).await?;
    let file = token_file(&server);
    let first = running.first_token.clone();
    let whole = whole(running, folder.join("agent"), &file, args).await?;
    let _told = place::tell(&Place::new(whole.url.clone(), file.clone()))?;
    let stopper = Stopper::default();
    let mut agent = tokio::spawn(serve_jobs(
        whole.running.plane.clone(),
        whole.person.clone(),
        whole.url.clone(),
        whole.agent.clone(),
        whole.capacity,
        stopper.clone(),
    ));
    let (told, agent) = tokio::select! {
        told = tell(&whole, checkout, args, first.as_ref(), &file, (began, since)) => (told, Some(agent)),
        // What was asked about is not known then.
        stopped = stopped() => (stopped.map(|()| if args.once { Exit::Interrupted } else { Exit::Ok }), Some(agent)),
        // Without it every job would wait for ever.
        ended = &mut agent => (Err(ended_by_itself(ended)), None),
    };
    let ended = match agent {
        Some(agent) => stop(whole.running, stopper, agent).await,
        None => {
            whole.running.stop().await;
            Ok(())
        }
    };
    told.and_then(|exit| ended.map(|()| exit))
}

fn ended_by_itself(ended: Result<Result<(), Failure>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => Failure::platform("the agent ended by itself"),
        Ok(Err(failure)) => failure,
        Err(error) => Failure::platform("the agent fell").cause(&error),
    }
}

async fn serve(settings: ServerSettings, listen: Listen) -> Result<Running, Failure> {
    let data = settings.data.clone();
    match server::serve::start(settings.clone()).await {
        // Nobody asked for this port.
        Err(ServeError::Listen { .. }) if listen == Listen::Usual => {
            let settings = ServerSettings { listen: SocketAddr::new(settings.listen.ip(), 0), ..settings };
            server::serve::start(settings).await.map_err(|error| serve_failure(&error, &data))
        }
        other => other.map_err(|error| serve_failure(&error, &data)),
    }
}

async fn whole(running: Running, agent: PathBuf, file: &Path, args: &UpArgs) -> Result<Whole, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::platform(format!("the admin token in {} cannot be read", file.display())).cause(&error)
    })?;
    let admin = Secret::new(text.trim());
    let plane = &running.plane;
    let person = plane.access.person(plane, &admin, Origin::Here).await.map_err(|error| {
        Failure::new(Exit::Auth, format!("the token in {} opens nothing any more", file.display()))
            .cause(&error)
            .fix(format!("put a token that may do everything (admin) into {}", file.display()))
    })?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let capacity = args.capacity.unwrap_or_else(|| u32::try_from(processors).unwrap_or(1));
    // Loopback, whatever the public address is.
    let url = format!("http://{}", reached(running.address));
    Ok(Whole { url, person, admin, agent, capacity, running })
}

/// Where this machine reaches what listens at an address.
fn reached(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}

/// The agent. When the server does not know it any more, it registers anew, so often in a row.
async fn serve_jobs(
    plane: Plane,
    person: Person,
    url: String,
    data: PathBuf,
    capacity: u32,
    stopper: Stopper,
) -> Result<(), Failure> {
    let mut left = TRIES;
    loop {
        let actor = Actor::server("up");
        let token = current_registration(&plane, &person, &actor, Reach::Instance).await;
        let token = token.map_err(|error| Failure::platform("the agent got no registration token").cause(&error))?;
        runner::register(&data, &url, token.text).await?;
        let began = Instant::now();
        match runner::run(runner::settle(&data, &url, capacity)?, stopper.clone()).await? {
            Ended::Stopped => return Ok(()),
            Ended::Unknown => {}
        }
        left = if began.elapsed() > IN_A_ROW { TRIES } else { left - 1 };
        if left == 0 {
            return Err(Failure::new(Exit::Auth, "the server does not know its own agent"));
        }
        RegistrationFile::of(&data)
            .remove()
            .map_err(|error| Failure::platform("the agent's old registration stays").cause(&error))?;
    }
}

async fn tell(
    whole: &Whole,
    checkout: &Checkout,
    args: &UpArgs,
    first: Option<&Secret>,
    file: &Path,
    (began, since): (Instant, Timestamp),
) -> Result<Exit, Failure> {
    let plane = &whole.running.plane;
    let Added { project, runs } = checkout.add(plane).await?;
    say_hello(whole, &project.full_name(), checkout, first, file).await?;
    let name: ProjectName =
        project.full_name().parse().map_err(|error| Failure::platform("the project's name is none").cause(&error))?;
    let mut story = Story::new(connect_to(&whole.url, whole.admin.clone())?, name);
    let mine: Vec<i64> = runs.iter().map(|run| run.id.0).collect();
    // Of an earlier start there may be runs of this commit; those that go on are told of. So are those that the server made
    // by itself since this start, though they be over by now: it sees what moved before the checkout is added again.
    let fresh = |run: &store::StoredRun| run.finished.is_none() || run.created >= since;
    let newest = checkout.newest().map(|(_, commit)| commit);
    let open: Vec<i64> = match &newest {
        Some(commit) => {
            let found = runs_of(plane, project.id, commit).await;
            let found = found.map_err(|error| Failure::platform("the runs cannot be listed").cause(&error))?;
            found.into_iter().filter(fresh).map(|run| run.id.0).collect()
        }
        None => Vec::new(),
    };
    story.forget_old(&[mine.clone(), open.clone()].concat()).await?;
    let patience = if mine.is_empty() && open.is_empty() { PATIENCE } else { Duration::ZERO };
    // Those of other commits and events have their turn behind them.
    let told = match &newest {
        Some(commit) => story.tell(Which::Push(commit), patience, Some(began)).await?,
        None => Outcome::Nothing,
    };
    let outcome = if told == Outcome::Nothing { say_nothing_ran(plane, &project, checkout).await? } else { told };
    if args.once {
        return Ok(match outcome {
            Outcome::Green => Exit::Ok,
            Outcome::Red => Exit::Failed,
            Outcome::Nothing => Exit::NotFound,
        });
    }
    style::note("new commits run by themselves; Ctrl-C stops");
    let mut said = String::new();
    loop {
        let Err(failure) = story.tell(Which::Any, Duration::MAX, None).await else { continue };
        // Its project was removed, say, or its token revoked. Runners, pages and other projects do not end for that.
        let failure = failure.to_string();
        if failure != said {
            style::warn(format!("what runs is not told here, and goes on: {failure}"));
            said = failure;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn say_hello(
    whole: &Whole,
    project: &str,
    checkout: &Checkout,
    first: Option<&Secret>,
    file: &Path,
) -> Result<(), Failure> {
    let plane = &whole.running.plane;
    let link = make_link(plane, &whole.person, &Actor::server("up")).await;
    let link = link.map_err(|error| Failure::platform("there is no link to the page").cause(&error))?;
    let palette = Palette::stdout();
    let mut rows = vec![
        ("page", format!("{}/login/once/{}", plane.site.url, link.expose())),
        ("project", format!("{project}, {}", checkout.top().display())),
    ];
    if let Some(first) = first {
        rows.push((
            "token",
            format!("{} (may do everything; shown this once, and kept in {})", first.expose(), file.display()),
        ));
    }
    let rows =
        rows.iter().map(|(name, text)| format!("  {}  {text}\n", palette.paint(Ink::Dim, format_args!("{name:8}"))));
    data(&format!("{} {}\n{}", palette.paint(Ink::Strong, "ekiden"), whole.url, rows.collect::<String>()))
}

/// Why nothing ran, and what can; how the newest commit's runs ended, where they ran before.
async fn say_nothing_ran(plane: &Plane, project: &store::Project, checkout: &Checkout) -> Result<Outcome, Failure> {
    let Some((reference, commit)) = checkout.newest() else {
        style::note(match checkout.commit() {
            Some(commit) => format!(
                "the checkout is on no branch (HEAD is {commit:.8}): git switch -c NAME makes one; commits on a branch run by themselves"
            ),
            None => "the checkout has no commit yet; commits run by themselves".to_owned(),
        });
        return Ok(Outcome::Nothing);
    };
    let before = runs_of(plane, project.id, &commit).await;
    let before = before.map_err(|error| Failure::platform("the runs cannot be listed").cause(&error))?;
    let short = commit.get(..8).unwrap_or(&commit);
    if !before.is_empty() {
        let words: Vec<String> = before.iter().map(|run| format!("{} {}", run.workflow, run.phase.word())).collect();
        style::note(format!("{short} ran before: {}", words.join(", ")));
        let is_green =
            |run: &store::StoredRun| matches!(run.phase, RunPhase::Finished(Conclusion::Success | Conclusion::Skipped));
        return Ok(if before.iter().all(is_green) { Outcome::Green } else { Outcome::Red });
    }
    let found = event::workflows(plane, project).await;
    let found = found.map_err(|error| Failure::platform("the workflows cannot be read").cause(&error))?;
    let branch = reference.strip_prefix("refs/heads/").unwrap_or(&reference);
    if found.is_empty() {
        // The first folder that there is counts, also when there is nothing in it.
        let folders = &plane.site.folders;
        let there = folders.iter().find(|folder| checkout.top().join(folder).is_dir());
        let folder = there.or(folders.last()).map_or(".github/workflows", String::as_str);
        style::note(format!("{short} has no workflows; add one: {folder}/ci.yml"));
        return Ok(Outcome::Nothing);
    }
    style::note(format!("no workflow starts on a push to {branch}"));
    for file in found.iter().filter(|file| file.triggers.iter().any(|trigger| trigger == "workflow_dispatch")) {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        style::note(format!("start one: ekiden run dispatch {} {name} --watch", project.full_name()));
    }
    Ok(Outcome::Nothing)
}

/// Lets jobs end and closes everything; each further signal goes a step further.
async fn stop(
    running: Running,
    stopper: Stopper,
    agent: tokio::task::JoinHandle<Result<(), Failure>>,
) -> Result<(), Failure> {
    stopper.ask(Stop::Drain);
    tokio::pin!(agent);
    let mut said = false;
    let ended = loop {
        tokio::select! {
            ended = &mut agent => break ended,
            () = tokio::time::sleep(Duration::from_millis(300)), if !said => {
                said = true;
                style::note("jobs in hand may end; Ctrl-C cancels them");
            }
            again = stopped() => {
                again?;
                match stopper.further() {
                    Stop::Kill => style::note("the jobs are killed"),
                    _ => style::note("the jobs are being cancelled; Ctrl-C kills them"),
                }
            }
        }
    };
    running.stop().await;
    match ended {
        Ok(ended) => ended,
        Err(error) => Err(Failure::platform("the agent fell").cause(&error)),
    }
}
