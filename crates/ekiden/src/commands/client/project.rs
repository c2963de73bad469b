//! `ekiden project`.

use super::connect::{connect, failure};
use super::output::{Table, ago, list, one};
use super::pages;
use crate::args::{ListArgs, ProjectAddArgs, ProjectArgs, ProjectCommand};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::note;
use api::{NewProject, Project};
use std::path::Path;

/// Runs one of its verbs.
pub(crate) fn run(command: &ProjectCommand) -> Result<Exit, Failure> {
    match command {
        ProjectCommand::Add(args) => add(args),
        ProjectCommand::List(args) => list_all(args),
        ProjectCommand::Remove(args) => remove(args),
    }
}

fn add(args: &ProjectAddArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let new = NewProject {
        owner: args.project.owner().to_owned(),
        name: args.project.name().to_owned(),
        git: whole(&args.git)?,
    };
    let project = runtime()?.block_on(client.add_project(&new)).map_err(|error| failure(&error))?;
    one(args.show.output, &project, || format!("{} runs the workflows of {}\n", project.full_name, project.git))?;
    Ok(Exit::Ok)
}

/// A path that is here is meant from here; the server may run elsewhere in the file system.
fn whole(git: &str) -> Result<String, Failure> {
    let is_url = git.contains("://") || (git.contains(':') && !Path::new(git).exists());
    if is_url || Path::new(git).is_absolute() {
        return Ok(git.to_owned());
    }
    let path = Path::new(git).canonicalize();
    let path = path.map_err(|error| Failure::not_found(format!("{git} is not there")).cause(&error))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::usage(format!("{} is no UTF-8", Path::new(&path).display())))
}

fn list_all(args: &ListArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let projects: Vec<Project> = runtime()?.block_on(pages(args.limit, async |page| {
        client.projects(page).await.map(|found| found.projects).map_err(|error| failure(&error))
    }))?;
    list(args.output, &projects, || {
        let mut table = Table::new(["PROJECT", "REPOSITORY", "ADDED"]);
        for project in &projects {
            table.row([project.full_name.as_str().into(), project.git.as_str().into(), ago(project.created_at).into()]);
        }
        table
    })?;
    Ok(Exit::Ok)
}

fn remove(args: &ProjectArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    runtime()?.block_on(client.remove_project(&args.project)).map_err(|error| failure(&error))?;
    note(format!("{} is no project any more", args.project));
    Ok(Exit::Ok)
}
