//! `ekiden runner`.

use super::connect::{connect, failure};
use super::output::{Cell, Table, ago, list};
use super::{Found, pages, token};
use crate::args::{
    Duration, RunnerArgs, RunnerCommand, RunnerDrainArgs, RunnerTokenArgs, RunnerTokenCommand, ScopedListArgs, ServerAt,
};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Ink, data, note};
use api::{Admission, NewToken, Runner, TokenKind};
use std::net::IpAddr;

/// Runs one of its verbs.
pub(crate) fn run(command: &RunnerCommand) -> Result<Exit, Failure> {
    match command {
        RunnerCommand::List(args) => list_all(args),
        RunnerCommand::Drain(args) => drain(args),
        RunnerCommand::Remove(args) => remove(args),
        RunnerCommand::Token(args) => token_of(args),
    }
}

fn list_all(args: &ScopedListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.list.at)?;
    let found = runtime()?.block_on(pages(args.list.limit, async |page| {
        client.runners(&args.scope, page).await.map(|found| Found::new(found.runners, found.total_count))
    }))?;
    let runners: &[Runner] = &found.items;
    list(args.list.output, runners, || {
        let mut table = Table::new(["ID", "NAME", "STATE", "JOBS", "LABELS", "SCOPE", "HEARD", "VERSION"]);
        for runner in runners {
            let labels: Vec<&str> = runner.labels.iter().map(|label| label.name.as_str()).collect();
            table.row([
                runner.id.to_string().into(),
                runner.name.as_str().into(),
                state(runner),
                runner.tasks.len().to_string().into(),
                labels.join(",").into(),
                runner.scope.as_str().into(),
                ago(runner.last_online).into(),
                runner.version.as_str().into(),
            ]);
        }
        table
    })?;
    found.say_more();
    Ok(Exit::Ok)
}

fn state(runner: &Runner) -> Cell {
    match (runner.admission, runner.status.as_str()) {
        (Admission::Draining, _) => Cell::inked("draining", Ink::Warn),
        (Admission::Disabled, _) => Cell::inked("disabled", Ink::Warn),
        (_, "offline") => Cell::inked("offline", Ink::Bad),
        (_, status) => Cell::inked(status, Ink::Good),
    }
}

fn drain(RunnerDrainArgs { runner: args, undo }: &RunnerDrainArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    if *undo {
        let open = api::EditRunner { disabled: Some(false) };
        let runner = runtime()?.block_on(client.edit_runner(&args.scope, args.runner, open));
        note(format!("{} takes jobs again", runner.map_err(|error| failure(&error))?.name));
        return Ok(Exit::Ok);
    }
    let runner = runtime()?.block_on(client.drain_runner(&args.scope, args.runner)).map_err(|error| failure(&error))?;
    note(match runner.tasks.len() {
        0 => format!("{} takes no more jobs", runner.name),
        jobs => format!("{} takes no more jobs; {jobs} in hand go on", runner.name),
    });
    Ok(Exit::Ok)
}

fn remove(args: &RunnerArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    runtime()?.block_on(client.remove_runner(&args.scope, args.runner)).map_err(|error| failure(&error))?;
    note(format!("runner {} is removed", args.runner));
    Ok(Exit::Ok)
}

fn token_of(args: &RunnerTokenArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(RunnerTokenCommand::List(args)) => return token::list_of(TokenKind::Registration, args),
        Some(RunnerTokenCommand::Rotate(args)) => {
            registers(&args.at, args.token)?;
            return token::rotate(args);
        }
        Some(RunnerTokenCommand::Revoke(args)) => {
            registers(&args.at, args.token)?;
            return token::revoke(args);
        }
        None => {}
    }
    let client = connect(&args.at)?;
    let runtime = runtime()?;
    if args.own.is_asked_for() {
        let own = &args.own;
        let new = NewToken {
            kind: TokenKind::Registration,
            name: own.name.clone().unwrap_or_else(|| "registration".to_owned()),
            scope: Some(args.scope.to_string()),
            rights: Vec::new(),
            expires_in_s: own.expires_in.map(|Duration(time)| time.as_secs()),
            uses: own.uses,
            pool: own.pool.clone(),
            labels: own.labels.clone(),
        };
        let made = runtime.block_on(client.make_token(&new)).map_err(|error| failure(&error))?;
        token::say(&made)?;
    } else {
        let made = runtime.block_on(client.registration_token(&args.scope)).map_err(|error| failure(&error))?;
        data(&format!("{}\n", made.token))?;
    }
    let labels = if args.own.labels.is_empty() { "LABEL,…".to_owned() } else { args.own.labels.join(",") };
    note(format!("ekiden agent register --instance {} --token … --labels {labels}", client.url()));
    if is_loopback(client.url()) {
        note(
            "that address is this machine's alone: for others, start the server with --url and --behind-proxy (or with --tls-cert and --tls-key)",
        );
    }
    Ok(Exit::Ok)
}

/// Whether an address leads to the machine itself wherever it is opened.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// A number that is another kind of token's is a slip: it may be the very token that asks.
fn registers(at: &ServerAt, id: i64) -> Result<(), Failure> {
    let client = connect(at)?;
    let known = runtime()?.block_on(pages(u32::MAX, async |page| {
        let found = client.tokens(TokenKind::Registration, page).await;
        found.map(|found| Found::new(found.tokens, found.total_count))
    }))?;
    if known.items.iter().any(|token| token.id == id) {
        return Ok(());
    }
    Err(Failure::not_found(format!("token {id} is none that registers runners"))
        .fix("ekiden runner token list")
        .fix(format!("ekiden token revoke {id}, where it is a person's or a program's")))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn an_address_of_the_machine_itself_is_known() {
        for url in [
            "http://127.0.0.1:4600",
            "http://localhost",
            "http://LOCALHOST:1/x",
            "http://[::1]:4600",
            "http://127.1.2.3",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://ci.example.org",
            "http://192.0.2.1:4600",
            "https://[2001:db8::1]",
            "https://localhost.example.org/",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
