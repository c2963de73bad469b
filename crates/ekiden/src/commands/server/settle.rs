//! What a server is to be: flags and variables over `ekiden.toml` over the defaults. Called by `server` and `up`.

use super::reach::{actions, check_listen, check_scheme, check_url, public};
use crate::args::{DatabaseArgs, Keep, ReachArgs, RuleArgs, ServerArgs, UpArgs};
use crate::commands::place;
use crate::config::{AGENT_FILE, ServerTable, load_server};
use crate::exit::Exit;
use crate::failure::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::access::Trust;
use server::logs::LogError;
use server::serve::{CONNECTIONS, FOLDERS, Pace, ServeError, ServerSettings, Tls};
use server::sweep::SweepSettings;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a server listens that was told nothing.
const LISTEN: &str = "127.0.0.1:4600";

/// Settles what `server` is to be.
pub(super) fn settle(args: &ServerArgs) -> Result<ServerSettings, Failure> {
    let data = folder(args.house.data.as_deref())?;
    let table = load_server(args.house.config.as_deref(), &data)?;
    let tls = tls(
        args.tls_cert.as_deref().or(table.tls_cert.as_deref()),
        args.tls_key.as_deref().or(table.tls_key.as_deref()),
    )?;
    let database = database(&args.house.database, &table)?;
    let (settings, _) = with(&args.reach, &args.rules, &table, data, tls)?;
    Ok(ServerSettings { database, ..settings })
}

/// Whether somebody said where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    Asked,
    Usual,
}

/// Settles what the server within `up` is to be: it speaks no TLS, and its database is the folder's own.
pub(crate) fn settle_up(args: &UpArgs, data: &Path) -> Result<(ServerSettings, Listen), Failure> {
    let table = load_server(None, data)?;
    let others = [
        ("tls_cert", table.tls_cert.is_some()),
        ("tls_key", table.tls_key.is_some()),
        ("database", table.database.is_some()),
        ("database_file", table.database_file.is_some()),
    ];
    if let Some((key, _)) = others.iter().find(|(_, is_there)| *is_there) {
        let file = data.join(AGENT_FILE);
        return Err(Failure::invalid(format!("{}: server.{key} is nothing for `ekiden up`", file.display()))
            .fact("it keeps everything in its own folder, and speaks TLS through a proxy alone (--behind-proxy)")
            .fix(format!("ekiden server --data {}, which takes all keys, and an agent beside it", data.display()))
            .fix(format!("take {key} out of the file")));
    }
    with(&args.reach, &args.rules, &table, data.to_owned(), None)
}

/// What `server` and `up` have in common.
fn with(
    reach: &ReachArgs,
    rules: &RuleArgs,
    table: &ServerTable,
    data: PathBuf,
    tls: Option<Tls>,
) -> Result<(ServerSettings, Listen), Failure> {
    let behind_proxy = reach.behind_proxy.or(table.behind_proxy).unwrap_or(false);
    let usual = || LISTEN.parse().map_err(|error| Failure::platform("the default address is wrong").cause(&error));
    let (listen, asked) = match reach.listen.or(table.listen) {
        Some(listen) => (listen, Listen::Asked),
        None => (usual()?, Listen::Usual),
    };
    if tls.is_none() {
        check_listen(listen, behind_proxy)?;
    }
    let url = reach.url.as_ref().or(table.url.as_ref()).map(|url| public(url)).transpose()?;
    check_url(listen, url.as_deref())?;
    if tls.is_some() && !behind_proxy {
        check_scheme(url.as_deref())?;
    }
    let usual = SweepSettings::default();
    let folders = rules.workflows.as_ref().or(table.workflows.as_ref());
    let settings = ServerSettings {
        data,
        database: None,
        listen,
        url,
        folders: folders.cloned().unwrap_or_else(|| FOLDERS.map(str::to_owned).to_vec()),
        actions: actions(rules.actions_url.as_deref().or(table.actions_url.as_deref()))?,
        trust: if behind_proxy { Trust::Proxy } else { Trust::Network },
        tls,
        connections: connections(),
        pace: Pace::default(),
        sweep: SweepSettings {
            runs: keep(rules.keep_runs, table.keep_runs.as_deref(), "keep_runs", usual.runs)?,
            logs: keep(rules.keep_logs, table.keep_logs.as_deref(), "keep_logs", usual.logs)?,
            ..usual
        },
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok((settings, asked))
}

/// How long something is kept: the flag, else the key of the file, else what is usual.
fn keep(
    flag: Option<Keep>,
    key: Option<&str>,
    name: &str,
    usual: Option<Duration>,
) -> Result<Option<Duration>, Failure> {
    match (flag, key) {
        (Some(Keep(time)), _) => Ok(time),
        (None, Some(text)) => text.parse().map(|Keep(time)| time).map_err(|error: <Keep as std::str::FromStr>::Err| {
            Failure::invalid(format!("{name} of [server] is '{text}'"))
                .fact(error)
                .fix(format!("{name} = \"30d\" (units: d, h, m, s), or {name} = \"none\" to keep all"))
        }),
        (None, None) => Ok(usual),
    }
}

/// The server's folder.
pub(super) fn folder(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    match asked {
        Some(data) => std::path::absolute(data)
            .map_err(|error| Failure::usage(format!("--data {} names no folder", data.display())).cause(&error)),
        None => Ok(place::state_folder()?.join("server")),
    }
}

/// The database, where it is another than the folder's own.
pub(super) fn database(args: &DatabaseArgs, table: &ServerTable) -> Result<Option<String>, Failure> {
    let file = args.database_file.as_ref().or(table.database_file.as_ref().filter(|_| args.database.is_none()));
    match (&args.database, file) {
        (Some(database), _) => Ok(Some(database.clone())),
        (None, Some(file)) => secret_line(file).map(Some),
        (None, None) => Ok(table.database.clone()),
    }
}

/// TLS of the server's own: a certificate and its key, or neither.
fn tls(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Tls>, Failure> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Tls::read(certificate, key).map(Some).map_err(|error| {
            Failure::usage("the server's certificate cannot be used")
                .cause(&error)
                .fix("give PEM files: --tls-cert with the certificate and those between it and its CA, --tls-key with its key")
        }),
        (Some(_), None) => Err(Failure::usage("--tls-cert is there, and its key is not").fix("--tls-key FILE")),
        (None, Some(_)) => Err(Failure::usage("--tls-key is there, and its certificate is not").fix("--tls-cert FILE")),
    }
}

/// Files that are no connections: the database's, logs that are written, git.
const OTHER_FILES: u64 = 512;
/// More connections than that are no server's.
const MOST_CONNECTIONS: u64 = 1_000_000;

/// Lets the process have as many files open as the system lets it, and says how many of them may be connections.
fn connections() -> usize {
    let now = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    let files = if raised.is_ok() { now.maximum } else { now.current }.unwrap_or(MOST_CONNECTIONS);
    usize::try_from(room(files)).unwrap_or(CONNECTIONS)
}

/// Of so many files, those that may be connections.
fn room(files: u64) -> u64 {
    files.saturating_sub(OTHER_FILES).max(files / 2).min(MOST_CONNECTIONS)
}

fn secret_line(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::not_found(format!("{} cannot be read", file.display())).cause(&error))?;
    Ok(text.trim().to_owned())
}

/// What it means to a person that a server does not start.
pub(crate) fn serve_failure(error: &ServeError, data: &Path) -> Failure {
    let failure = Failure::platform("the server could not start").cause(error);
    match error {
        ServeError::Listen { source, address } if source.kind() == std::io::ErrorKind::AddrInUse => failure
            .fix(format!("another server has {address}: --listen {}:0 takes a free port", address.ip()))
            .fix("ekiden run list asks the one that runs"),
        ServeError::Folder { .. } => {
            failure.fix(format!("run as the user who owns {}, or give another --data DIR", data.display()))
        }
        ServeError::Logs(LogError::Used { .. }) => Failure::usage(format!("another ekiden uses {}", data.display()))
            .fix("ekiden project add OWNER/NAME --git PATH gives the one that runs another repository")
            .fix("--data DIR, with a folder of its own, for another one beside it"),
        ServeError::Store(error) if error.is_away() => Failure { exit: Exit::Unreachable, ..failure }.fix(
            "see that PostgreSQL runs there: --database postgres://USER@HOST:PORT/NAME names the host and the port",
        ),
        ServeError::Store(error) if error.is_refused() => Failure { exit: Exit::Auth, ..failure }
            .fix("--database-file FILE, with postgres://USER:PASSWORD@HOST/NAME in it"),
        ServeError::HalfRestored { .. } => failure.fix(format!("ekiden server restore FILE --data {}", data.display())),
        _ => failure,
    }
}

/// The file of the first admin token.
pub(crate) fn token_file(data: &Path) -> PathBuf {
    data.join(server::folder::FIRST_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::{MOST_CONNECTIONS, keep, room};
    use crate::args::Keep;
    use crate::exit::Exit;
    use std::time::Duration;

    #[test]
    fn most_files_are_connections() {
        assert_eq!([room(0), room(256), room(1024), room(1536)], [0, 128, 512, 1024]);
        assert_eq!([room(1 << 30), room(u64::MAX)], [MOST_CONNECTIONS; 2]);
    }

    #[test]
    fn a_wrong_time_of_the_file_is_a_wrong_file() {
        let wrong = keep(None, Some("a year"), "keep_runs", None).unwrap_err();
        assert_eq!(wrong.exit, Exit::Invalid);
        let told = wrong.to_string();
        assert!(told.contains("keep_runs of [server] is 'a year'") && told.contains("keep_runs = \"30d\""), "{told}");
        let day = Duration::from_secs(86_400);
        assert_eq!(keep(None, Some("1d"), "keep_runs", None).unwrap(), Some(day));
        assert_eq!(keep(Some(Keep(None)), Some("a year"), "keep_runs", Some(day)).unwrap(), None);
    }
}
