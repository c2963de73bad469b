//! `ekiden audit`.

use super::connect::{connect, failure};
use super::output::{Table, ago, list};
use crate::args::{AuditCommand, AuditListArgs};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use api::AuditQuery;

/// Runs one of its verbs.
pub(crate) fn run(command: &AuditCommand) -> Result<Exit, Failure> {
    let AuditCommand::List(args) = command;
    list_all(args)
}

fn list_all(args: &AuditListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.list.at)?;
    let query = AuditQuery {
        before: None,
        since: args.since.clone(),
        action: args.action.clone(),
        limit: Some(args.list.limit),
    };
    let audit = runtime()?.block_on(client.audit(&query)).map_err(|error| failure(&error))?;
    list(args.list.output, &audit.entries, || {
        let mut table = Table::new(["ID", "WHEN", "WHO", "FROM", "DID", "TO", "DETAIL"]);
        for entry in &audit.entries {
            let detail = if entry.detail.is_null() { String::new() } else { entry.detail.to_string() };
            table.row([
                entry.id.to_string().into(),
                ago(entry.at).into(),
                entry.actor.as_str().into(),
                entry.origin.as_str().into(),
                entry.action.as_str().into(),
                entry.object.as_str().into(),
                detail.into(),
            ]);
        }
        table
    })?;
    Ok(Exit::Ok)
}
