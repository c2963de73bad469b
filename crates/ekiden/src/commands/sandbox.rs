//! `ekiden sandbox`: the sandboxes that `exec --keep` has kept.

use crate::args::{
    PlainFormat, SandboxCommand, SandboxEnterArgs, SandboxListArgs, SandboxPruneArgs, SandboxRemoveArgs,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{data, note};
use sandbox_local::{HostVariables, Kept, Namespaces, Options, Zygote, ZygoteError, kept, remove_kept};
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs one of its verbs. `zygote` was started before anything else, for `enter`.
pub(crate) fn run(command: &SandboxCommand, zygote: Option<Result<Zygote, ZygoteError>>) -> Result<Exit, Failure> {
    match command {
        SandboxCommand::Enter(args) => enter(args, zygote),
        SandboxCommand::List(args) => list(args),
        SandboxCommand::Remove(args) => remove(args),
        SandboxCommand::Prune(args) => prune(args),
    }
}

fn enter(args: &SandboxEnterArgs, zygote: Option<Result<Zygote, ZygoteError>>) -> Result<Exit, Failure> {
    if !all().iter().any(|kept| kept.name == args.name) {
        return Err(missing(&args.name));
    }
    let zygote = zygote
        .transpose()
        .map_err(|error| Failure::platform("could not start the process that makes sandboxes").cause(&error))?
        .ok_or_else(|| Failure::platform("the zygote was not started"))?;
    let failed = |error: sandbox::SandboxError| {
        Failure::platform(format!("could not enter the sandbox {}", args.name)).cause(&error)
    };
    let options = Options { state: Options::default_state(), variables: HostVariables::Listed };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::platform("could not start the runtime").cause(&error))?;
    let backend = Namespaces::new(zygote, &options).map_err(failed)?;
    let code = runtime.block_on(backend.enter(&args.name, args.command.clone())).map_err(failed)?;
    runtime.shutdown_background();
    // A shell ends with the code of its last command, which is nobody's failure.
    Ok(if code == 0 || args.command.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn list(args: &SandboxListArgs) -> Result<Exit, Failure> {
    let all = all();
    let text = match args.output {
        PlainFormat::Json => {
            let listed: Vec<serde_json::Value> = all.iter().map(json).collect();
            serde_json::json!({ "sandboxes": listed }).to_string() + "\n"
        }
        PlainFormat::Text => {
            let width = all.iter().map(|kept| kept.name.len()).max().unwrap_or(0);
            let mut text = String::new();
            for kept in &all {
                let age = crate::text::micros(micros(kept));
                // Writing to a string cannot fail.
                let _never = writeln!(
                    text,
                    "{:width$}  {:8}  {age:>9} ago  {}  {}",
                    kept.name,
                    kept.profile,
                    kept.title,
                    kept.folder.display()
                );
            }
            text
        }
    };
    data(&text)?;
    Ok(Exit::Ok)
}

fn json(kept: &Kept) -> serde_json::Value {
    let at = kept.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    serde_json::json!({
        "name": kept.name,
        "job": kept.title,
        "profile": kept.profile,
        "kept_at": at,
        "folder": kept.folder.display().to_string(),
    })
}

fn remove(args: &SandboxRemoveArgs) -> Result<Exit, Failure> {
    let all = all();
    for name in &args.names {
        if !all.iter().any(|kept| kept.name == *name) {
            return Err(missing(name));
        }
        discard(name)?;
    }
    Ok(Exit::Ok)
}

fn prune(args: &SandboxPruneArgs) -> Result<Exit, Failure> {
    let most = args.older_than.0.as_micros();
    let old: Vec<Kept> = all().into_iter().filter(|kept| u128::from(micros(kept)) >= most).collect();
    for kept in &old {
        discard(&kept.name)?;
    }
    note(format!("removed {} kept sandboxes", old.len()));
    Ok(Exit::Ok)
}

fn all() -> Vec<Kept> {
    kept(&Options::default_state())
}

fn discard(name: &str) -> Result<(), Failure> {
    remove_kept(&Options::default_state(), name)
        .map_err(|error| Failure::platform(format!("could not remove the sandbox {name}")).cause(&error))
}

fn missing(name: &str) -> Failure {
    let names: Vec<String> = all().into_iter().map(|kept| kept.name).collect();
    let fact = if names.is_empty() { "none is kept".to_owned() } else { format!("kept are: {}", names.join(", ")) };
    Failure::not_found(format!("no sandbox {name} is kept"))
        .fact(fact)
        .fix("ekiden exec --keep keeps those of jobs that fail")
}

/// How long ago it was kept.
fn micros(kept: &Kept) -> u64 {
    let age = SystemTime::now().duration_since(kept.at).unwrap_or_default();
    u64::try_from(age.as_micros()).unwrap_or(u64::MAX)
}
