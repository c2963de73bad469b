//! The built-in `actions/checkout`: the repository of the run comes from a view that was made ready before the first step, others
//! through commands that run inside the sandbox. What to do is decided by a [`workflow::checkout::CheckoutSource`].

use super::leaf::{self, Program};
use super::uses::{Inputs, head, warn_of_unexpected, with_outputs};
use super::{At, Attempt, Running, StepEnv, StepError, condition, describe, facts};
use crate::job::actions::ActionError;
use crate::job::environment::ActionExtras;
use crate::job::guard::BoxFuture;
use crate::job::naming;
use crate::job::running::Checkouts;
use domain::Conclusion;
use domain::ViewFile;
use indexmap::IndexMap;
use sandbox::InsideFile;
use sandbox::SandboxError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use workflow::checkout::{
    CheckoutCommand, CheckoutPlan, CheckoutRequest, CheckoutUnavailable, CheckoutView, Inside, known_inputs,
};
use workflow::model::{Step, Uses};

/// Where a job sees the folder of other repositories.
pub(crate) const REPOSITORIES_INSIDE: &str = "/opt/repositories";

/// Whether a `uses` names the action that is built in, from whatever forge.
pub(crate) fn is_built_in(uses: &Uses) -> bool {
    matches!(uses, Uses::Repository(action) if action.path.is_empty() && action.repository.eq_ignore_ascii_case("actions/checkout"))
}

pub(super) fn run<'a>(
    at: At<'a>,
    step: &'a Step,
    checkouts: &'a Checkouts,
    uses: &'a Uses,
    given: Inputs,
    env: &'a StepEnv,
) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        if !given.is_empty() {
            let valid = known_inputs();
            let unknown = |name: &&str| !valid.iter().any(|known| known.eq_ignore_ascii_case(name));
            let unexpected: Vec<&str> = given.keys().map(String::as_str).filter(unknown).collect();
            warn_of_unexpected(&at, &unexpected, &valid).await;
        }
        at.log.say(&head(&naming::action(uses), &given, env, &IndexMap::new())).await;
        let input = |wanted: &str| {
            given.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
        };
        let request = CheckoutRequest::from_inputs(input)?;
        let target = at.job.sandbox.layout().workspace.join(&request.path);
        let own = request.repository.is_none() && request.reference.is_none();
        let layout = at.job.sandbox.layout();
        let inside = Inside {
            repositories: checkouts.repositories.clone(),
            temporary: layout.temp.clone(),
            target: target.clone(),
        };
        let plan = plan(checkouts, request, inside).await?;
        if own && checkouts.present.as_ref() == Some(&target) {
            at.log.say("The repository lies in the workspace already.").await;
            return Ok(done(&at, step, &plan.reference, plan.commit));
        }
        at.log.say(&plan.log.join("\n")).await;
        match plan.view {
            Some(kind) => place(&at, checkouts, kind, &target).await?,
            None if !plan.files.is_empty() => at.job.sandbox.remove(vec![target.clone()]).await?,
            None => {
                at.job.sandbox.remove(vec![target.clone()]).await?;
                let make = vec!["mkdir".to_owned(), "-p".to_owned(), target.to_string_lossy().into_owned()];
                let made = command(
                    &at,
                    step,
                    env,
                    CheckoutCommand { argv: make, ..CheckoutCommand::default() },
                    Path::new("/"),
                )
                .await?;
                if made.conclusion != Conclusion::Success {
                    return Ok(made);
                }
            }
        }
        for secret in &plan.secrets {
            at.job.masker.add(secret.expose());
        }
        let mut files = inside_files(plan.temporary, &layout.temp);
        files.extend(inside_files(plan.files, &target));
        if !files.is_empty() {
            at.job.sandbox.write(files).await?;
        }
        for each in plan.commands {
            let ended = command(&at, step, env, each, &target).await?;
            if ended.conclusion != Conclusion::Success {
                return Ok(ended);
            }
        }
        let commit = if plan.commit.is_empty() { head_of(&at, &target).await? } else { plan.commit };
        Ok(done(&at, step, &plan.reference, commit))
    })
}

fn done(at: &At<'_>, step: &Step, reference: &str, commit: String) -> Attempt {
    let outputs = with_outputs(at, step, &[("ref", reference.to_owned()), ("commit", commit)]);
    Attempt { outputs, ..Attempt::new(Conclusion::Success) }
}

fn inside_files(files: Vec<ViewFile>, below: &Path) -> Vec<InsideFile> {
    let one = |file: ViewFile| InsideFile { path: below.join(file.at), content: file.content, executable: false };
    files.into_iter().map(one).collect()
}

async fn plan(
    checkouts: &Checkouts,
    request: CheckoutRequest,
    inside: Inside,
) -> Result<CheckoutPlan, CheckoutUnavailable> {
    let source = Arc::clone(&checkouts.source);
    let plan = tokio::task::spawn_blocking(move || source.plan(&request, &inside));
    plan.await.unwrap_or_else(|failed| Err(CheckoutUnavailable(format!("it ended early: {failed}"))))
}

/// Places the next view of a kind; what lies there gives way, as with the action.
pub(crate) async fn place(
    at: &At<'_>,
    checkouts: &Checkouts,
    kind: CheckoutView,
    target: &Path,
) -> Result<(), StepError> {
    let sandbox = at.job.sandbox.as_ref();
    let Some(view) = checkouts.view(kind) else {
        return Err(ActionError(
            "actions/checkout: this job has more checkouts than could be seen before it started; use it from the steps of the workflow"
                .to_owned(),
        )
        .into());
    };
    match sandbox.place(&view, target).await {
        Ok(()) => Ok(()),
        Err(SandboxError::Invalid(_) | SandboxError::Io { .. }) => {
            at.log.say(&format!("Deleting the contents of '{}'", target.display())).await;
            sandbox.remove(vec![target.to_owned()]).await?;
            Ok(sandbox.place(&view, target).await?)
        }
        Err(other) => Err(other.into()),
    }
}

/// The run's own repository for `$/`, placed once, out of the way of the workspace.
pub(super) async fn own_tree(at: &At<'_>) -> Result<PathBuf, ActionError> {
    let job = at.job;
    let Some(checkouts) = &job.checkout else {
        return Err(ActionError("'$/' needs the repository of the run, which is not at hand".to_owned()));
    };
    let placed = job.own_tree.get_or_try_init(|| async {
        let target = job.sandbox.layout().temp.join("_own_repository");
        place(at, checkouts, CheckoutView::WorkingTree, &target).await.map(|()| target)
    });
    placed.await.cloned().map_err(|error| ActionError(error.to_string()))
}

/// Runs one command of a plan in the log of the step.
async fn command(
    at: &At<'_>,
    step: &Step,
    env: &StepEnv,
    command: CheckoutCommand,
    cwd: &Path,
) -> Result<Attempt, StepError> {
    let mut github = facts(at, step);
    github.files = leaf::command_files(at.job);
    for (_, value) in &command.secret_env {
        at.job.masker.add(value.expose());
    }
    let secret = command.secret_env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let extras =
        ActionExtras { services: command.env.iter().cloned().chain(secret).collect(), ..ActionExtras::default() };
    let running = Running { at: *at, step, condition: condition(step, at.phase, None), env: &env.all };
    let process = leaf::ProcessSpec {
        programs: vec![Program { argv: command.argv }],
        cwd: cwd.to_owned(),
        files: Vec::new(),
        github: &github,
        extras,
    };
    let ended = leaf::run(at, env, process, &running).await?;
    if let Some(code) = ended.failed_code() {
        at.log.error(&format!("The process failed with exit code {code}")).await;
    }
    Ok(leaf::finish(at, step, ended).await)
}

/// The commit that a placed repository stands at.
async fn head_of(at: &At<'_>, target: &Path) -> Result<String, StepError> {
    let argv = ["git", "rev-parse", "HEAD"].map(str::to_owned).to_vec();
    let env = at.job.base_env.clone();
    let (_, output) = crate::job::process::capture(at.job.sandbox.as_ref(), argv, env, target.to_owned())
        .await
        .map_err(|error| ActionError(format!("actions/checkout: {}", describe(&error))))?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}
