//! The file `.runner`, the same for both runners.

use super::{Identity, ImportError, Origin};
use domain::{RunnerLife, Secret};
use serde::Deserialize;

/// What both runners write. Keys that they add do no harm.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct RunnerFile {
    #[serde(rename = "WARNING")]
    warning: String,
    id: i64,
    uuid: String,
    name: String,
    token: String,
    address: String,
    labels: Option<Vec<String>>,
    ephemeral: bool,
}

/// Whose it is, where its own first line says so, and what it holds.
pub(super) fn read(text: &str) -> Result<(Option<Origin>, Identity), ImportError> {
    let file: RunnerFile = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(ImportError::Content)?;
    let warning = file.warning.to_ascii_lowercase();
    let origin = if warning.contains("by forgejo-runner") {
        Some(Origin::Forgejo)
    } else if warning.contains("by gitea") {
        Some(Origin::Gitea)
    } else {
        // Both wrote `act-runner` once.
        None
    };
    let identity = Identity {
        instance: file.address,
        id: file.id,
        name: file.name,
        uuid: file.uuid,
        token: Secret::new(file.token),
        labels: file.labels.unwrap_or_default(),
        life: if file.ephemeral { RunnerLife::Ephemeral } else { RunnerLife::Lasting },
    };
    Ok((origin, identity))
}
