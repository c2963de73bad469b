//! Which view a run gets: by what stdout is, and what the flags ask for. Called by [`super::run`].

use crate::args::{ExecArgs, OutputFormat, ProgressMode};
use crate::exec::machine;
use crate::exec::run::Ground;
use crate::failure::Failure;
use crate::style::{self, Palette};
use crate::view::{Aside, Jobs, Jsonl, LogFiles, Plain, Quiet, TailShown, Tree, View};
use std::io::IsTerminal as _;
use std::sync::Arc;
use workflow::plan::Plan;

/// How a run is shown.
pub(super) struct Shown {
    pub(super) view: Box<dyn View>,
    pub(super) tail: TailShown,
    pub(super) aside: Aside,
}

/// The view that the flags and stdout ask for.
pub(super) fn view_for(args: &ExecArgs, ground: &Ground, plans: &[Plan]) -> Result<Shown, Failure> {
    let palette = Palette::stdout();
    let terminal = std::io::stdout().is_terminal();
    let tree = match args.show.progress {
        ProgressMode::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        ProgressMode::Tree => true,
        ProgressMode::Plain => false,
    };
    let limit = ground.settings.log_limit;
    let aside = Aside::Stderr;
    Ok(match args.show.output {
        OutputFormat::Jsonl => Shown { view: Box::new(Jsonl::new()), tail: TailShown::No, aside },
        OutputFormat::Json => Shown { view: Box::new(Quiet), tail: TailShown::No, aside },
        OutputFormat::Text if tree => {
            let files = log_files(ground).map_err(|error| style::warn(format!("logs are not kept: {error}"))).ok();
            let aside = Aside::of_tree();
            let tree = Tree::new(palette, files, limit.on_terminal(), aside.clone(), Arc::clone(&ground.clock));
            Shown { view: Box::new(tree), tail: TailShown::No, aside }
        }
        OutputFormat::Text => {
            let limit = match limit.elsewhere() {
                None => None,
                Some(bytes) => {
                    let files = log_files(ground)
                        .map_err(|error| Failure::platform("could not keep logs in files").cause(&error))?;
                    Some((bytes, files))
                }
            };
            let several = several_jobs(plans);
            let (jobs, tail) = if several { (Jobs::Many, TailShown::Yes) } else { (Jobs::One, TailShown::No) };
            Shown { view: Box::new(Plain::new(palette, style::job_colors(), jobs, limit)), tail, aside }
        }
    })
}

/// Whether more than one job may speak: several jobs, a matrix, or a called workflow.
fn several_jobs(plans: &[Plan]) -> bool {
    let jobs: usize = plans.iter().map(|plan| plan.root.jobs.len()).sum();
    jobs > 1
        || plans.iter().any(|plan| {
            plan.root.jobs.iter().any(|job| job.callee.is_some())
                || plan.root.workflow.jobs.iter().any(|job| job.strategy.is_some())
        })
}

fn log_files(ground: &Ground) -> std::io::Result<LogFiles> {
    let parent = machine::state_folder().join("logs");
    let run = format!("{}-{}", ground.clock.now().0, std::process::id());
    // A job must not fill the disk through its log: a share of what the sandbox may take, or 10 GiB.
    LogFiles::create(&parent, &run, ground.settings.limits.disk.unwrap_or(10 << 30))
}
