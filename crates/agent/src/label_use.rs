//! Which labels jobs asked for, and when last: so that a person can be told of those that nobody needs. Written by `slots`, read by the
//! command `doctor`.

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A label's time is written again after this many milliseconds, so that a busy agent does not write for each job.
const STALE: u64 = 3_600_000;
const NAME: &str = "labels.json";

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelUse {
    /// Since when this is noted.
    pub since: Option<Timestamp>,
    /// When a job last asked for a label, within an hour.
    pub last: BTreeMap<String, Timestamp>,
}

impl LabelUse {
    /// What is noted in an agent's folder; nothing where the file is missing or broken, for it is only advice.
    #[must_use]
    pub fn read(data: &Path) -> Self {
        fs_err::read(data.join(NAME)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }
}

/// The notes of a running agent.
#[derive(Debug)]
pub(crate) struct LabelNotes {
    data: PathBuf,
    known: LabelUse,
}

impl LabelNotes {
    pub(crate) fn open(data: &Path, now: Timestamp) -> Self {
        let mut notes = Self { data: data.to_owned(), known: LabelUse::read(data) };
        if notes.known.since.is_none() {
            notes.known.since = Some(now);
            notes.write();
        }
        notes
    }

    /// A job asked for these. Only those that the runner serves are kept: what a payload says is not to fill the disk.
    pub(crate) fn seen<'a>(&mut self, labels: impl Iterator<Item = &'a str>, now: Timestamp) {
        let mut is_news = false;
        for label in labels {
            let last = self.known.last.get(label);
            if last.is_none_or(|last| now.0.saturating_sub(last.0) >= STALE) {
                self.known.last.insert(label.to_owned(), now);
                is_news = true;
            }
        }
        if is_news {
            self.write();
        }
    }

    fn write(&self) {
        let written = tempfile::NamedTempFile::new_in(&self.data).and_then(|mut file| {
            file.write_all(&serde_json::to_vec(&self.known)?)?;
            file.persist(self.data.join(NAME)).map_err(|fault| fault.error)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "which labels are asked for could not be noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelNotes, LabelUse, STALE};
    use domain::Timestamp;

    #[test]
    fn each_label_has_its_last_time() {
        let data = tempfile::tempdir().unwrap();
        let mut notes = LabelNotes::open(data.path(), Timestamp(5));
        notes.seen(["a", "b"].into_iter(), Timestamp(10));
        notes.seen(["a"].into_iter(), Timestamp(20));
        let first = LabelUse::read(data.path());
        assert_eq!((first.since, first.last["a"], first.last["b"]), (Some(Timestamp(5)), Timestamp(10), Timestamp(10)));
        LabelNotes::open(data.path(), Timestamp(30)).seen(["a"].into_iter(), Timestamp(10 + STALE));
        let then = LabelUse::read(data.path());
        assert_eq!((then.since, then.last["a"]), (Some(Timestamp(5)), Timestamp(10 + STALE)));
        std::fs::write(data.path().join("labels.json"), "{").unwrap();
        assert_eq!(LabelUse::read(data.path()), LabelUse::default());
    }
}
