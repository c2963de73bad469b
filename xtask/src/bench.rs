//! `cargo xtask bench`: every bench of the workspace, one after the other; each prints its medians and ratios.

use crate::workspace::{Workspace, cargo};
use crate::{Outcome, run as run_command, say};
use anyhow::Result;

pub(crate) fn run(names: &[String]) -> Result<Outcome> {
    let workspace = Workspace::load()?;
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        let now: f64 = load.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
        if now > 0.5 {
            say(&format!("note: the machine is busy (load {now}); figures will be worse than they are"));
        }
    }
    let mut found = false;
    for package in &workspace.packages {
        for target in package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench")) {
            let name = format!("{}/{}", package.short_name(), target.name);
            if names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str())) {
                found = true;
                say(&format!("\n== {name}"));
                run_command(cargo().args(["bench", "--quiet", "--package", &package.name, "--bench", &target.name]))?;
            }
        }
    }
    anyhow::ensure!(found, "no bench of such a name");
    Ok(Outcome::Good)
}
