//! What every process of a step shares: its files, its environment, its output, and what it said.

use super::{At, Attempt, StepEnv, StepError, apply};
use crate::commands::files::{COMMAND_FILE_LIMIT, CommandFile};
use crate::commands::{CommandRules, Effects, Verdict};
use crate::job::contexts::GithubFacts;
use crate::job::environment::{self, ActionExtras};
use crate::job::guard::{BoxFuture, Condition, Stop};
use crate::job::process::{self, Launch, Output};
use crate::job::running::Job;
use crate::output::{Speaker, StepOutput};
use domain::Conclusion;
use sandbox::{Collected, ExecEnd, InsideFile, SandboxError};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use workflow::model::Step;

/// What may be started; the first that the sandbox has is taken.
pub(super) struct Program {
    pub(super) argv: Vec<String>,
}

/// A process to run.
pub(super) struct ProcessSpec<'a> {
    pub(super) programs: Vec<Program>,
    pub(super) cwd: PathBuf,
    pub(super) files: Vec<InsideFile>,
    pub(super) github: &'a GithubFacts,
    pub(super) extras: ActionExtras,
}

/// How it ended. [`finish`] makes an [`Attempt`] of it.
pub(super) struct EndedProcess<'a> {
    end: ExecEnd,
    stop: Option<Stop>,
    collected: Vec<Collected>,
    output: StepOutput<'a>,
}

impl EndedProcess<'_> {
    /// The exit code of a process that failed by itself.
    pub(super) fn failed_code(&self) -> Option<i32> {
        match (&self.end, self.stop) {
            (ExecEnd::Exited(code), None) if *code != 0 => Some(*code),
            // As shells tell it.
            (ExecEnd::Signalled(signal), None) => Some(128 + signal),
            _ => None,
        }
    }
}

impl Output for StepOutput<'_> {
    async fn take(&mut self, from: Speaker, bytes: &[u8]) {
        StepOutput::take(self, from, bytes).await;
    }
}

/// The command files of one process: the names in `github` and the paths.
pub(super) fn command_files(job: &Job) -> Vec<(&'static str, String)> {
    let folder = job.sandbox.layout().temp.join("_runner_file_commands");
    let number = job.number();
    let path = |prefix: &str| folder.join(format!("{prefix}{number}")).to_string_lossy().into_owned();
    CommandFile::ALL.iter().map(|file| (file.context_key(), path(file.prefix()))).collect()
}

/// Runs the first of the programs that the sandbox has.
pub(super) fn run<'a: 'b, 'b>(
    at: &'b At<'a>,
    env: &'b StepEnv,
    spec: ProcessSpec<'b>,
    condition: &'b dyn Condition,
) -> BoxFuture<'b, Result<EndedProcess<'a>, StepError>> {
    Box::pin(async move {
        let job = at.job;
        let rules = CommandRules::from_env(|name| env.all.get(name).map(AsRef::as_ref));
        let sandbox = job.sandbox.as_ref();
        let mut output =
            StepOutput::new(Arc::clone(at.log), sandbox, job.matchers.clone(), job.identity.clone(), rules);
        let environment = environment::of_process(job, &env.all, spec.github, spec.extras);
        let files: Vec<PathBuf> = spec.github.files.iter().map(|(_, path)| path.into()).collect();
        let mut start: Vec<InsideFile> = files
            .iter()
            .map(|path| InsideFile { path: path.clone(), content: Vec::new(), executable: false })
            .collect();
        start.extend(spec.files);

        let mut missing = None;
        for program in with_other_places(job, spec.programs) {
            let launch = Launch {
                argv: program.argv,
                env: environment.clone(),
                cwd: spec.cwd.clone(),
                files: start.clone(),
                collect: files.clone(),
                collect_limit: COMMAND_FILE_LIMIT,
            };
            match process::run(sandbox, launch, &mut output, at.guard, &job.timing, job.cancel.now(), condition).await {
                Ok(ended) => {
                    output.finish().await;
                    return Ok(EndedProcess { end: ended.end, stop: ended.stop, collected: ended.collected, output });
                }
                Err(error @ SandboxError::NotFound { .. }) => missing = missing.or(Some(error)),
                Err(other) => return Err(other.into()),
            }
        }
        Err(missing.unwrap_or(SandboxError::Gone).into())
    })
}

/// The programs as named, looked up in the `PATH` of the step; then where the sandbox itself has programs, for a step that set a
/// `PATH` of its own: the reference looks shells up in the runner's.
fn with_other_places(job: &Job, programs: Vec<Program>) -> Vec<Program> {
    let mut all = Vec::new();
    let mut others = Vec::new();
    for program in programs {
        if let Some(name) = program.argv.first().filter(|name| !name.contains('/')) {
            let prepends = job.state.path();
            for folder in prepends.iter().map(String::as_str).chain(job.sandbox.layout().path.split(':')) {
                let mut argv = program.argv.clone();
                argv[0] = format!("{}/{name}", folder.trim_end_matches('/'));
                others.push(Program { argv });
            }
        }
        all.push(program);
    }
    all.extend(others);
    all
}

/// Says how the process ended, processes its command files, applies what they say.
pub(super) async fn finish(at: &At<'_>, step: &Step, ended: EndedProcess<'_>) -> Attempt {
    let mut conclusion = match (&ended.end, ended.stop) {
        (_, Some(Stop::Cancelled | Stop::Killed)) => {
            at.log.error("The operation was canceled.").await;
            Conclusion::Cancelled
        }
        (ExecEnd::Limit(limit), _) => {
            at.log.error(&SandboxError::Limit(limit.clone()).to_string()).await;
            Conclusion::Failure
        }
        (ExecEnd::Exited(0), None) => Conclusion::Success,
        _ => Conclusion::Failure,
    };
    let mut output = ended.output;
    output.command_files(CommandFile::ALL.into_iter().zip(ended.collected)).await;
    let effects: Effects = output.into_effects();
    if effects.verdict == Verdict::Failed && conclusion == Conclusion::Success {
        conclusion = Conclusion::Failure;
    }
    let outputs = apply(at, step, effects);
    Attempt { conclusion, outputs, stop: ended.stop }
}

/// Lists an environment in the head of a log.
pub(super) fn list_env<'a>(head: &mut String, env: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut env = env.peekable();
    if env.peek().is_some() {
        head.push_str("env:\n");
        for (name, value) in env {
            let _ = writeln!(head, "  {name}: {value}");
        }
    }
}
