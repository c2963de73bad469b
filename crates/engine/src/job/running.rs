//! A job that is being run: what all its steps share.

use super::actions::{Catalog, Origin, Places};
use super::programs::Programs;
use super::request::{GivenContexts, Hooks, JobInFile, Timing};
use super::state::State;
use crate::cancel::CancelSignal;
use crate::events::EventSink;
use crate::output::{Debugging, JobMatchers, RepositoryIdentity};
use domain::{Conclusion, Secret};
use mask::Masker;
use sandbox::Sandbox;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;
use workflow::checkout::{CheckoutSource, CheckoutView};
use workflow::expr::{Object, Value};

/// What all steps of a job share.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) source: JobInFile,
    pub(crate) given: GivenContexts,
    pub(crate) fixed: Fixed,
    pub(crate) sandbox: Box<dyn Sandbox>,
    pub(crate) sink: EventSink,
    pub(crate) masker: Masker,
    pub(crate) debugging: Debugging,
    pub(crate) matchers: JobMatchers,
    pub(crate) identity: RepositoryIdentity,
    /// The job's own signal: the request's, and the job's timeout.
    pub(crate) cancel: CancelSignal,
    pub(crate) hooks: Hooks,
    pub(crate) aliases: Vec<&'static str>,
    pub(crate) timing: Timing,
    pub(crate) state: State,
    pub(crate) catalog: Catalog,
    pub(crate) programs: Arc<Programs>,
    pub(crate) checkout: Option<Checkouts>,
    /// What `$/` means in the job's file.
    pub(crate) origin: Origin,
    /// What it means in the repository of the run.
    pub(crate) own: Origin,
    /// Where the trees of actions lie.
    pub(crate) places: Places,
    /// Where the run's own repository lies for `$/`, once it was placed.
    pub(crate) own_tree: OnceCell<PathBuf>,
    /// Environment below everything that the workflow says: of the sandbox and of the request.
    pub(crate) base_env: Vec<(String, String)>,
    /// Environment of JavaScript actions only.
    pub(crate) action_env: Vec<(String, Secret)>,
    pub(crate) defaults: RunDefaults,
    /// Numbers the files of steps.
    pub(crate) numbers: AtomicU32,
}

/// Contexts and environment that do not change while the job runs.
#[derive(Debug)]
pub(crate) struct Fixed {
    /// `github` without what changes from step to step.
    pub(crate) github: Object,
    pub(crate) runner: Value,
    pub(crate) secrets: Value,
    /// `GITHUB_*` of `github`, and `RUNNER_*`.
    pub(crate) env: Vec<(String, String)>,
}

/// `defaults.run` of the job over those of the workflow, evaluated.
#[derive(Debug, Default)]
pub(crate) struct RunDefaults {
    pub(crate) shell: Option<String>,
    pub(crate) working_directory: Option<String>,
}

/// The built-in checkout and the views that are still unused.
#[derive(Debug)]
pub(crate) struct Checkouts {
    pub(crate) source: Arc<dyn CheckoutSource>,
    trees: Numbers,
    objects: Numbers,
    /// Where the job sees the folder of other repositories.
    pub(crate) repositories: PathBuf,
    /// Where the run's own repository already lies, when it was put there before the first step.
    pub(crate) present: Option<PathBuf>,
}

#[derive(Debug)]
struct Numbers {
    next: AtomicU32,
    end: u32,
}

impl Numbers {
    fn take(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number as usize)
    }
}

impl Checkouts {
    /// A built-in checkout with that many views of each kind in the sandbox.
    pub(crate) fn new(source: Arc<dyn CheckoutSource>, trees: u32, objects: u32, repositories: PathBuf) -> Self {
        let numbers = |end| Numbers { next: AtomicU32::new(0), end };
        Self { source, trees: numbers(trees), objects: numbers(objects), repositories, present: None }
    }

    /// The name of the next unused view; `None` when there is none left.
    pub(crate) fn view(&self, kind: CheckoutView) -> Option<String> {
        let numbers = match kind {
            CheckoutView::WorkingTree => &self.trees,
            CheckoutView::Objects => &self.objects,
        };
        numbers.take().map(|number| kind.name(number))
    }
}

impl Job {
    /// The status of the job now: a cancellation sticks.
    pub(crate) fn status(&self) -> Conclusion {
        if self.cancel.now().is_asked() { Conclusion::Cancelled } else { self.state.status() }
    }

    /// A number for the files of one process.
    pub(crate) fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}
