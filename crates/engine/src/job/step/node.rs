//! A JavaScript action (`execution-semantics` 3.9).

use super::leaf::{self, Program};
use super::uses::{Use, head};
use super::{At, Attempt, Running, StepError, condition, facts};
use crate::job::contexts::Phase;
use crate::job::environment::{ActionExtras, input_variable};
use crate::job::guard::BoxFuture;
use crate::job::node::Choice;
use workflow::model::NodeRuns;

pub(super) fn run<'a>(at: At<'a>, using: Use<'a>, runs: &'a NodeRuns) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        let file = match at.phase {
            Phase::Pre => runs.pre.as_deref(),
            Phase::Main => Some(runs.main.as_str()),
            Phase::Post => runs.post.as_deref(),
        };
        let Some(file) = file else { return Ok(Attempt::new(domain::Conclusion::Success)) };
        let full_name = at.frame.full_name(&using.step.id);
        let state = at.job.state.saved(&full_name);
        at.log
            .say(&match at.phase {
                Phase::Post => "Post job cleanup.".to_owned(),
                Phase::Pre | Phase::Main => head(&using.name, &using.inputs, using.env, &state),
            })
            .await;
        let choice = at.job.programs.node(at.job, runs.major).await?;
        if let (Choice::Newer(node), Phase::Main) = (&choice, at.phase) {
            at.log
                .notice(&format!(
                    "'{}' asks for Node.js {}; it runs on {} ({})",
                    using.name, runs.major, node.version, node.path
                ))
                .await;
        }
        let mut github = facts(&at, using.step);
        github.action_repository.clone_from(&using.action.repository);
        github.action_ref.clone_from(&using.action.reference);
        github.files = leaf::command_files(at.job);
        let extras = ActionExtras {
            inputs: using.inputs.iter().map(|(name, value)| (input_variable(name), value.clone())).collect(),
            state: state.into_iter().map(|(name, value)| (format!("STATE_{name}"), value)).collect(),
            // It would point the node here to data of another one.
            without: &["NODE_ICU_DATA"],
            services: at.job.action_env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        };
        let argv = vec![choice.node().path.clone(), format!("{}/{}", using.action.folder.trim_end_matches('/'), file)];
        let cwd = at.job.sandbox.layout().workspace.clone();
        let condition = condition(using.step, at.phase, Some(using.action));
        let running = Running { at, step: using.step, condition, env: &using.env.all };
        let process =
            leaf::ProcessSpec { programs: vec![Program { argv }], cwd, files: Vec::new(), github: &github, extras };
        let ended = leaf::run(&at, using.env, process, &running).await?;
        Ok(leaf::finish(&at, using.step, ended).await)
    })
}
