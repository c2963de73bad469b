//! `ekiden server backup` and `ekiden server restore`.

use super::settle::{database, folder};
use crate::args::{BackupArgs, RestoreArgs};
use crate::commands::{place, runtime};
use crate::config::{ServerTable, load_server};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{data, note};
use domain::{Clock as _, SystemClock, Timestamp};
use server::backup::{
    BackupError, BackupOrder, Mirrors, RestoreError, RestoreOrder, Stop, make_backup, restore_backup,
};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Makes a backup, and prints its name.
pub(super) fn backup(args: &BackupArgs) -> Result<Exit, Failure> {
    let house = folder(args.house.data.as_deref())?;
    let table = load_server(args.house.config.as_deref(), &house)?;
    let now = SystemClock.now();
    let into = std::path::absolute(target(&args.into, now))
        .map_err(|error| Failure::usage(format!("{} names no file", args.into.display())).cause(&error))?;
    let order = BackupOrder {
        data: house.clone(),
        database: database(&args.house.database, &table)?,
        into: into.clone(),
        mirrors: if args.mirrors { Mirrors::Kept } else { Mirrors::Left },
        version: env!("CARGO_PKG_VERSION"),
        now,
        stop: Stop::never(),
    };
    let made = runtime()?.block_on(unless_stopped(|stop| make_backup(BackupOrder { stop, ..order })))?;
    let made = made.map_err(|error| backup_failure(&error))?;
    data(&format!("{}\n", into.display()))?;
    note(format!(
        "{} files of {}, {} KiB; it holds keys and secrets",
        made.files,
        house.display(),
        made.bytes.div_ceil(1024)
    ));
    Ok(Exit::Ok)
}

/// Does something that a signal breaks off, after which it takes away what it has made; another signal ends it at once. SIGHUP is left as it is: `nohup` holds.
async fn unless_stopped<T>(work: impl AsyncFnOnce(Stop) -> T) -> Result<T, Failure> {
    let failed = |error| Failure::platform("could not watch for signals").cause(&error);
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut told = async || {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (stop, stopped) = watch::channel(false);
    let mut work = std::pin::pin!(work(Stop::when(stopped)));
    tokio::select! {
        done = &mut work => return Ok(done),
        () = told() => {}
    }
    note("breaking off; once more ends it at once");
    stop.send_replace(true);
    tokio::select! {
        done = work => Ok(done),
        () = told() => end_now(),
    }
}

/// The next one takes away what stays.
#[expect(clippy::exit, reason = "the second signal: nothing is waited for any more")]
fn end_now() -> ! {
    std::process::exit(Exit::Interrupted.code().into())
}

/// A folder gets a file that is named by the time.
fn target(asked: &Path, now: Timestamp) -> PathBuf {
    if !asked.is_dir() {
        return asked.to_owned();
    }
    let time: String = api::when::text(now).chars().filter(|c| !matches!(c, '-' | ':')).take(15).collect();
    asked.join(format!("ekiden-{time}Z.tar.zst"))
}

fn backup_failure(error: &BackupError) -> Failure {
    let failure = match error {
        BackupError::Ending => return Failure::new(Exit::Interrupted, error.to_string()),
        BackupError::NoServer { .. } => Failure::not_found("there is no backup").cause(error),
        BackupError::NoDatabase { .. } => Failure::usage("there is no backup").cause(error),
        BackupError::Present { .. } => Failure::usage("there is no backup").cause(error),
        BackupError::Io { source, path, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            return Failure::not_found("there is no backup").fact(format!("there is no folder {}", path.display()));
        }
        _ => Failure::platform("there is no backup").cause(error),
    };
    let up = place::state_folder()
        .ok()
        .map(|state| state.join("up/server"))
        .filter(|up| up.join(server::folder::KEYS).exists());
    match (error, up) {
        (BackupError::NoServer { .. }, Some(up)) => {
            failure.fix(format!("--data {} is that of `ekiden up`", up.display()))
        }
        (BackupError::NoServer { .. }, None) => failure.fix("name the server's folder: --data DIR"),
        (BackupError::Present { .. }, _) => failure.fix("give another name, or a folder, which gets a file of its own"),
        (BackupError::NoDatabase { .. }, _) => {
            failure.fix("name it as the server does: --database-file FILE, or --database postgres://USER@HOST/NAME")
        }
        _ if error.is_full() => {
            failure.fix("make room there, or name a place that has some: the backup and a copy of the database take it")
        }
        (BackupError::Io { .. } | BackupError::Store(_), _) => failure.fix("run as the user who runs the server"),
        _ => failure,
    }
}

/// Restores a backup, and says what is next.
pub(super) fn restore(args: &RestoreArgs) -> Result<Exit, Failure> {
    let house = folder(args.data.as_deref())?;
    let database = database(&args.database, &ServerTable::default())?;
    let (from, with) = (args.from.clone(), database.clone());
    let order = |stop| RestoreOrder { from, data: house.clone(), database: with, stop };
    let restored = runtime()?.block_on(unless_stopped(|stop| restore_backup(order(stop))))?;
    let restored = restored.map_err(|error| restore_failure(&error))?;
    data(&format!("{}\n", house.display()))?;
    note(format!("{} files, as of {} (ekiden {})", restored.files, api::when::text(restored.made), restored.version));
    let data = if args.data.is_some() { format!(" --data {}", house.display()) } else { String::new() };
    let with = if database.is_some() { " with the same --database or --database-file" } else { "" };
    note(format!("start it: ekiden server{data}{with}"));
    Ok(Exit::Ok)
}

fn restore_failure(error: &RestoreError) -> Failure {
    let what = "nothing is restored, and nothing is changed";
    let room = "make room there, or name a folder that has some: --data DIR";
    match error {
        RestoreError::Ending => Failure::new(Exit::Interrupted, error.to_string()).fact(what),
        RestoreError::Filled(why) => {
            let failure = Failure::platform("the folder is not restored; the database is, and is of no use alone");
            let failure = failure.cause(error).fix("make the database empty again (dropdb NAME, createdb NAME), and restore once more");
            if why.is_full() { failure.fix(room) } else { failure }
        }
        _ if error.is_full() => Failure::platform(what).cause(error).fix(room),
        RestoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::not_found(what).cause(error)
        }
        RestoreError::NotOne { .. }
        | RestoreError::Damaged { .. }
        | RestoreError::Newer { .. }
        | RestoreError::NewerSchema { .. } => Failure::invalid(what).cause(error),
        RestoreError::Restoring { .. } => Failure::usage(what).cause(error),
        RestoreError::NotEmpty { .. } | RestoreError::Used { .. } => Failure::usage(what)
            .cause(error)
            .fix("give a folder that is not there yet: --data DIR"),
        RestoreError::NoDatabase => Failure::usage(what)
            .cause(error)
            .fix("make an empty one (createdb NAME), and name it: --database postgres://USER@HOST/NAME, or --database-file FILE"),
        RestoreError::OtherDatabase | RestoreError::DatabaseNotEmpty => Failure::usage(what).cause(error),
        _ => Failure::platform(what).cause(error),
    }
}

#[cfg(test)]
mod tests {
    use super::target;
    use domain::Timestamp;
    use std::path::Path;

    #[test]
    fn a_folder_gets_a_file_named_by_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = Timestamp(1_790_000_000_123);
        assert_eq!(target(folder.path(), at), folder.path().join("ekiden-20260921T141320Z.tar.zst"));
        assert_eq!(target(Path::new("/nowhere/x"), at), Path::new("/nowhere/x"));
    }
}
