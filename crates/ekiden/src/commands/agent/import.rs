//! `ekiden agent register --import` and `--config`: takes over what Gitea's or Forgejo's own runner has, says what is different, and writes
//! a registration and an `ekiden.toml` into the agent's folder.

use super::inherited::Inherited;
use super::register::file_failure;
use super::{data, forge, remember, report};
use crate::args::AgentRegisterArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{data as print, note, warn};
use agent::{DockerLabels, Foreign, HostLabels, ImportError, Imported, ImportedSettings, RegistrationFile, RunnerFile};
use domain::RunnerCapability;
use protocol::{CallError, Client, Declaration};
use std::path::{Path, PathBuf};

/// What of another runner is to be taken over.
#[derive(Debug)]
pub(super) struct Other {
    /// Its config.yaml, and the text.
    config: Option<(PathBuf, String)>,
    /// Its `.runner`, and the text.
    runner: Option<(PathBuf, String)>,
}

impl Other {
    /// Reads the files that the command line or the environment of Gitea's images names. With a token, a `config.yaml` alone is how a
    /// new registration is set up; without, it leads to the registration that it belongs to.
    pub(super) fn read(args: &AgentRegisterArgs, inherited: &Inherited, has_token: bool) -> Result<Self, Failure> {
        let config = args.import.config.as_ref().or(inherited.config.as_ref());
        let config = config.map(|path| text(path)).transpose()?;
        let runner = match (&args.import.import, &config) {
            (Some(path), _) => Some(text(path)?),
            (None, Some((path, config))) if !has_token => {
                match agent::runner_file_of(config).map_err(|error| failure(&error, Some(path)))? {
                    RunnerFile::Within => None,
                    RunnerFile::At(file) => Some(text(&folder_of(path).join(file))?),
                }
            }
            (None, _) => None,
        };
        Ok(Self { config, runner })
    }

    /// Whether there is anything.
    pub(super) fn is_some(&self) -> bool {
        self.config.is_some() || self.runner.is_some()
    }

    fn foreign<'a>(&'a self, args: &'a AgentRegisterArgs, labels: Option<&'a [String]>) -> Foreign<'a> {
        Foreign {
            runner: self.runner.as_ref().map(|(_, text)| text.as_str()),
            config: self.config.as_ref().map(|(_, text)| text.as_str()),
            connection: args.import.connection.as_deref(),
            labels,
            host: if args.import.keep_host { HostLabels::Keep } else { HostLabels::Sandbox },
            docker: match args.label.map_docker {
                Some(_) => DockerLabels::Sandbox,
                None => DockerLabels::Refuse,
            },
        }
    }

    /// How it was set up, for a new registration.
    pub(super) fn settings(
        &self,
        args: &AgentRegisterArgs,
        labels: Option<&[String]>,
    ) -> Result<ImportedSettings, Failure> {
        let path = self.config.as_ref().map(|(path, _)| path.as_path());
        let settings = agent::import_settings(&self.foreign(args, labels)).map_err(|error| failure(&error, path))?;
        Ok(self.at_home(settings))
    }

    /// Paths of its configuration are relative to the folder that it ran in: we take that of its files. As in that runner, a file of
    /// variables that is not there is none.
    fn at_home(&self, mut settings: ImportedSettings) -> ImportedSettings {
        let Some((path, _)) = self.config.as_ref().or(self.runner.as_ref()) else { return settings };
        let folder = folder_of(path);
        let carried = &mut settings.carried;
        let hooks = &mut carried.hooks;
        for place in
            [&mut carried.env_file, &mut hooks.job_started, &mut hooks.job_completed, &mut hooks.post_task_script]
                .into_iter()
                .flatten()
        {
            *place = folder.join(&*place).to_string_lossy().into_owned();
        }
        if carried.env_file.as_ref().is_some_and(|file| !Path::new(file).is_file()) {
            carried.env_file = None;
            settings.keys.retain(|report| report.key() != "runner.env_file");
        }
        settings
    }
}

/// Takes a registration over.
pub(super) fn run(
    args: &AgentRegisterArgs,
    folder: &Path,
    other: &Other,
    labels: Option<&[String]>,
) -> Result<Exit, Failure> {
    let path = other.runner.as_ref().or(other.config.as_ref()).map(|(path, _)| path.as_path());
    let read = |path: &str| std::fs::read_to_string(path);
    let Imported { mut registration, settings } =
        agent::import(&other.foreign(args, labels), read).map_err(|error| failure(&error, path))?;
    let settings = other.at_home(settings);
    registration.instance = forge::instance(&registration.instance)?;
    if registration.labels.is_empty() {
        return Err(
            Failure::invalid("the runner that is to be taken over has no labels").fix("--labels ubuntu-latest,linux")
        );
    }
    print(&report::text(&registration, &settings))?;
    if args.import.dry_run {
        note("nothing was written: this was a dry run");
        return Ok(Exit::Ok);
    }
    data::writable(folder)?;
    let file = RegistrationFile::of(folder);
    remember::must_be_free(folder)?;
    let insecure = args.forge.insecure.or(settings.carried.insecure);
    let client = forge::client_with(&registration.instance, insecure, args.forge.ca_file.as_deref())?;
    match crate::commands::runtime()?.block_on(check(&client, &registration)) {
        Ok(runner) => {
            if let Some(runner) = runner {
                registration.id = runner.0;
                registration.name = runner.1;
            }
            note(format!("{} knows this runner", registration.instance));
        }
        Err(CallError::Credentials { url, message }) => {
            return Err(Failure::new(Exit::Auth, format!("{url} does not know this runner any more"))
                .fact(message)
                .fix("it was removed there, or its registration was replaced: register anew with a token"));
        }
        Err(error) => warn(format!("whether the registration is still good is not known: {error}")),
    }
    file.create(&registration).map_err(|error| file_failure(&error))?;
    remember::settings(folder, args, Some(&settings.carried))?;
    note("stop the other runner before this one starts: two with one key take each other's jobs");
    super::register::say_where(args, &file);
    Ok(Exit::Ok)
}

/// Asks the forge whether the key is good, by declaring what the other runner declared. Answers number and name, where the forge says them.
async fn check(
    client: &Client,
    registration: &agent::Registration,
) -> Result<Option<(domain::RunnerId, String)>, CallError> {
    let declaration = Declaration {
        version: forge::VERSION.to_owned(),
        labels: registration.labels.iter().map(|label| label.name.clone()).collect(),
        capabilities: vec![RunnerCapability::Cancelling],
    };
    let declared = client.declare(&registration.key, declaration).await?;
    Ok(declared
        .runner
        .filter(|runner| runner.id.0 != 0 && !runner.name.is_empty())
        .map(|runner| (runner.id, runner.name)))
}

fn text(path: &Path) -> Result<(PathBuf, String), Failure> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) => {
            let failure = Failure::not_found(format!("{} cannot be read", path.display())).cause(&error);
            Err(match error.kind() {
                std::io::ErrorKind::PermissionDenied => failure.fix("run as the user of that runner, or as root"),
                _ => failure.fix("give the runner's own file: --import /PATH/.runner --config /PATH/config.yaml"),
            })
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn failure(error: &ImportError, path: Option<&Path>) -> Failure {
    let failure = Failure::invalid(error.to_string());
    let failure = match error {
        ImportError::NoRegistration | ImportError::Connections(_) | ImportError::Docker { .. } => {
            Failure::usage(error.to_string())
        }
        ImportError::NoConnection { .. } | ImportError::TokenFile { .. } => Failure::not_found(error.to_string()),
        _ => failure,
    };
    match path {
        Some(path) => failure.fact(format!("the file is {}", path.display())),
        None => failure,
    }
}
