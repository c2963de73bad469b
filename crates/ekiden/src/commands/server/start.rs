//! Starts a server and stops it when told to.

use super::folder::private_folder;
use super::settle::{serve_failure, settle, token_file};
use crate::args::ServerArgs;
use crate::commands::place::{self, Place};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style;
use tokio::signal::unix::{SignalKind, signal};

/// Serves until told to stop.
pub(crate) fn run(args: &ServerArgs) -> Result<Exit, Failure> {
    let settings = settle(args)?;
    private_folder(&settings.data)?;
    telemetry::init(Some(&std::env::var(telemetry::LOG_VARIABLE).unwrap_or_else(|_| "info".to_owned())))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::platform("could not start the runtime").cause(&error))?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: server::serve::ServerSettings) -> Result<Exit, Failure> {
    let data = settings.data.clone();
    let running = server::serve::start(settings).await.map_err(|error| serve_failure(&error, &data))?;
    let token_file = token_file(&data);
    if running.first_token.is_some() {
        style::note(format!("the first admin token is in {}", token_file.display()));
    }
    let url = running.plane.site.url.clone();
    let _told = place::tell(&Place::new(url.clone(), token_file))?;
    style::note(format!("{url} answers; Ctrl-C stops it"));
    stopped().await?;
    style::note("stopping: calls in hand may end");
    tokio::select! {
        () = running.stop() => Ok(Exit::Ok),
        again = stopped() => again.map(|()| Exit::Interrupted),
    }
}

/// Resolves at the next SIGTERM, Ctrl-C or SIGHUP; the last is left alone where whoever started this ignores it: `nohup` holds.
pub(crate) async fn stopped() -> Result<(), Failure> {
    let failed = |error| Failure::platform("could not watch for signals").cause(&error);
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup()).map_err(failed)?) };
    let hung_up = async {
        match hangup {
            Some(mut hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = term.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = hung_up => Ok(()),
    }
}

/// Whether SIGHUP does nothing to this process; once it is watched for, it does something.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is the first signal.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
