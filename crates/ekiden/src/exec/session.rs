//! Everything that is read once for an `exec`, whatever it does: the folder, `ekiden.toml`, the settings, the store.

use super::facts::Facts;
use super::settings::{self, Settings};
use crate::args::ExecArgs;
use crate::config::{self, ConfigFile};
use crate::failure::Failure;
use crate::workflows::{FOLDERS, files, repository_of};
use sandbox::Limits;
use source::Store;
use source::text::read_local;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use workflow::plan::FileReference;

/// A workflow file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowFile {
    /// The folder of the repository that holds it.
    pub(crate) root: PathBuf,
    /// Its path there.
    pub(crate) path: String,
}

/// The folder whose `ekiden.toml` counts: the repository's top, else the folder itself.
pub(crate) fn project(directory: &Path, facts: Option<&Facts>) -> PathBuf {
    facts.map_or_else(|| directory.to_owned(), |facts| facts.repository.top.clone())
}

/// The settings of an `exec`.
pub(crate) fn settings(args: &ExecArgs, project: &Path, machine: &Limits) -> Result<(Settings, ConfigFile), Failure> {
    let config = config::load(project)?;
    let settings = settings::settle(&args.sandbox, &args.limits, &args.store, &config, project, machine)?;
    Ok((settings, config))
}

/// The files that `-W` names; relative ones from where the command runs, else from the repository.
pub(crate) fn named_files(args: &ExecArgs, project: &Path) -> Result<Vec<WorkflowFile>, Failure> {
    let mut found = Vec::new();
    for given in &args.pick.workflows {
        // A bare name is also one of the workflow folder.
        let in_folder = folder(project).map(|folder| folder.join(given));
        let places = [given.clone(), args.directory.join(given), project.join(given)].into_iter().chain(in_folder);
        let path = places.into_iter().find(|path| path.exists());
        let Some(path) = path else { return Err(no_such_file(given, project)) };
        let listed = match std::fs::metadata(&path) {
            Ok(there) if there.is_dir() => files_of(&path)?,
            Ok(there) if !there.is_file() => {
                return Err(Failure::usage(format!("{} is no file but a pipe, a device or a socket", given.display()))
                    .fix("write the workflow into a file"));
            }
            _ => vec![path],
        };
        for file in &listed {
            found.push(located(file, project)?);
        }
    }
    Ok(found)
}

/// The workflow files of a folder; none is a failure.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listed = files(folder)
        .map_err(|error| Failure::not_found(format!("could not read {}", folder.display())).cause(&error))?;
    if listed.is_empty() {
        return Err(Failure::not_found(format!("the folder {} holds no workflow file", folder.display()))
            .fact("no file there ends in .yml or .yaml"));
    }
    Ok(listed)
}

/// A file as the repository knows it; one that lies elsewhere is planned where it lies.
fn located(file: &Path, project: &Path) -> Result<WorkflowFile, Failure> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::invalid(format!("could not read {}: its name is no UTF-8 text", file.display()))
                .fix("give the file another name")
        })
    };
    if let (Ok(file), Ok(project)) = (file.canonicalize(), project.canonicalize())
        && let Ok(inside) = file.strip_prefix(&project)
    {
        let path = text(inside)?;
        return Ok(WorkflowFile { root: project, path });
    }
    if let Some((root, path)) = repository_of(file) {
        return Ok(WorkflowFile { root, path });
    }
    let name = text(Path::new(file.file_name().unwrap_or_default()))?;
    Ok(WorkflowFile { root: file.parent().unwrap_or(Path::new(".")).to_owned(), path: name })
}

fn no_such_file(given: &Path, project: &Path) -> Failure {
    let failure = Failure::not_found(format!("there is no workflow file {}", given.display()));
    let all: Vec<String> = folder(project)
        .and_then(|folder| files(&folder).ok())
        .unwrap_or_default()
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    if all.is_empty() {
        return failure.fact(format!(
            "{} has no workflow folder: looked for {}",
            project.display(),
            FOLDERS.join(", ")
        ));
    }
    let name = given.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let failure = failure.fact(format!("the repository has: {}", all.join(", ")));
    match crate::text::nearest(&name, all.iter().map(String::as_str)) {
        Some(meant) => failure.fix(format!("ekiden exec -W {meant}")),
        None => failure,
    }
}

/// The first workflow folder that exists.
pub(crate) fn folder(project: &Path) -> Option<PathBuf> {
    FOLDERS.iter().map(|name| project.join(name)).find(|path| path.is_dir())
}

/// All workflow files of the repository.
pub(crate) fn all_files(project: &Path) -> Result<Vec<WorkflowFile>, Failure> {
    let Some(folder) = folder(project) else {
        return Err(Failure::not_found(format!("{} has no workflows", project.display()))
            .fact(format!("none of these folders exists: {}", FOLDERS.join(", ")))
            .fix("write .github/workflows/ci.yml, or name a file: ekiden exec -W FILE"));
    };
    files_of(&folder)?.iter().map(|file| located(file, project)).collect()
}

/// Gives the planner its files: local ones from the repository, others through the store, which is opened when first needed.
pub(crate) fn get_file(
    root: &Path,
    store: &dyn Fn() -> Result<Arc<Store>, Failure>,
    reference: &FileReference,
) -> Result<Arc<str>, String> {
    const MOST_BYTES: u64 = 8 << 20;
    match reference {
        FileReference::Local(path) => read_local(root, path),
        FileReference::Remote(action) => {
            let store = store().map_err(|failure| failure.to_string())?;
            store.read_file(action, MOST_BYTES).map(|file| file.text.into()).map_err(|error| error.to_string())
        }
    }
}
