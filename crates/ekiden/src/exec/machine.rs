//! What this machine gives to a run: default limits, the backend, folders; and what to say about it at the end.

use super::hints::{self, Told};
use crate::args::{BackendName, HostVariablesName, SandboxArgs};
use crate::commands::place;
use crate::failure::Failure;
use crate::style;
use crate::view::{JobRecord, RunRecord};
use domain::Conclusion;
use engine::local::RunReport;
use sandbox::{Backend, Limits, Profile};
use sandbox_local::{Host, HostVariables, Namespaces, Options, Zygote, one_id_only};
use std::path::PathBuf;
use std::sync::Arc;

/// The defaults: 40 % of the memory that is available, 25 % of the disk that is free.
pub(crate) fn limits() -> Limits {
    sandbox_local::default_limits(&Options::default_state())
}

/// Says that jobs will have hardly any room, where the default limit comes from a disk that is nearly full.
pub(crate) fn warn_of_a_full_disk(limits: &Limits) {
    const LITTLE: u64 = 64 << 20;
    if let Some(disk) = limits.disk.filter(|disk| *disk < LITTLE) {
        let (free, state) = (crate::text::bytes(disk.saturating_mul(4)), Options::default_state());
        let job = crate::text::bytes(disk);
        style::warn(format!(
            "only {free} are free where jobs write ({}), and a job may use {job} of it",
            state.display()
        ));
    }
}

/// Where this user's logs lie.
pub(crate) fn state_folder() -> PathBuf {
    place::user_state().unwrap_or_else(|| PathBuf::from("/var/lib")).join("ekiden")
}

/// The backend that was asked for.
pub(crate) fn backend(
    args: &SandboxArgs,
    profile: Profile,
    zygote: Option<Zygote>,
) -> Result<Arc<dyn Backend>, Failure> {
    if let (BackendName::Namespaces, Profile::Root, Some(reason)) = (args.backend, profile, one_id_only()) {
        style::warn(format!(
            "--profile root: jobs have no id but root's, so su, useradd, chown and apt-get fail: {reason}"
        ));
    }
    let variables = match args.host_variables {
        HostVariablesName::Listed => HostVariables::Listed,
        HostVariablesName::None => HostVariables::Nothing,
    };
    let state = Options::default_state();
    let not_ready = |error: sandbox::SandboxError| {
        Failure::platform("could not get ready to run jobs").cause(&error).fix("ekiden doctor")
    };
    match (args.backend, zygote) {
        (BackendName::Host, _) => {
            style::warn("--backend host: jobs run as you, on this machine itself, with no isolation at all");
            Ok(Arc::new(Host::new(&state, variables).map_err(not_ready)?))
        }
        (BackendName::Namespaces, Some(zygote)) => {
            let options = Options { state, variables };
            Ok(Arc::new(Namespaces::new(zygote, &options).map_err(not_ready)?))
        }
        (BackendName::Namespaces, None) => Err(Failure::platform("the zygote was not started")),
    }
}

/// What the end of a run should say beside its summary.
pub(crate) fn remarks(args: &SandboxArgs, record: &RunRecord, reports: &[RunReport]) -> Vec<String> {
    let mut remarks = Vec::new();
    for job in reports.iter().flat_map(|report| &report.jobs) {
        if let Some(fault) = &job.fault {
            remarks.push(format!("{}: a fault of the machine or of ekiden: {fault}", job.name));
        }
    }
    for job in &record.jobs {
        if let Some(kept) = job.receipt.as_ref().and_then(|receipt| receipt.kept.as_ref()) {
            remarks.push(match args.backend {
                BackendName::Namespaces => format!(
                    "the sandbox of {} is kept; to enter it: ekiden sandbox enter {kept}; to remove it: ekiden sandbox remove {kept}",
                    job.name
                ),
                BackendName::Host => format!("the files of {} are kept in {kept}", job.name),
            });
        }
    }
    let failed = |job: &&JobRecord| job.conclusion() == Some(Conclusion::Failure);
    for job in record.jobs.iter().filter(failed) {
        let refused = job.receipt.as_ref().map(|receipt| receipt.refused.as_slice()).unwrap_or_default();
        if let Some(first) = refused.first() {
            let more = if refused.len() > 1 { format!(" and {} more", refused.len() - 1) } else { String::new() };
            remarks.push(format!("{}: connections to {first}{more} were refused; --allow {first} opens one", job.name));
        }
    }
    if let Some((job, step)) = record.first_failure() {
        let lines = step.tail.lines(12);
        let told = job.receipt.as_ref().is_some_and(|receipt| !receipt.refused.is_empty());
        remarks.extend(hints::of_failure(&lines, if told { Told::Refusals } else { Told::Nothing }));
    }
    remarks
}
