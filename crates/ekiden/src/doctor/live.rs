//! A sandbox made and thrown away: what is really in force here.

use super::{Check, Verdict};
use domain::{Enforcement, Receipt};
use sandbox::{Backend as _, Network, Profile, Root, SandboxError, SandboxSpec, Workspace};
use sandbox_local::{HostVariables, Namespaces, Options, Zygote, ZygoteError, default_limits};

/// Makes one, as `exec` would, and tells each protection.
pub(crate) fn live(zygote: Result<Zygote, ZygoteError>) -> Vec<Check> {
    let failed = |fact: String| {
        let check = Check::lack("sandbox", Verdict::Failure, fact).without("jobs cannot be isolated");
        vec![check.fix("what is wrong above explains it; ekiden exec --backend host isolates nothing")]
    };
    let zygote = match zygote {
        Ok(zygote) => zygote,
        Err(error) => return failed(chain(&error)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(chain(&error)),
    };
    match runtime.block_on(once(zygote)) {
        Ok(receipt) => {
            let time = crate::text::micros(receipt.start_micros);
            let mut checks = vec![Check::ok("sandbox", format!("made in {time}, used and thrown away"))];
            checks.extend(receipt.isolation.iter().map(|isolation| match &isolation.enforcement {
                Enforcement::On { value } if value.is_empty() => Check::ok(isolation.name.as_str(), "in force"),
                Enforcement::On { value } => Check::ok(isolation.name.as_str(), format!("in force: {value}")),
                Enforcement::Soft { value } => Check::ok(isolation.name.as_str(), value.as_str()),
                // What nobody asked for is not missing.
                Enforcement::Off { reason } if reason.contains("none was asked for") => {
                    Check::ok(isolation.name.as_str(), reason.as_str())
                }
                Enforcement::Off { reason } => {
                    Check::lack(isolation.name.as_str(), Verdict::Warning, format!("not in force: {reason}"))
                }
            }));
            checks
        }
        Err(error) => failed(chain(&error)),
    }
}

async fn once(zygote: Zygote) -> Result<Receipt, SandboxError> {
    let state = Options::default_state();
    let options = Options { state: state.clone(), variables: HostVariables::Listed };
    let backend = Namespaces::new(zygote, &options)?;
    let sandbox = backend
        .prepare(SandboxSpec {
            name: format!("doctor-{}", std::process::id()),
            root: Root::Host,
            profile: Profile::Hardened,
            network: Network::Outbound { allow: Vec::new() },
            limits: default_limits(&state),
            repository_name: "doctor".to_owned(),
            workspace: Workspace::Empty,
            expose: Vec::new(),
            path: Vec::new(),
            mounts: Vec::new(),
            views: Vec::new(),
            tool_cache: None,
        })
        .await?;
    sandbox.destroy(false).await
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
