//! `ekiden token`.

use super::connect::{connect, failure};
use super::output::{Cell, Table, ago, length, list};
use super::{Found, pages};
use crate::args::{
    Duration, ListArgs, TokenArgs, TokenCommand, TokenKindName, TokenListArgs, TokenMakeArgs, TokenRotateArgs,
};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Ink, data, note};
use api::{MadeToken, NewToken, RotateToken, Token, TokenKind, TokenState};
use domain::{Clock as _, SystemClock, Timestamp};

/// Runs one of its verbs.
pub(crate) fn run(command: &TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Make(args) => make(args),
        TokenCommand::List(args) => list_all(args),
        TokenCommand::Rotate(args) => rotate(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn make(args: &TokenMakeArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let new = NewToken {
        kind: TokenKind::User,
        name: args.name.clone(),
        scope: Some(args.scope.to_string()),
        rights: args.rights.clone(),
        expires_in_s: args.expires_in.map(|Duration(time)| time.as_secs()),
        uses: None,
        pool: None,
        labels: Vec::new(),
    };
    let made = runtime()?.block_on(client.make_token(&new)).map_err(|error| failure(&error))?;
    say(&made)
}

/// The text goes to stdout, what there is to say about it to stderr.
pub(super) fn say(made: &MadeToken) -> Result<Exit, Failure> {
    data(&format!("{}\n", made.token))?;
    note(format!("token {} ({}); it is shown this once", made.facts.id, made.facts.name));
    Ok(Exit::Ok)
}

fn list_all(args: &TokenListArgs) -> Result<Exit, Failure> {
    let kind = match args.kind {
        TokenKindName::User => TokenKind::User,
        TokenKindName::Registration => TokenKind::Registration,
        TokenKindName::Runner => TokenKind::Runner,
        TokenKindName::Session => TokenKind::Session,
    };
    list_of(kind, &args.list)
}

/// Lists the tokens of a kind.
pub(super) fn list_of(kind: TokenKind, args: &ListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let found = runtime()?.block_on(pages(args.limit, async |page| {
        client.tokens(kind, page).await.map(|found| Found::new(found.tokens, found.total_count))
    }))?;
    let tokens: &[Token] = &found.items;
    list(args.output, tokens, || {
        let opens = if kind == TokenKind::Registration { "REGISTERS" } else { "RIGHTS" };
        let mut table = Table::new(["ID", "NAME", "STATE", "SCOPE", opens, "EXPIRES", "USED", "MADE BY"]);
        for token in tokens {
            table.row([
                token.id.to_string().into(),
                token.name.as_str().into(),
                state(token),
                token.scope.as_str().into(),
                opened(token).into(),
                day(token.expires_at).into(),
                ago(token.used_at).into(),
                token.made_by.as_str().into(),
            ]);
        }
        table
    })?;
    found.say_more();
    Ok(Exit::Ok)
}

/// What a token opens, in a few words.
fn opened(token: &Token) -> String {
    if token.kind != TokenKind::Registration {
        let rights: Vec<&str> = token.rights.iter().map(|right| right.word()).collect();
        return rights.join(",");
    }
    let mut words = vec![match token.uses_left {
        None => "any number".to_owned(),
        Some(uses) => format!("{uses} more"),
    }];
    words.extend(token.pool.as_ref().map(|pool| format!("pool {pool}")));
    if !token.labels.is_empty() {
        words.push(format!("with {}", token.labels.join(",")));
    }
    words.join(", ")
}

fn state(token: &Token) -> Cell {
    match token.state {
        TokenState::Live => Cell::inked("live", Ink::Good),
        TokenState::Grace => Cell::inked("grace", Ink::Warn),
        TokenState::Dead => Cell::inked("dead", Ink::Dim),
    }
}

fn day(at: Option<Timestamp>) -> String {
    let Some(at) = at else { return "never".to_owned() };
    let left = at.since(SystemClock.now());
    // What is soon is told to the minute.
    if left < std::time::Duration::from_hours(48) && at > SystemClock.now() {
        return format!("in {}", length(left));
    }
    api::when::text(at).chars().take(10).collect()
}

pub(super) fn rotate(args: &TokenRotateArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let rotate = RotateToken { grace_s: args.grace.map(|Duration(time)| time.as_secs()) };
    let made = runtime()?.block_on(client.rotate_token(args.token, rotate)).map_err(|error| failure(&error))?;
    say(&made)
}

pub(super) fn revoke(args: &TokenArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let token = runtime()?.block_on(client.revoke_token(args.token)).map_err(|error| failure(&error))?;
    note(format!("token {} ({}) is revoked", token.id, token.name));
    Ok(Exit::Ok)
}
