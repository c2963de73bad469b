//! What `register` was told and `start` must know too, kept in `ekiden.toml` of the agent's folder.

use crate::args::AgentRegisterArgs;
use crate::config::AGENT_FILE;
use crate::failure::Failure;
use crate::style::note;
use std::path::Path;

/// Writes `[agent]` with how the forge is reached and how labels are served, where that is not what an agent does by itself. A file that is
/// there already is the user's: they are told what belongs into it.
pub(super) fn settings(folder: &Path, args: &AgentRegisterArgs) -> Result<(), Failure> {
    let mut table = toml::Table::new();
    if args.forge.insecure.unwrap_or(false) {
        table.insert("insecure".to_owned(), true.into());
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
    let text = toml::Table::from_iter([("agent".to_owned(), toml::Value::Table(table))]).to_string();
    if path.exists() {
        note(format!("{} is there already; see that it has these keys:\n{text}", path.display()));
        return Ok(());
    }
    std::fs::write(&path, text)
        .map_err(|error| Failure::platform(format!("could not write {}", path.display())).cause(&error))
}
