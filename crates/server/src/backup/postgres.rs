//! PostgreSQL's own tools. Called by `make` and `restore`.

use super::error::ToolError;
use super::stop::Stop;
use percent_encoding::percent_decode_str;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// So much of what a tool says is told.
const SAID: usize = 2000;

/// Dumps a database to a file, its user's alone.
pub(super) async fn dump(url: &str, into: &Path, stop: &Stop) -> Result<(), ToolError> {
    let made = std::fs::File::options().write(true).create_new(true).mode(0o600).open(into);
    made.map_err(|source| ToolError::Start { tool: "pg_dump", source })?;
    let mut command = tool("pg_dump", url);
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--file"]).arg(into);
    run("pg_dump", command, stop).await
}

/// Fills an empty database from a dump: all of it, or nothing.
pub(super) async fn load(url: &str, from: &Path, stop: &Stop) -> Result<(), ToolError> {
    let mut command = tool("pg_restore", url);
    command.args(["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]).arg(from);
    run("pg_restore", command, stop).await
}

/// The password goes by the environment: every user of the machine sees a command line.
fn tool(name: &str, url: &str) -> Command {
    let (address, password) = without_password(url);
    let mut command = Command::new(name);
    command
        .arg("--no-password")
        .arg("--dbname")
        .arg(address)
        .env("LC_ALL", "C")
        // Ctrl-C is heard here, and it is ended from here.
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command
}

async fn run(tool: &'static str, mut command: Command, stop: &Stop) -> Result<(), ToolError> {
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ToolError::Missing { tool }),
        Err(source) => return Err(ToolError::Start { tool, source }),
    };
    let output = tokio::select! {
        output = child.wait_with_output() => output.map_err(|source| ToolError::Start { tool, source })?,
        () = stop.heard() => return Err(ToolError::Ended { tool }),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(ToolError::Failed { tool, said: said.trim().chars().take(SAID).collect() })
}

/// A URL without its password, and the password.
fn without_password(url: &str) -> (String, Option<String>) {
    let whole = || (url.to_owned(), None);
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let (authority, tail) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let Some((who, host)) = authority.rsplit_once('@') else { return whole() };
    let Some((user, password)) = who.split_once(':') else { return whole() };
    let password = percent_decode_str(password).decode_utf8_lossy().into_owned();
    (format!("{scheme}://{user}@{host}{tail}"), Some(password))
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_leaves_the_url() {
        let of = |url| without_password(url);
        assert_eq!(of("postgres://u:p%40w@h:1/d?x=1"), ("postgres://u@h:1/d?x=1".to_owned(), Some("p@w".to_owned())));
        for none in ["postgres://u@h/d", "postgres://h/d", "postgres:///d?host=/run", "x"] {
            assert_eq!(of(none), (none.to_owned(), None));
        }
    }
}
