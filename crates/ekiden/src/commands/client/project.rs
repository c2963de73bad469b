//! `ekiden project`.

use super::connect::{connect, failure};
use super::output::{Table, ago, list, one};
use super::value::{Wanted, value};
use super::{Found, pages};
use crate::args::{
    ForgeArgs, ForgeKind, ListArgs, ProjectAddArgs, ProjectArgs, ProjectCommand, ProjectHookArgs, ProjectSetArgs,
    Readers,
};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::note;
use api::{NewProject, Project, SetForge};
use std::path::Path;

/// Runs one of its verbs.
pub(crate) fn run(command: &ProjectCommand) -> Result<Exit, Failure> {
    match command {
        ProjectCommand::Add(args) => add(args),
        ProjectCommand::List(args) => list_all(args),
        ProjectCommand::Set(args) => set(args),
        ProjectCommand::Hook(args) => hook(args),
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
    // What is asked for or cannot be read is found before anything is made.
    let forge = told(&args.forge)?;
    let runtime = runtime()?;
    let mut project = runtime.block_on(client.add_project(&new)).map_err(|error| failure(&error))?;
    if let Some(readers) = args.readers {
        let set = runtime.block_on(client.set_readers(&args.project, told_readers(readers)));
        project = set.map_err(|error| failure(&error).fact(format!("{} is a project all the same", args.project)))?;
    }
    if let Some(forge) = forge {
        let set = runtime.block_on(client.set_forge(&args.project, &forge));
        project = set.map_err(|error| {
            let failure = failure(&error).fact(format!("{} is a project all the same", args.project));
            failure.fix(format!("ekiden project set {} --forge {} …", args.project, forge.url))
        })?;
    }
    one(args.show.output, &project, || said(&project))?;
    Ok(Exit::Ok)
}

fn said(project: &Project) -> String {
    let forge = project.forge.as_ref().map(|forge| format!("; {} hears of its runs", forge.url)).unwrap_or_default();
    let readers = match project.readers {
        api::Readers::Own => "",
        api::Readers::Jobs => "; jobs of all projects may clone it",
        api::Readers::Anyone => "; anyone may clone it",
    };
    format!("{} runs the workflows of {}{forge}{readers}\n", project.full_name, project.git)
}

const fn told_readers(readers: Readers) -> api::Readers {
    match readers {
        Readers::Own => api::Readers::Own,
        Readers::Jobs => api::Readers::Jobs,
        Readers::Anyone => api::Readers::Anyone,
    }
}

/// The forge that is named, with its token.
fn told(args: &ForgeArgs) -> Result<Option<SetForge>, Failure> {
    let Some(url) = &args.forge else { return Ok(None) };
    let kind = args.forge_kind.map(|kind| match kind {
        ForgeKind::Gitea => "gitea",
        ForgeKind::Forgejo => "forgejo",
        ForgeKind::Github => "github",
    });
    let token = value(args.forge_token_file.as_deref(), &Wanted::token_of(url))?;
    Ok(Some(SetForge { url: url.clone(), kind: kind.map(str::to_owned), token: token.trim().to_owned() }))
}

fn set(args: &ProjectSetArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let runtime = runtime()?;
    let forge = told(&args.forge)?;
    let mut project = None;
    if let Some(readers) = args.readers {
        let set = client.set_readers(&args.project, told_readers(readers));
        project = Some(runtime.block_on(set).map_err(|error| failure(&error))?);
    }
    if let Some(forge) = forge {
        project = Some(runtime.block_on(client.set_forge(&args.project, &forge)).map_err(|error| failure(&error))?);
    }
    if args.no_forge {
        runtime.block_on(client.remove_forge(&args.project)).map_err(|error| failure(&error))?;
        note(format!("no forge hears of {} any more", args.project));
        project = project.map(|project| Project { forge: None, ..project });
    }
    if let Some(project) = project {
        one(args.show.output, &project, || said(&project))?;
    }
    Ok(Exit::Ok)
}

fn hook(args: &ProjectHookArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let runtime = runtime()?;
    if args.remove {
        runtime.block_on(client.remove_hook(&args.project)).map_err(|error| failure(&error))?;
        note(format!("no push of {} is taken any more; its repository is looked at all the same", args.project));
        return Ok(Exit::Ok);
    }
    let known = runtime.block_on(client.hook(&args.project)).map_err(|error| failure(&error))?;
    if let Some(made) = known.secret_made_at.filter(|_| !args.rotate) {
        one(args.show.output, &known, || format!("{}\n", known.url))?;
        note(format!(
            "its secret was made {} and is not shown again; another one: ekiden project hook {} --rotate",
            ago(Some(made)),
            args.project
        ));
        return Ok(Exit::Ok);
    }
    let made = runtime.block_on(client.make_hook(&args.project)).map_err(|error| failure(&error))?;
    one(args.show.output, &made, || format!("address  {}\nsecret   {}\n", made.hook.url, made.secret))?;
    note("the secret is shown this once; both belong into the webhooks of the repository's settings on the forge");
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
    let found = runtime()?.block_on(pages(args.limit, async |page| {
        client.projects(page).await.map(|found| Found::new(found.projects, found.total_count))
    }))?;
    let projects: &[Project] = &found.items;
    list(args.output, projects, || {
        let mut table = Table::new(["PROJECT", "REPOSITORY", "FORGE", "ADDED"]);
        for project in projects {
            let forge = project.forge.as_ref().map_or("-", |forge| &forge.url);
            table.row([
                project.full_name.as_str().into(),
                project.git.as_str().into(),
                forge.into(),
                ago(project.created_at).into(),
            ]);
        }
        table
    })?;
    found.say_more();
    Ok(Exit::Ok)
}

fn remove(args: &ProjectArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    runtime()?.block_on(client.remove_project(&args.project)).map_err(|error| failure(&error))?;
    note(format!("{} is no project any more", args.project));
    Ok(Exit::Ok)
}
