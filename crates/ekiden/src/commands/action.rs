//! `ekiden action`: the store of actions.

use crate::args::{ActionCommand, ActionFetchArgs, ActionListArgs, ActionPruneArgs, PlainFormat, StoreArgs};
use crate::exec::{settings, stores, trust};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{data, note, report, warn};
use crate::{config, text};
use source::Store;
use source::store::Prune;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use workflow::action_source::{ActionRef, ActionSource as _};

const SERVER: &str = "https://github.com";

/// Runs one of its verbs.
pub(crate) fn run(command: &ActionCommand) -> Result<Exit, Failure> {
    match command {
        ActionCommand::Fetch(args) => fetch(args),
        ActionCommand::List(args) => list(args),
        ActionCommand::Prune(args) => prune(args),
    }
}

fn open(args: &StoreArgs, directory: &Path) -> Result<Arc<Store>, Failure> {
    let (mut table, mut notices) = (config::load(directory)?.actions, Vec::new());
    trust::actions(&mut table, args, directory, &mut notices);
    for notice in &notices {
        warn(notice);
    }
    stores::open(&settings::actions(args, &table), SERVER, None)
}

fn fetch(args: &ActionFetchArgs) -> Result<Exit, Failure> {
    let wanted = args.actions.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let store = open(&args.store, &args.directory)?;
    let mut exit = Exit::Ok;
    for (text, action) in args.actions.iter().zip(&wanted) {
        match store.fetch(action) {
            Ok(fetched) => {
                if let Some(remark) = &fetched.notice {
                    note(remark);
                }
                data(&format!("{text}  {}  {}  (from {})\n", fetched.commit, fetched.tree.display(), fetched.from))?;
            }
            Err(unavailable) => {
                let mut failure = Failure::new(Exit::Unreachable, format!("could not get {}", unavailable.action));
                failure.facts = unavailable.tried;
                report(&failure.fix("--action-mirror URL names another place to ask"));
                exit = Exit::Unreachable;
            }
        }
    }
    Ok(exit)
}

/// `owner/repo[/path]@ref`.
fn parse(text: &str) -> Result<ActionRef, Failure> {
    let wrong = || {
        Failure::usage(format!("'{text}' names no action"))
            .fix("write owner/repo@ref or owner/repo/path@ref: ekiden action fetch actions/setup-node@v4")
    };
    let (host, rest) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (host, rest) = rest.split_once('/').ok_or_else(wrong)?;
            (Some(format!("{scheme}://{host}")), rest)
        }
        None => (None, text),
    };
    let (place, reference) = rest.rsplit_once('@').ok_or_else(wrong)?;
    let mut parts = place.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(owner), Some(name), path) if !owner.is_empty() && !name.is_empty() && !reference.is_empty() => {
            Ok(ActionRef {
                host,
                repository: format!("{owner}/{name}"),
                path: path.unwrap_or_default().to_owned(),
                reference: reference.to_owned(),
            })
        }
        _ => Err(wrong()),
    }
}

fn list(args: &ActionListArgs) -> Result<Exit, Failure> {
    let store = open(&args.store, &args.directory)?;
    let trees = store.list().map_err(|error| Failure::platform("could not read the store of actions").cause(&error))?;
    match args.output {
        PlainFormat::Json => data(&(serde_json::json!({ "actions": trees }).to_string() + "\n"))?,
        PlainFormat::Text => {
            let mut out = String::new();
            for tree in &trees {
                let references = if tree.references.is_empty() { "-".to_owned() } else { tree.references.join(", ") };
                let short = tree.commit.as_str().get(..12).unwrap_or_default();
                let size = text::bytes(tree.bytes);
                let _never =
                    writeln!(out, "{:40} {references:16} {short}  {size:>10}  from {}", tree.repository, tree.from);
            }
            data(&out)?;
            note(format!(
                "{} in {}",
                if trees.is_empty() { "nothing".to_owned() } else { format!("{} trees", trees.len()) },
                store.root().display()
            ));
        }
    }
    Ok(Exit::Ok)
}

fn prune(args: &ActionPruneArgs) -> Result<Exit, Failure> {
    let store = open(&args.store, &args.directory)?;
    let pruned = store
        .prune(Prune::UnusedFor(args.older_than.0))
        .map_err(|error| Failure::platform("could not remove from the store of actions").cause(&error))?;
    let kept = if pruned.in_use > 0 { format!("; {} are in use and stay", pruned.in_use) } else { String::new() };
    data(&format!(
        "removed {} trees and {} repositories, {}{kept}\n",
        pruned.trees,
        pruned.repositories,
        text::bytes(pruned.bytes)
    ))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_action_is_named_as_in_a_workflow() {
        let action = parse("actions/cache/save@v4").unwrap();
        assert_eq!(
            (action.repository.as_str(), action.path.as_str(), action.reference.as_str()),
            ("actions/cache", "save", "v4")
        );
        let action = parse("https://git.example/a/b@main").unwrap();
        assert_eq!((action.host.as_deref(), action.repository.as_str()), (Some("https://git.example"), "a/b"));
        for wrong in ["actions/cache", "cache@v4", "a/b@", "/b@v1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
