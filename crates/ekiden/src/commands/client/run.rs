//! `ekiden run`.

use super::connect::{connect, failure};
use super::output::{Table, ago, list, one, state, took};
use super::{Found, pages, watch};
use crate::args::{
    Duration, RunCancelArgs, RunCommand, RunDispatchArgs, RunListArgs, RunRerunArgs, RunShowArgs, RunWatchArgs,
};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Palette, note};
use crate::text::{lines, plain};
use api::{Client, Dispatch, Job, ProjectName, Run, RunQuery};
use serde::Serialize;

/// Jobs of one run that are shown.
const JOBS: u32 = 1000;

/// Runs one of its verbs.
pub(crate) fn run(command: &RunCommand) -> Result<Exit, Failure> {
    match command {
        RunCommand::List(args) => list_all(args),
        RunCommand::Show(args) => runtime()?.block_on(show(args)),
        RunCommand::Watch(args) => runtime()?.block_on(follow(args)),
        RunCommand::Cancel(args) => runtime()?.block_on(cancel(args)),
        RunCommand::Rerun(args) => runtime()?.block_on(rerun(args)),
        RunCommand::Dispatch(args) => runtime()?.block_on(dispatch(args)),
    }
}

fn list_all(args: &RunListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.list.at)?;
    let query = RunQuery {
        event: args.event.clone(),
        branch: args.branch.clone(),
        status: args.status.clone(),
        actor: args.actor.clone(),
        head_sha: None,
    };
    let found = runtime()?.block_on(pages(args.list.limit, async |page| {
        let found = client.runs(&args.place, &query, page).await;
        found.map(|found| Found::new(found.workflow_runs, found.total_count))
    }))?;
    list(args.list.output, &found.items, || table(&found.items))?;
    found.say_more();
    Ok(Exit::Ok)
}

fn table(runs: &[Run]) -> Table {
    let mut table = Table::new(["ID", "STATE", "PROJECT", "WORKFLOW", "TITLE", "EVENT", "BRANCH", "TOOK", "BEGAN"]);
    for run in runs {
        let project = run.repository.as_ref().map_or("-", |repository| &repository.full_name);
        table.row([
            run.id.to_string().into(),
            state(run.status, run.conclusion),
            project.into(),
            file(run).into(),
            run.display_title.chars().take(50).collect::<String>().into(),
            run.event.as_str().into(),
            reference(run).into(),
            took(run.started_at, run.completed_at).into(),
            ago(run.created_at).into(),
        ]);
    }
    table
}

/// The workflow's file, without its folder and what stands behind it.
pub(super) fn file(run: &Run) -> &str {
    let path = run.path.split('@').next().unwrap_or(&run.path);
    path.rsplit('/').next().unwrap_or(path)
}

/// The branch or the tag of a run; a commit where it was neither.
pub(crate) fn reference(run: &Run) -> &str {
    let full = run.path.split_once('@').map_or(run.head_branch.as_str(), |(_, reference)| reference);
    ["refs/heads/", "refs/tags/"].iter().find_map(|kind| full.strip_prefix(kind)).unwrap_or(full)
}

/// A run of any project.
pub(super) async fn find(client: &Client, run: i64) -> Result<(ProjectName, Run), Failure> {
    let run = client.run_by_id(run).await.map_err(|error| failure(&error))?;
    let project = run.repository.as_ref().and_then(|repository| repository.full_name.parse().ok());
    Ok((project.ok_or_else(|| Failure::platform("the server names no project of the run"))?, run))
}

/// All jobs of a run.
pub(super) async fn jobs(client: &Client, project: &ProjectName, run: i64) -> Result<Vec<Job>, Failure> {
    let found = pages(JOBS, async |page| {
        client.jobs_of_run(project, run, page).await.map(|found| Found::new(found.jobs, found.total_count))
    });
    Ok(found.await?.items)
}

/// A run with its jobs.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    run: &'a Run,
    jobs: &'a [Job],
}

async fn show(args: &RunShowArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let (project, run) = find(&client, args.run).await?;
    let jobs = jobs(&client, &project, run.id).await?;
    one(args.show.output, &Whole { run: &run, jobs: &jobs }, || text(&project, &run, &jobs))?;
    Ok(Exit::Ok)
}

fn text(project: &ProjectName, run: &Run, jobs: &[Job]) -> String {
    let mut head = Table::new(["RUN", "STATE", "PROJECT", "WORKFLOW", "EVENT", "BRANCH", "COMMIT", "TOOK"]);
    head.row([
        run.id.to_string().into(),
        state(run.status, run.conclusion),
        project.to_string().into(),
        file(run).into(),
        run.event.as_str().into(),
        reference(run).into(),
        run.head_sha.get(..12).unwrap_or(&run.head_sha).into(),
        took(run.started_at, run.completed_at).into(),
    ]);
    let mut table = Table::new(["JOB", "STATE", "NAME", "RUNS ON", "RUNNER", "TOOK", "DETAIL"]);
    for job in jobs {
        table.row([
            job.id.to_string().into(),
            state(job.status, job.conclusion),
            job.name.as_str().into(),
            if job.labels.is_empty() { "-".into() } else { job.labels.join(",").into() },
            if job.runner_name.is_empty() { "-".into() } else { job.runner_name.as_str().into() },
            took(job.started_at, job.completed_at).into(),
            job.detail.as_deref().unwrap_or_default().into(),
        ]);
    }
    let palette = Palette::stdout();
    let fault = run.fault.as_ref().map(|fault| format!("\n{}\n", lines(fault))).unwrap_or_default();
    format!(
        "{}  {}\n{fault}\n{}\n{}\n",
        head.text(palette),
        plain(&run.display_title),
        table.text(palette),
        run.html_url
    )
}

async fn follow(args: &RunWatchArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let (project, run) = find(&client, args.run).await?;
    watch::follow(&client, &project, run, args.timeout.map(|Duration(time)| time)).await
}

async fn cancel(args: &RunCancelArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let (project, run) = find(&client, args.run).await?;
    let done = if args.force {
        client.force_cancel_run(&project, run.id).await
    } else {
        client.cancel_run(&project, run.id).await
    };
    done.map_err(|error| failure(&error))?;
    if args.force {
        note(format!("all of run {} is asked to end", run.id));
    } else {
        note(format!("run {} is asked to end; jobs with `if: always()` still run (--force: they end too)", run.id));
    }
    Ok(Exit::Ok)
}

async fn rerun(args: &RunRerunArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let (project, run) = find(&client, args.run).await?;
    let done = match (args.failed, args.job) {
        (_, Some(job)) => client.rerun_job(&project, job).await.map(drop),
        (true, None) => client.rerun_failed(&project, run.id).await,
        (false, None) => client.rerun(&project, run.id).await.map(drop),
    };
    done.map_err(|error| failure(&error))?;
    note(format!("run {} runs again; follow it: ekiden run watch {}", run.id, run.id));
    Ok(Exit::Ok)
}

async fn dispatch(args: &RunDispatchArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let inputs = args.input.iter().map(|pair| (pair.key.clone(), pair.value.clone().into())).collect();
    // The server knows which branch is the default one.
    let reference = args.reference.clone().unwrap_or_else(|| "HEAD".to_owned());
    let made =
        client.dispatch(&args.project, &args.workflow, &Dispatch { reference, inputs, ..Dispatch::default() }).await;
    let made = made.map_err(|error| failure(&error))?;
    one(args.show.output, &made, || format!("{}\n", made.workflow_run_id))?;
    if args.watch {
        let (project, run) = find(&client, made.workflow_run_id).await?;
        return watch::follow(&client, &project, run, None).await;
    }
    note(format!("{}; follow it: ekiden run watch {}", made.html_url, made.workflow_run_id));
    Ok(Exit::Ok)
}
