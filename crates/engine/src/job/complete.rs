//! "Complete job": the outputs, the environment's address, the end of the sandbox.

use super::contexts::{GithubFacts, Phase, StepScope};
use super::environment::{ActionExtras, of_process};
use super::frame::Frame;
use super::running::Job;
use super::set_up::normal;
use crate::output::StepLog;
use domain::Conclusion;
use sandbox::Entrance;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a person who enters the kept sandbox finds: the job's own environment, as a next step would get it. What holds a secret
/// is left out, since it is written to disk.
pub(super) fn entrance(job: &Job) -> Entrance {
    let mut env = of_process(job, &job.state.env(), &GithubFacts::default(), ActionExtras::default());
    env.retain(|(_, value)| !job.masker.holds_secret(value));
    let layout = job.sandbox.layout();
    let title = job.fixed.github.get("job").map(|id| id.to_text().into_owned()).unwrap_or_default();
    Entrance { title, env, cwd: layout.workspace.clone() }
}

/// Evaluates the outputs of the job, after a failure too. What holds a secret is left out.
pub(crate) async fn outputs(job: &Job, log: &StepLog) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let workflow = Arc::clone(&job.source.workflow);
    let Ok(normal) = normal(&workflow, job.source.index) else { return outputs };
    let (frame, github, env) = (Frame::job(), GithubFacts::default(), job.state.env());
    let scope = StepScope::new(job, &frame, Phase::Post, &env, &github);
    if let Some(template) = &normal.outputs {
        log.say("Evaluate and set job outputs").await;
        match scope.evaluate(|scope| template.evaluate_texts(scope)).await {
            Ok(pairs) => {
                for (name, value) in pairs {
                    if value.is_empty() {
                        log.debug(|| format!("Skip output '{name}' since it's empty")).await;
                    } else if job.masker.holds_secret(&value) {
                        log.warning(&format!("Skip output '{name}' since it may contain secret.")).await;
                    } else {
                        log.say(&format!("Set output '{name}'")).await;
                        outputs.insert(name, value.to_string());
                    }
                }
            }
            Err(error) => {
                log.error("Fail to evaluate job outputs").await;
                log.error(&error.to_string()).await;
                job.state.merge(Conclusion::Failure);
            }
        }
    }
    if let Some(url) = normal.environment.as_ref().and_then(|environment| environment.url.as_ref()) {
        log.say("Evaluate and set environment url").await;
        match scope.evaluate(|scope| url.evaluate_text(scope)).await {
            Ok(url) if job.masker.holds_secret(&url) => {
                log.warning("Skip setting environment url as it may contain secret.").await;
            }
            Ok(url) => log.say(&format!("Evaluated environment url: {url}")).await,
            Err(error) => {
                log.error("Failed to evaluate environment url").await;
                log.error(&error.to_string()).await;
                job.state.merge(Conclusion::Failure);
            }
        }
    }
    outputs
}
