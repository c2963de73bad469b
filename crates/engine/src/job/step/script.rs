//! A `run` step (`execution-semantics` 3.2).

use super::leaf::{self, Program};
use super::{At, Attempt, Running, StepEnv, StepError, condition, facts};
use crate::job::contexts::{ContextError, StepScope};
use crate::job::environment::ActionExtras;
use crate::job::frame::Level;
use crate::job::guard::BoxFuture;
use crate::job::naming;
use crate::job::running::Job;
use crate::job::shell::Shell;
use sandbox::InsideFile;
use std::fmt::Write as _;
use workflow::model::Step;
use workflow::template::Template;

/// What the step says.
pub(super) struct Texts<'a> {
    pub(super) script: &'a Template,
    pub(super) shell: Option<&'a Template>,
    pub(super) working_directory: Option<&'a Template>,
}

pub(super) fn run<'a>(
    at: At<'a>,
    step: &'a Step,
    texts: Texts<'a>,
    env: &'a StepEnv,
) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        let mut github = facts(&at, step);
        // As the reference: a script has no action of its own, even inside one; its `env` still sees the action around it.
        github.action_repository = String::new();
        github.action_ref = String::new();
        github.files = leaf::command_files(at.job);
        let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
        let text = text_of(&scope, Some(texts.script)).await?.unwrap_or_default();
        let mut shell = text_of(&scope, texts.shell).await?.filter(|shell| !shell.is_empty());
        let mut directory = text_of(&scope, texts.working_directory).await?;
        drop(scope);
        if let Level::Job = at.frame.level {
            shell = shell.or_else(|| at.job.defaults.shell.clone());
            directory = directory.or_else(|| at.job.defaults.working_directory.clone());
        }
        let shell = Shell::parse(shell.as_deref());
        let found = match &shell {
            Ok(shell) => find(at.job, shell).await,
            Err(_) => None,
        };
        at.log.say(&head(&text, shell.as_ref().ok(), found.as_deref(), env)).await;
        let shell = shell?;

        let layout = at.job.sandbox.layout();
        let path = layout.temp.join(format!("{}{}", at.job.number(), shell.extension()));
        let script_path = path.to_string_lossy().into_owned();
        let mut programs = Vec::new();
        // What is not where it was found a moment ago is looked for as any other program.
        for program in found.as_deref().into_iter().chain(shell.programs()) {
            programs.push(Program { argv: shell.argv(program, &script_path)? });
        }
        let file = InsideFile { path, content: shell.script(&text).into_bytes(), executable: false };
        let running = Running { at, step, condition: condition(step, at.phase, None), env: &env.all };
        let cwd = layout.workspace.join(directory.unwrap_or_default());
        let process =
            leaf::ProcessSpec { programs, cwd, files: vec![file], github: &github, extras: ActionExtras::default() };
        let ended = leaf::run(&at, env, process, &running).await?;

        if let Some(code) = ended.failed_code() {
            at.log.error(&format!("Process completed with exit code {code}.")).await;
        }
        Ok(leaf::finish(&at, step, ended).await)
    })
}

async fn text_of(scope: &StepScope<'_>, template: Option<&Template>) -> Result<Option<String>, ContextError> {
    let Some(template) = template else { return Ok(None) };
    scope.evaluate(|scope| template.evaluate_text(scope)).await.map(|text| Some(text.to_string()))
}

/// Where the shell lies: the first of its programs that the sandbox has.
async fn find(job: &Job, shell: &Shell) -> Option<String> {
    for program in shell.programs() {
        if let Some(found) = job.programs.which(job, program).await {
            return Some(found);
        }
    }
    None
}

/// The folded head of the step's log.
fn head(script: &str, shell: Option<&Shell>, found: Option<&str>, env: &StepEnv) -> String {
    let mut head = format!("##[group]Run {}\n", naming::first_line(script));
    for line in script.replace("\r\n", "\n").trim_end_matches('\n').split('\n') {
        // Bright cyan, as the reference.
        let _ = writeln!(head, "\x1b[36;1m{line}\x1b[0m");
    }
    if let Some(shell) = shell {
        let program = found.or_else(|| shell.programs().next()).unwrap_or_default();
        let _ = writeln!(head, "shell: {}", shell.label(program));
    }
    leaf::list_env(&mut head, env.all.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    head.push_str("##[endgroup]\n");
    head
}
