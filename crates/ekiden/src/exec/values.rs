//! Secrets, variables, environment and inputs of a run, from wherever the command line says they are.

use super::dotenv;
use crate::args::{EnvAssignment, EventArgs, Pair, SecretArg, SecretSource, ValueArgs};
use crate::failure::Failure;
use domain::Secret;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;

/// What workflows read.
#[derive(Debug)]
pub(crate) struct Values {
    /// Secrets by upper-case name; later ones win.
    pub(crate) secrets: Vec<(String, Secret)>,
    /// `vars`.
    pub(crate) vars: BTreeMap<String, String>,
    /// Environment of every step.
    pub(crate) env: Vec<(String, String)>,
}

/// Reads all of them. Asks on the terminal for secrets that are nowhere.
pub(crate) fn read(args: &ValueArgs) -> Result<Values, Failure> {
    let mut secrets: BTreeMap<String, Secret> = BTreeMap::new();
    for path in &args.secret_file {
        let pairs = dotenv::read(path)?;
        secrets.extend(pairs.into_iter().map(|(name, value)| (name.to_uppercase(), Secret::new(value))));
    }
    for arg in &args.secret {
        let arg = arg.read().map_err(|why| Failure::usage(format!("--secret: {why}")))?;
        secrets.insert(arg.name.to_uppercase(), secret(&arg)?);
    }
    if let Some(name) = secrets.keys().find(|name| name.starts_with("GITHUB_") && *name != "GITHUB_TOKEN") {
        return Err(Failure::usage(format!("no secret can be called {name}"))
            .fact("names that begin with GITHUB_ are the server's own; of them only GITHUB_TOKEN, the run's token, is given")
            .fix("give it another name"));
    }
    let mut vars = BTreeMap::new();
    for path in &args.var_file {
        vars.extend(dotenv::read(path)?.into_iter().map(|(name, value)| (name.to_uppercase(), value)));
    }
    vars.extend(args.var.iter().map(|Pair { key, value }| (key.to_uppercase(), value.clone())));
    let mut env = Vec::new();
    for path in &args.env_file {
        env.extend(dotenv::read(path)?);
    }
    for EnvAssignment { name, value } in &args.env {
        let value = match value {
            Some(value) => value.clone(),
            None => std::env::var(name).map_err(|_| {
                Failure::usage(format!(
                    "the environment variable {name} is not set, and --env {name} gives it no value"
                ))
                .fix(format!("--env {name}=VALUE"))
            })?,
        };
        env.push((name.clone(), value));
    }
    Ok(Values { secrets: secrets.into_iter().collect(), vars, env })
}

/// Inputs of `workflow_dispatch`.
pub(crate) fn inputs(args: &EventArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut inputs = BTreeMap::new();
    if let Some(path) = &args.input_file {
        inputs.extend(dotenv::read(path)?);
    }
    inputs.extend(args.input.iter().map(|Pair { key, value }| (key.clone(), value.clone())));
    Ok(inputs)
}

fn secret(arg: &SecretArg) -> Result<Secret, Failure> {
    let name = &arg.name;
    let value = match &arg.source {
        SecretSource::Environment(variable) => std::env::var(variable).map_err(|_| {
            Failure::usage(format!("the secret {name} has no value"))
                .fact(format!("the environment variable {variable} is not set or is no text"))
                .fix(format!("export {variable}=…, or --secret {name}=file:PATH"))
        })?,
        SecretSource::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("could not read the secret {name} from {}", path.display())).cause(&error)
            })?;
            // An editor's last newline is no part of a token.
            text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text).to_owned()
        }
        SecretSource::Ask => match std::env::var(name) {
            Ok(value) => value,
            Err(_) => ask(name)?,
        },
    };
    Ok(Secret::new(value))
}

fn ask(name: &str) -> Result<String, Failure> {
    let term = console::Term::stderr();
    if !std::io::stdin().is_terminal() || !term.is_term() {
        return Err(Failure::usage(format!("the secret {name} has no value"))
            .fact(format!("there is no environment variable {name} and no terminal to ask on"))
            .fix(format!("--secret {name}=env:VAR or --secret {name}=file:PATH")));
    }
    let failed = |error: std::io::Error| Failure::usage(format!("could not read the secret {name}")).cause(&error);
    term.write_str(&format!("{name} (not shown): ")).map_err(failed)?;
    let line = crate::hidden::line();
    term.write_line("").map_err(failed)?;
    line.map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => {
            Failure::new(crate::exit::Exit::Interrupted, "the question was left; nothing was run")
        }
        _ => failed(error),
    })
}
