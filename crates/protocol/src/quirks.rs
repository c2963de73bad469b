//! Where peers differ from each other and from what the schema promises: each rule with the peer and version it is for.
//!
//! Behaviour follows what a peer sends, never its version alone: versions are told here so that a rule can be dropped one day.

use crate::call::{Declaration, Fetch, Want};
use crate::error::{Code, Refusal};
use crate::packed::{BatchWriter, PackedBatch};
use domain::{LogBatch, LogEnd, LogRow, TasksVersion, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// The two families of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Gitea and its runner (`act_runner`, later `gitea-runner`).
    Gitea,
    /// Forgejo and its runner.
    Forgejo,
}

impl Dialect {
    /// A forge, by what `GET /api/v1/version` says: Forgejo adds the Gitea that it is like (`11.0.1+gitea-1.22.0`).
    #[must_use]
    pub fn of_version(version: &str) -> Self {
        if version.contains("+gitea-") || version.to_ascii_lowercase().contains("forgejo") {
            Self::Forgejo
        } else {
            Self::Gitea
        }
    }

    /// A forge, by the context of a task: Forgejo writes names of its own beside Gitea's. `None` where neither is there.
    #[must_use]
    pub fn of_context(context: &Map<String, Value>) -> Option<Self> {
        if context.keys().any(|key| key.starts_with("forgejo_")) {
            Some(Self::Forgejo)
        } else {
            context.keys().any(|key| key.starts_with("gitea_")).then_some(Self::Gitea)
        }
    }

    /// An agent, by a fetch: only Forgejo's sends a request key, a capacity or a handle (runner from 12.4).
    #[must_use]
    pub fn of_fetch(fetch: &Fetch) -> Option<Self> {
        (fetch.key.is_some() || fetch.want != Want::One).then_some(Self::Forgejo)
    }

    /// An agent, by what it declares: only Gitea's has capabilities (runner from 2.0).
    #[must_use]
    pub fn of_declaration(declaration: &Declaration) -> Option<Self> {
        (!declaration.capabilities.is_empty()).then_some(Self::Gitea)
    }
}

/// Looks a value up that Forgejo names `forgejo_X` and, for old agents, `gitea_X` too.
#[must_use]
pub fn context_value<'a>(context: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    [format!("forgejo_{name}"), format!("gitea_{name}")].iter().find_map(|key| context.get(key))
}

/// Whether a refusal says that the credentials are bad for good.
///
/// Gitea, all versions to 1.27: its handlers return gRPC statuses that its Connect library does not know, so each leaves as `unknown`, 500, with
/// the code in the text: `rpc error: code = Unauthenticated desc = unregistered runner`. Forgejo sends a real 401.
#[must_use]
pub fn is_bad_credentials(refusal: &Refusal) -> bool {
    const TEXTS: [&str; 6] = [
        "code = Unauthenticated",
        "unregistered runner",
        // An ephemeral runner that had its task (Gitea from 1.24).
        "runner has been removed",
        "runner registration token not found",
        "runner registration token has been invalidated",
        "of the token not found",
    ];
    refusal.code == Code::Unauthenticated || TEXTS.iter().any(|text| refusal.message.contains(text))
}

/// Whether a refusal of log rows says that the log was filed away: 409 from Forgejo, `unknown` with the code in the text from Gitea. A Gitea
/// (1.27.3) whose caller goes away while it files a log has removed the file and does not know it: it never takes a row again.
#[must_use]
pub fn is_log_closed(refusal: &Refusal) -> bool {
    let is_filed = refusal.message.contains("log file has been archived")
        && (refusal.code == Code::AlreadyExists || refusal.message.contains("AlreadyExists"));
    let is_gone =
        ["dbfs.OpenFile", "actions_log/", "file does not exist"].iter().all(|part| refusal.message.contains(part));
    is_filed || is_gone
}

/// The last batch of a log. Gitea before 1.26.2 and every Forgejo return early from a last call without rows and never file the log away, so
/// one empty row stands for them; `at` is its time.
#[must_use]
pub fn last_batch(mut batch: LogBatch, at: Timestamp) -> LogBatch {
    if batch.rows.is_empty() {
        batch.rows.push(LogRow { at, content: String::new() });
    }
    batch.end = LogEnd::Last;
    batch
}

/// As [`last_batch`], for a batch that is being written.
#[must_use]
pub fn last_packed(mut writer: BatchWriter, at: Timestamp) -> PackedBatch {
    if writer.is_empty() {
        writer.push(at, "");
    }
    writer.finish(LogEnd::Last)
}

/// Whether a refusal says that a task is not this runner's, or that there is no such task any more (its repository was removed). Both forges
/// say it as a fault of their own, with these words.
#[must_use]
pub fn is_task_gone(refusal: &Refusal) -> bool {
    let is_gone = ["get task", "update task"].iter().any(|call| refusal.message.contains(call))
        && refusal.message.contains("resource does not exist");
    is_gone || refusal.message.contains("invalid runner for task")
}

/// The count that an agent remembers after a fetch without error. After a task both forges want to be asked anew; a 0 comes from a forge
/// that does not count (Gitea before 1.20), or with a repeated answer to a request key (Forgejo from v15).
#[must_use]
pub fn version_after(known: TasksVersion, answered: TasksVersion, tasks: usize) -> TasksVersion {
    if tasks > 0 { TasksVersion::UNKNOWN } else { known.max(answered) }
}

/// Longest name and value of an output. Both forges drop longer ones without a word and never acknowledge them.
pub const OUTPUT_NAME_MAX: usize = 255;
/// See [`OUTPUT_NAME_MAX`].
pub const OUTPUT_VALUE_MAX: usize = 1024 * 1024;
/// Longest log line that both forges store, in bytes; the rest of a longer one is cut off.
pub const LOG_LINE_MAX: usize = 64 * 1024;

/// Splits outputs into those that a forge will store and the names of those that it would drop.
#[must_use]
pub fn storable_outputs(outputs: BTreeMap<String, String>) -> (BTreeMap<String, String>, Vec<String>) {
    let (good, bad): (BTreeMap<_, _>, BTreeMap<_, _>) =
        outputs.into_iter().partition(|(name, value)| name.len() <= OUTPUT_NAME_MAX && value.len() <= OUTPUT_VALUE_MAX);
    (good, bad.into_keys().collect())
}

/// Labels of agents from before the field `labels` (Gitea 1.20 and older): two lists that count as one.
pub(crate) fn labels_of_old_agents(labels: Vec<String>, agent: Vec<String>, custom: Vec<String>) -> Vec<String> {
    if labels.is_empty() { agent.into_iter().chain(custom).collect() } else { labels }
}

/// The shortest pause between fetches that an instance asks for, whatever is configured.
#[must_use]
pub fn least_fetch_interval(host: &str) -> Option<Duration> {
    // Forgejo's own runner has this instance written into it.
    (host == "codeberg.org" || host.ends_with(".codeberg.org")).then_some(Duration::from_secs(30))
}

/// The header in which Gitea (from 1.27) answers `Declare` with what it can do.
pub(crate) const CAPABILITIES_HEADER: &str = "x-gitea-actions-capabilities";

/// Reads that header: words, separated by commas.
pub(crate) fn capabilities_of_forge(header: &str) -> Vec<String> {
    header.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
