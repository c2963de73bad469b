//! The hooks that this machine has around every job, as for the reference runner: files that variables of whoever runs it name.

use crate::failure::Failure;
use engine::job::{Hook, HookShell, Hooks};
use std::path::PathBuf;

/// Reads both.
pub(crate) fn read() -> Result<Hooks, Failure> {
    Ok(Hooks { started: one("ACTIONS_RUNNER_HOOK_JOB_STARTED")?, completed: one("ACTIONS_RUNNER_HOOK_JOB_COMPLETED")? })
}

fn one(variable: &str) -> Result<Option<Hook>, Failure> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    let Some(shell) = HookShell::of(&path) else {
        return Err(Failure::usage(format!("{variable} names {}, which is no script", path.display()))
            .fix("its name must end in .sh or .ps1"));
    };
    let script = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("could not read the hook {} ({variable})", path.display())).cause(&error)
    })?;
    Ok(Some(Hook { script: script.into(), shell }))
}
