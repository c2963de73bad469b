//! How a task stood, in a file, so that the agent that starts after a crash can end it. Called by `reporter`, which writes it before the forge
//! hears of a step and before it hears of the end, and by `abandon`.

use domain::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "state.json";
const NEW_FILE: &str = "state.new";

/// How a task stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) started: Timestamp,
    /// How many rows its log had, those included that the forge did not have.
    pub(super) rows: u64,
    pub(super) steps: Vec<StepRecord>,
    /// How the job ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<JobEnd>,
}

/// How a job ended. What the log says of it is among its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobEnd {
    /// By its own word.
    Concluded { at: Timestamp, conclusion: Conclusion, outputs: BTreeMap<String, String> },
    /// The platform failed it.
    Fault { at: Timestamp },
}

impl JobEnd {
    /// When it ended.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Concluded { at, .. } | Self::Fault { at } => *at,
        }
    }
}

/// How a step stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepRecord {
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Ended>,
    pub(super) log_index: u64,
    pub(super) log_length: u64,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) conclusion: Conclusion,
    pub(super) at: Timestamp,
}

impl Record {
    /// Writes it into the folder of the task.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let mut options = std::fs::OpenOptions::new();
        // Outputs are the job's own business.
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let open = || fs_err::OpenOptions::from_options(options.clone()).open(folder.join(NEW_FILE));
        let mut file = match open() {
            Ok(file) => file,
            Err(_) => {
                fs_err::create_dir_all(folder)?;
                open()?
            }
        };
        file.write_all(&text)?;
        fs_err::rename(folder.join(NEW_FILE), folder.join(FILE))
    }

    /// Reads it; `None` where there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs_err::read(folder.join(FILE)).ok()?).ok()
    }
}
