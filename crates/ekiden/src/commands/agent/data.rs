//! The agent's folder. Called by every verb.

use crate::args::DataArgs;
use crate::failure::Failure;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where it is: what was asked for, else `ekiden/agent` in the user's state folder.
pub(crate) fn folder(args: &DataArgs) -> Result<PathBuf, Failure> {
    if let Some(data) = &args.data {
        return std::path::absolute(data)
            .map_err(|error| Failure::usage(format!("--data {} names no folder", data.display())).cause(&error));
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("ekiden/agent"))
        .ok_or_else(|| Failure::usage("there is no HOME to keep the agent's folder in").fix("give it with --data DIR"))
}
