//! What a server is to be: flags and variables over `ekiden.toml` over the defaults. Called by `server` and `up`.

use crate::args::{DatabaseArgs, Keep, ServerArgs};
use crate::commands::place;
use crate::config::{ServerTable, load_server};
use crate::failure::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::access::Trust;
use server::serve::{ActionsFrom, CONNECTIONS, FOLDERS, Pace, ServeError, ServerSettings, Tls, is_reserved};
use server::sweep::SweepSettings;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a server listens that was told nothing.
pub(crate) const LISTEN: &str = "127.0.0.1:4600";

/// Settles it.
pub(super) fn settle(args: &ServerArgs) -> Result<ServerSettings, Failure> {
    let data = folder(args.house.data.as_deref())?;
    let table = load_server(args.house.config.as_deref(), &data)?;
    let behind_proxy = args.reach.behind_proxy.or(table.behind_proxy).unwrap_or(false);
    let listen = match args.reach.listen.or(table.listen) {
        Some(listen) => listen,
        None => LISTEN.parse().map_err(|error| Failure::platform("the default address is wrong").cause(&error))?,
    };
    let tls = tls(
        args.tls_cert.as_deref().or(table.tls_cert.as_deref()),
        args.tls_key.as_deref().or(table.tls_key.as_deref()),
    )?;
    if tls.is_none() {
        check_listen(listen, behind_proxy)?;
    }
    let url = args.reach.url.as_ref().or(table.url.as_ref()).map(|url| public(url)).transpose()?;
    check_url(listen, url.as_deref())?;
    if tls.is_some() && !behind_proxy {
        check_scheme(url.as_deref())?;
    }
    let database = database(&args.house.database, &table)?;
    let usual = SweepSettings::default();
    let folders = args.workflows.as_ref().or(table.workflows.as_ref());
    Ok(ServerSettings {
        data,
        database,
        listen,
        url,
        folders: folders.cloned().unwrap_or_else(|| FOLDERS.map(str::to_owned).to_vec()),
        actions: actions(args.actions_url.as_deref().or(table.actions_url.as_deref()))?,
        trust: if behind_proxy { Trust::Proxy } else { Trust::Network },
        tls,
        connections: connections(),
        pace: Pace::default(),
        sweep: SweepSettings {
            runs: keep(args.keep_runs, table.keep_runs.as_deref(), "keep_runs", usual.runs)?,
            logs: keep(args.keep_logs, table.keep_logs.as_deref(), "keep_logs", usual.logs)?,
            ..usual
        },
        version: env!("CARGO_PKG_VERSION"),
    })
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
pub(crate) fn connections() -> usize {
    let now = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    let files = if raised.is_ok() { now.maximum } else { now.current }.unwrap_or(MOST_CONNECTIONS);
    usize::try_from(room(files)).unwrap_or(CONNECTIONS)
}

/// Of so many files, those that may be connections.
fn room(files: u64) -> u64 {
    files.saturating_sub(OTHER_FILES).max(files / 2).min(MOST_CONNECTIONS)
}

/// Tokens and logs go over this connection: in the open only where nobody else listens.
pub(crate) fn check_listen(listen: SocketAddr, behind_proxy: bool) -> Result<(), Failure> {
    if listen.ip().is_loopback() || behind_proxy {
        return Ok(());
    }
    Err(Failure::usage(format!("{listen} is open to others, and this server speaks without TLS"))
        .fact("tokens, secrets and logs would go over the network in the open")
        .fix("--tls-cert FILE --tls-key FILE, where this is `ekiden server`")
        .fix(format!("--listen 127.0.0.1:{}, with a proxy that ends TLS on this machine", listen.port()))
        .fix("--behind-proxy, where the proxy is on another machine of a network of yours"))
}

/// Runners, jobs and links are given one address: all addresses of a machine are none.
pub(crate) fn check_url(listen: SocketAddr, url: Option<&str>) -> Result<(), Failure> {
    if url.is_some() || !listen.ip().is_unspecified() {
        return Ok(());
    }
    Err(Failure::usage(format!("{listen} is every address of this machine, and none that others can call"))
        .fact("runners, jobs and links are given the server's address")
        .fix("--url https://ci.example.org, as people and runners reach it")
        .fix(format!("--listen ADDRESS:{}, the one address that they use", listen.port())))
}

/// What speaks TLS is not reached without.
fn check_scheme(url: Option<&str>) -> Result<(), Failure> {
    let Some(rest) = url.and_then(|url| url.strip_prefix("http://")) else { return Ok(()) };
    Err(Failure::usage(format!("--url http://{rest} is without TLS, and this server speaks TLS alone (--tls-cert)"))
        .fact("runners, jobs and links are given that address, and none of them would reach the server")
        .fix(format!("--url https://{rest}"))
        .fix("--behind-proxy, where a proxy speaks without TLS to people and with it to the server"))
}

/// Where actions come from.
fn actions(from: Option<&str>) -> Result<ActionsFrom, Failure> {
    match from {
        None => Ok(ActionsFrom::default()),
        Some("self") => Ok(ActionsFrom::Own),
        Some(url) => address(url).map(ActionsFrom::Url).ok_or_else(|| {
            Failure::usage(format!("--actions-url {url} is no address that actions can be cloned from"))
                .fix("--actions-url https://git.example.org, or self for projects of this server")
        }),
    }
}

fn public(url: &str) -> Result<String, Failure> {
    let fix = "--url https://ci.example.org, with a path where there is one";
    let wrong = || Failure::usage(format!("--url {url} is no address that people can open"));
    let address = address(url).ok_or_else(|| wrong().fix(fix))?;
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let Some(path) = path else { return Ok(address) };
    if let Some(odd) = path.split('/').find(|part| !is_segment(part)) {
        return Err(wrong()
            .fact(format!("'{odd}' is no part of its path: parts are of letters, digits, '-', '.', '_' and '~', and none is empty, '.' or '..'"))
            .fix("--url https://ci.example.org/ci"));
    }
    let first = path.split('/').next().unwrap_or_default();
    if is_reserved(first) {
        return Err(wrong()
            .fact(format!("the server has pages of its own at /{first}"))
            .fix(format!("--url {}ci, or another path", address.strip_suffix(path).unwrap_or(&address))));
    }
    Ok(address)
}

fn is_segment(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    !matches!(part, "" | "." | "..") && part.bytes().all(is_plain)
}

/// An address of http, without a slash at its end.
fn address(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())?,
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            let is_name = host.chars().all(|one| one.is_alphanumeric() || "._-".contains(one));
            (Some(host).filter(|_| is_name)?, port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    let is_one =
        !host.is_empty() && is_port && !rest.contains(['?', '#', '@', '\\']) && !rest.contains(char::is_whitespace);
    is_one.then(|| url.strip_suffix('/').unwrap_or(url).to_owned())
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
    use super::{ActionsFrom, MOST_CONNECTIONS, actions, check_listen, check_scheme, check_url, keep, public, room};
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

    #[test]
    fn other_addresses_than_loopback_want_a_proxy() {
        assert!(check_listen("127.0.0.1:1".parse().unwrap(), false).is_ok());
        assert!(check_listen("[::1]:1".parse().unwrap(), false).is_ok());
        assert!(check_listen("0.0.0.0:1".parse().unwrap(), true).is_ok());
        let refused = check_listen("0.0.0.0:4600".parse().unwrap(), false).unwrap_err();
        assert!(refused.to_string().contains("--behind-proxy") && refused.to_string().contains("127.0.0.1:4600"));
    }

    #[test]
    fn all_addresses_of_a_machine_want_the_one_that_others_call() {
        for listen in ["0.0.0.0:4600", "[::]:4600"] {
            let listen = listen.parse().unwrap();
            let refused = check_url(listen, None).unwrap_err().to_string();
            assert!(refused.contains("--url") && refused.contains("--listen ADDRESS:4600"), "{refused}");
            assert!(check_url(listen, Some("https://ci.example.org")).is_ok());
        }
        assert!(check_url("192.0.2.1:4600".parse().unwrap(), None).is_ok());
    }

    #[test]
    fn what_speaks_tls_is_called_so() {
        assert!(check_scheme(None).is_ok() && check_scheme(Some("https://ci.example.org")).is_ok());
        let refused = check_scheme(Some("http://ci.example.org/x")).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.to_string().contains("--url https://ci.example.org/x"), "{refused}");
    }

    #[test]
    fn actions_come_from_github_or_where_one_says() {
        assert_eq!(actions(None).unwrap(), ActionsFrom::GitHub);
        assert_eq!(actions(Some("self")).unwrap(), ActionsFrom::Own);
        let other = ActionsFrom::Url("https://git.example.org/x".to_owned());
        assert_eq!(actions(Some("https://git.example.org/x/")).unwrap(), other);
        assert!(actions(Some("git.example.org")).unwrap_err().to_string().contains("self"));
    }

    #[test]
    fn public_addresses() {
        for (url, same) in [
            ("https://ci.example.org/ekiden/", "https://ci.example.org/ekiden"),
            ("http://[::1]:80/a/b_c~d.e-f", "http://[::1]:80/a/b_c~d.e-f"),
            ("http://127.0.0.1:4600", "http://127.0.0.1:4600"),
            ("https://bücher.example", "https://bücher.example"),
        ] {
            assert_eq!(public(url).unwrap(), same);
        }
        for word in ["runners", "login", "queue", "metrics", "healthz", "assets", "api/v1", "API"] {
            let told = public(&format!("https://x.org/{word}")).unwrap_err().to_string();
            assert!(told.contains("pages of its own") && told.contains("https://x.org/ci"), "{told}");
        }
        for path in ["{a}", "*x", "/ci", "../ci", "a/./b", "a//b", "ci//", "a%20b", ":x", "é"] {
            let told = public(&format!("https://x.org/{path}")).unwrap_err().to_string();
            assert!(told.contains("part of its path"), "{told}");
        }
        for wrong in [
            "ci.example.org",
            "https://",
            "https:///x",
            "ftp://x",
            "https://u:p@x",
            "https://x?y",
            "https://x:99999",
            "https://x:0",
            "https://x:",
            "https://[::1",
            "https://a b",
            "https://a\\\\b",
        ] {
            assert!(public(wrong).is_err(), "{wrong}");
        }
    }
}
