//! Whether this machine serves what a job asks for.

use super::Labels;
use workflow::run::ReadyJob;

impl Labels {
    /// Why a job cannot run here; `None` when it can.
    pub(super) fn refusal(&self, job: &ReadyJob) -> Option<String> {
        let serves = |wanted: &str| self.served.iter().any(|served| served.eq_ignore_ascii_case(wanted));
        let missing: Vec<&str> = job.labels.iter().map(String::as_str).filter(|label| !serves(label)).collect();
        if let Some(first) = missing.first() {
            let named: Vec<String> = missing.iter().map(|label| format!("'{label}'")).collect();
            return Some(format!(
                "it asks for {}, which this machine does not serve; to run it here all the same: --platform {first}=local",
                named.join(", ")
            ));
        }
        let group = job.group.as_deref().filter(|group| !serves(group))?;
        Some(format!(
            "it asks for the runner group '{group}', which this machine is not in; to run it here all the same: --platform {group}=local"
        ))
    }
}
