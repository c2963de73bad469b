//! What `register` was told and `start` must know too, kept in `ekiden.toml` of the agent's folder.

use crate::args::AgentRegisterArgs;
use crate::config::AGENT_FILE;
use crate::failure::Failure;
use crate::style::note;
use agent::Carried;
use std::io::Write as _;
use std::path::Path;

/// Fails where a configuration is there that an import would overwrite.
pub(super) fn must_be_free(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(AGENT_FILE);
    if path.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!("{} is there already, and the import would write it", path.display()))
            .fix("move it away, or give another folder with --data DIR"));
    }
    Ok(())
}

/// Writes `[agent]` with how the forge is reached, how labels are served and what was taken over, where that is not what an agent does by
/// itself. A file that is there already is the user's: they are told what belongs into it.
pub(super) fn settings(folder: &Path, args: &AgentRegisterArgs, carried: Option<&Carried>) -> Result<(), Failure> {
    let broken = |error: &dyn std::error::Error| {
        Failure::platform(format!("could not write the configuration as TOML: {error}"))
    };
    let mut table = match carried {
        Some(carried) => toml::Table::try_from(carried).map_err(|error| broken(&error))?,
        None => toml::Table::new(),
    };
    if let Some(insecure) = args.forge.insecure.filter(|insecure| *insecure) {
        table.insert("insecure".to_owned(), insecure.into());
    }
    if let Some(path) = &args.forge.ca_file {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        table.insert("ca_file".to_owned(), path.to_string_lossy().into_owned().into());
    }
    if args.label.map_docker.is_some() {
        table.insert("map_docker".to_owned(), "sandbox".into());
    }
    if table.is_empty() {
        return Ok(());
    }
    let path = folder.join(AGENT_FILE);
    let whole = toml::Table::from_iter([("agent".to_owned(), toml::Value::Table(table))]);
    let text = toml::to_string(&whole).map_err(|error| broken(&error))?;
    if path.exists() {
        note(format!("{} is there already; see that it has these keys:\n{text}", path.display()));
        return Ok(());
    }
    // Variables of jobs may be secrets: only the owner can read them.
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&path).map_err(|fault| fault.error)
    });
    written.map_err(|error| Failure::platform(format!("could not write {}", path.display())).cause(&error))?;
    note(format!("how it works is in {}", path.display()));
    Ok(())
}
