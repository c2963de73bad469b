//! The agent's folder. Called by every verb.

use crate::args::DataArgs;
use crate::commands::place;
use crate::failure::Failure;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Where it is: what was asked for, else `ekiden/agent` in the user's state folder.
pub(crate) fn folder(args: &DataArgs) -> Result<PathBuf, Failure> {
    if let Some(data) = &args.data {
        return std::path::absolute(data)
            .map_err(|error| Failure::usage(format!("--data {} names no folder", data.display())).cause(&error));
    }
    place::user_state()
        .map(|state| state.join("ekiden/agent"))
        .ok_or_else(|| Failure::usage("there is no HOME to keep the agent's folder in").fix("give it with --data DIR"))
}

/// Makes the folder and sees that it can be written, before a forge is asked for a key that could then not be kept.
pub(crate) fn writable(folder: &Path) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        let failure =
            Failure::platform(format!("the agent's folder {} cannot be written", folder.display())).cause(error);
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                failure.fix("make room on its disk, or give another folder with --data DIR")
            }
            _ => failure.fix("run as the user who owns it, or give another folder with --data DIR"),
        }
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
    // A whole block, so that a full disk is heard of.
    let mut probe = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    probe.write_all(&[0; 4096]).and_then(|()| probe.as_file().sync_all()).map_err(|error| failed(&error))
}

/// This machine's name.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "ekiden".to_owned() } else { name.to_owned() }
}
