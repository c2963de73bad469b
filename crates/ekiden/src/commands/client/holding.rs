//! `ekiden secret` and `ekiden var`.

use super::connect::{connect, failure};
use super::output::{Table, ago, list};
use super::value::{Wanted, value};
use super::{Found, pages};
use crate::args::{HoldingArgs, HoldingSetArgs, ScopedListArgs, SecretCommand, VarCommand, VarSetArgs};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::note;
use api::{CreateVariable, Secret, SetSecret, Variable};

/// Runs a verb of `secret`.
pub(crate) fn secret(command: &SecretCommand) -> Result<Exit, Failure> {
    match command {
        SecretCommand::Set(args) => set_secret(args),
        SecretCommand::List(args) => list_secrets(args),
        SecretCommand::Remove(args) => remove(args, Kind::Secret),
    }
}

/// Runs a verb of `var`.
pub(crate) fn var(command: &VarCommand) -> Result<Exit, Failure> {
    match command {
        VarCommand::Set(args) => set_variable(args),
        VarCommand::List(args) => list_variables(args),
        VarCommand::Remove(args) => remove(args, Kind::Variable),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Secret,
    Variable,
}

fn set_secret(args: &HoldingSetArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let data = value(args.file.as_deref(), &Wanted::secret(&args.name))?;
    let secret = SetSecret { data, description: args.description.clone() };
    let set = client.set_secret(&args.scope, &args.name, &secret);
    runtime()?.block_on(set).map_err(|error| failure(&error))?;
    note(format!("secret {} of {} is set", args.name, args.scope));
    Ok(Exit::Ok)
}

fn set_variable(args: &VarSetArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let variable = CreateVariable { value: args.value.clone(), description: args.description.clone() };
    let set = client.set_variable(&args.scope, &args.name, &variable);
    runtime()?.block_on(set).map_err(|error| failure(&error))?;
    note(format!("variable {} of {} is set", args.name, args.scope));
    Ok(Exit::Ok)
}

fn list_secrets(args: &ScopedListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.list.at)?;
    let found = runtime()?.block_on(pages(args.list.limit, async |page| {
        client.counted_secrets(&args.scope, page).await.map(Found::from)
    }))?;
    let secrets: &[Secret] = &found.items;
    list(args.list.output, secrets, || {
        let mut table = Table::new(["NAME", "SET", "DESCRIPTION"]);
        for secret in secrets {
            table.row([secret.name.as_str().into(), ago(secret.created_at).into(), secret.description.as_str().into()]);
        }
        table
    })?;
    found.say_more();
    Ok(Exit::Ok)
}

fn list_variables(args: &ScopedListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.list.at)?;
    let found = runtime()?.block_on(pages(args.list.limit, async |page| {
        client.counted_variables(&args.scope, page).await.map(Found::from)
    }))?;
    let variables: &[Variable] = &found.items;
    list(args.list.output, variables, || {
        let mut table = Table::new(["NAME", "VALUE", "DESCRIPTION"]);
        for variable in variables {
            let cells = [&variable.name, &variable.data, &variable.description];
            table.row(cells.map(|text| text.as_str().into()));
        }
        table
    })?;
    found.say_more();
    Ok(Exit::Ok)
}

fn remove(args: &HoldingArgs, kind: Kind) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let (what, removed) = match kind {
        Kind::Secret => ("secret", runtime()?.block_on(client.remove_secret(&args.scope, &args.name))),
        Kind::Variable => ("variable", runtime()?.block_on(client.remove_variable(&args.scope, &args.name))),
    };
    removed.map_err(|error| failure(&error))?;
    note(format!("{what} {} of {} is removed", args.name, args.scope));
    Ok(Exit::Ok)
}
