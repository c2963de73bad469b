//! Joins a plan and everything else into the engine's `LocalRun`, one for each workflow.

use super::event::Occasion;
use super::facts::Facts;
use super::github::{WorkflowFacts, github};
use super::labels;
use super::settings::Settings;
use super::trigger::{self, Inputs};
use super::values::Values;
use crate::args::{BackendName, SandboxArgs};
use crate::commands::whoami::RECEIPT;
use crate::failure::Failure;
use domain::{Clock, JobEvent, Secret};
use engine::cancel::CancelSignal;
use engine::job::{CheckoutRules, CheckoutTime, Keep, RunnerFacts, Timing};
use engine::local::{Labels, LocalRun, Room};
use sandbox::{Backend, Network, Profile, Root, SandboxSpec, Workspace};
use source::{Checkout, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use workflow::expr::Value;
use workflow::plan::Plan;
use workflow::run::{RunInputs, WantedCell, workflow_concurrency};

/// What is the same for all workflows of an `exec`.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The repository.
    pub(crate) facts: Facts,
    /// How jobs run.
    pub(crate) settings: Settings,
    /// What workflows read.
    pub(crate) values: Values,
    /// What happened.
    pub(crate) occasion: Occasion,
    /// Inputs of a dispatch, as given.
    pub(crate) inputs: BTreeMap<String, String>,
    /// Which configurations of matrices run; empty: all.
    pub(crate) cells: Vec<WantedCell>,
    /// Makes sandboxes.
    pub(crate) backend: Arc<dyn Backend>,
    /// Where actions come from.
    pub(crate) store: Arc<Store>,
    /// How a run hears that it shall end.
    pub(crate) cancel: CancelSignal,
    /// The clock.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Ground {
    /// The run of one plan.
    pub(crate) fn run(
        &self,
        plan: Plan,
        args: &SandboxArgs,
        events: mpsc::Sender<JobEvent>,
        room: &Room,
    ) -> Result<LocalRun, Failure> {
        let workflow = Arc::clone(&plan.root.workflow);
        let mut occasion = self.occasion.clone();
        trigger::complete(&workflow, &mut occasion);
        let given = trigger::inputs(&workflow, &self.inputs, &mut occasion)?;
        let name = workflow.name.as_ref().map_or(workflow.path.as_str(), |name| name.value.as_str());
        let run_id = self.clock.now().0 / 1000;
        let context = github(&self.facts, &occasion, WorkflowFacts { name, path: &workflow.path }, run_id);
        let github = Value::from_json(&context);
        let vars = Value::from_json(&serde_json::json!(self.values.vars));
        let inputs = match given {
            Inputs::Known(inputs) => inputs,
            Inputs::Called(called) => called.evaluate(&workflow, &github, &vars)?,
        };
        let (mut secrets, mut token) = (Vec::new(), None);
        for (name, value) in &self.values.secrets {
            if name == "GITHUB_TOKEN" {
                token = Some(value.clone());
            } else {
                secrets.push((name.clone(), value.clone()));
            }
        }
        let checkout = self.checkout(args, &occasion)?;
        let mut environment = self.settings.exposed.env.clone();
        environment.push((RECEIPT.to_owned(), self.receipt(args).to_string()));
        let known = RunInputs { github, vars, inputs, cells: self.cells.clone(), place: None };
        let concurrency = workflow_concurrency(&plan, &known).map_err(Failure::invalid)?;
        Ok(LocalRun {
            ended: Vec::new(),
            own: None,
            masked: Vec::new(),
            aliases: Vec::new(),
            head: Vec::new(),
            plan: Arc::new(plan),
            github: known.github,
            vars: known.vars,
            inputs: known.inputs,
            concurrency,
            cells: known.cells,
            secrets,
            token,
            env: self.values.env.clone(),
            environment,
            action_environment: Vec::<(String, Secret)>::new(),
            runner: RunnerFacts::here("ekiden".to_owned()),
            backend: Arc::clone(&self.backend),
            sandbox: self.spec(args),
            keep: if args.keep { Keep::Failed } else { Keep::Never },
            actions: Arc::clone(&self.store) as Arc<_>,
            hooks: super::hooks::read()?,
            checkout: Some(checkout),
            labels: Labels { served: labels::own().into_iter().chain(self.settings.labels.iter().cloned()).collect() },
            room: room.clone(),
            longest: self.settings.timeout,
            events,
            cancel: self.cancel.clone(),
            timing: Timing::default(),
            clock: Arc::clone(&self.clock),
        })
    }

    /// What `ekiden whoami` tells inside; the whole receipt comes when the job has ended.
    fn receipt(&self, args: &SandboxArgs) -> serde_json::Value {
        let settings = &self.settings;
        let limit = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), crate::text::bytes);
        serde_json::json!({
            "backend": self.backend.name(),
            "profile": match (args.backend, settings.profile) {
                (BackendName::Host, _) => "none",
                (_, Profile::Hardened) => "hardened",
                (_, Profile::Root) => "root",
            },
            "network": match &settings.network {
                _ if args.backend == BackendName::Host => "host",
                Network::Outbound { .. } => "outbound",
                Network::None => "none",
                Network::Host => "host",
            },
            "root": match &settings.root {
                Root::Host => "host".to_owned(),
                Root::Dir(path) => path.display().to_string(),
            },
            "memory": limit(settings.limits.memory),
            "disk": limit(settings.limits.disk),
        })
    }

    fn checkout(&self, args: &SandboxArgs, occasion: &Occasion) -> Result<CheckoutRules, Failure> {
        let Facts { repository, name, server, .. } = &self.facts;
        let checkout = Checkout::new(repository.clone(), name.clone(), server.clone(), Arc::clone(&self.store))
            .map_err(|error| Failure::invalid("could not read what is checked out").cause(&error))?
            .standing_for([occasion.reference.clone(), occasion.sha.clone(), occasion.head_ref.clone()]);
        let when = match (args.bind, args.checkout) {
            (true, _) => CheckoutTime::Present,
            (false, true) => CheckoutTime::First,
            (false, false) => CheckoutTime::Step,
        };
        Ok(CheckoutRules { source: Arc::new(checkout), when })
    }

    /// What every sandbox is made like; the engine fills in names, mounts and views.
    fn spec(&self, args: &SandboxArgs) -> SandboxSpec {
        let (_, name) = self.facts.owner_and_name();
        SandboxSpec {
            name: String::new(),
            root: self.settings.root.clone(),
            profile: self.settings.profile,
            network: self.settings.network.clone(),
            limits: self.settings.limits.clone(),
            repository_name: name.to_owned(),
            workspace: if args.bind { Workspace::Bind(self.facts.repository.top.clone()) } else { Workspace::Empty },
            expose: self.settings.exposed.paths.clone(),
            path: self.settings.exposed.bins.clone(),
            mounts: Vec::new(),
            views: Vec::new(),
            tool_cache: None,
        }
    }
}
