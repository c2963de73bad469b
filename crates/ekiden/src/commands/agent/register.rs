//! `ekiden agent register`: gets a key from a forge and keeps it. Flags win over our variables, those over the ones of Gitea's images;
//! what is still open is asked for on a terminal.

use super::forge::Whose;
use super::import::{self, Other};
use super::inherited::Inherited;
use super::{ask, data, forge, remember, report};
use crate::args::AgentRegisterArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{note, warn};
use agent::{Backend, Labels, NewRunner, RegisterError, Registered, RegistrationError, RegistrationFile};
use domain::{RunnerLife, Secret};
use protocol::{CallError, Client, Code};
use std::io::Read as _;
use std::path::Path;

/// How often the forge is looked for.
const ATTEMPTS: u32 = 3;

/// Registers.
pub(crate) fn run(args: &AgentRegisterArgs) -> Result<Exit, Failure> {
    let folder = data::folder(&args.data)?;
    let file = RegistrationFile::of(&folder);
    let inherited = Inherited::read();
    let is_dry = args.import.dry_run;
    if !is_dry {
        file.must_be_free().map_err(|error| file_failure(&error))?;
    }
    let token = token(args, &inherited)?;
    let other = Other::read(args, &inherited, token.is_some())?;
    if is_dry && !other.is_some() {
        return Err(Failure::usage("--dry-run is for taking another runner over").fix("--import FILE or --config FILE"));
    }
    let asked_labels = args.labels.as_deref().or(inherited.labels.as_deref());
    if other.is_some() && (token.is_none() || args.import.import.is_some()) {
        return import::run(args, &folder, &other, asked_labels);
    }
    let set_up = if other.is_some() { Some(other.settings(args, asked_labels)?) } else { None };
    if let Some(set_up) = &set_up {
        remember::must_be_free(&folder)?;
        crate::style::data(&report::settings(set_up))?;
        if is_dry {
            note("nothing was written: this was a dry run");
            return Ok(Exit::Ok);
        }
    }
    data::writable(&folder)?;
    let term = if args.no_interactive { None } else { ask::terminal() };

    let instance = match args.instance.as_ref().or(inherited.instance.as_ref()) {
        Some(text) => forge::instance(text)?,
        None => match &term {
            Some(term) => ask::ask(term, "URL of the ekiden, Gitea or Forgejo", None, |text| {
                forge::instance(text).map_err(|failure| failure.what)
            })?,
            None => return Err(missing("the URL of the forge", "--instance https://forge.example.org")),
        },
    };
    let token = match token {
        Some(token) => token,
        None => match &term {
            Some(term) => ask::ask_secret(
                term,
                &format!(
                    "Registration token, of `ekiden runner token`, or from {instance}/-/admin/actions/runners or the settings of an organisation or repository"
                ),
            )?,
            None => return Err(missing("the registration token", "--token-file FILE")),
        },
    };
    let name = match args.name.as_ref().or(inherited.name.as_ref()) {
        Some(name) => name.clone(),
        None => match &term {
            Some(term) => ask::ask(term, "Name of the runner", Some(&data::host_name()), |text| Ok(text.to_owned()))?,
            None => data::host_name(),
        },
    };
    let of_config = set_up.as_ref().map(|set_up| set_up.labels.clone()).filter(|labels| !labels.is_empty());
    let labels = match (of_config, asked_labels) {
        (Some(labels), _) => Labels { labels, notes: Vec::new() },
        (None, Some(texts)) => Labels::read(texts).map_err(|error| Failure::usage(error.to_string()))?,
        (None, None) => match &term {
            Some(term) => ask::ask(
                term,
                "Labels, comma-separated; LABEL:host runs without isolation",
                Some("ubuntu-latest,linux"),
                |text| Labels::read(&text.split(',').collect::<Vec<_>>()).map_err(|error| error.to_string()),
            )?,
            None => return Err(missing("the labels", "--labels ubuntu-latest,linux")),
        },
    };
    settle_labels(&labels, args)?;
    let used = inherited.used(args);
    if !used.is_empty() {
        note(format!("taken from the environment: {}", used.join(", ")));
    }
    let ephemeral = args.ephemeral.or(inherited.ephemeral).unwrap_or(false);
    let new = NewRunner {
        name,
        token: Secret::new(token),
        labels: labels.labels,
        life: if ephemeral { RunnerLife::Ephemeral } else { RunnerLife::Lasting },
        version: forge::VERSION.to_owned(),
    };
    let insecure = args.forge.insecure.or(set_up.as_ref().and_then(|set_up| set_up.carried.insecure));
    let client = forge::client_with(&instance, insecure, args.forge.ca_file.as_deref())?;
    let attempts = args.attempts.or(inherited.attempts).unwrap_or(ATTEMPTS);
    let runtime = crate::commands::runtime()?;
    let registered = runtime.block_on(exchange(&client, new, &file, attempts, args.forge.ca_file.as_deref()))?;
    remember::settings(&folder, args, set_up.as_ref().map(|set_up| &set_up.carried))?;
    say(&registered, &file, args);
    Ok(Exit::Ok)
}

/// Labels that cannot run as they say are refused before the forge hears of them.
fn settle_labels(labels: &Labels, args: &AgentRegisterArgs) -> Result<(), Failure> {
    labels.notes.iter().for_each(warn);
    if let Some(label) = labels.container().filter(|_| args.label.map_docker.is_none()) {
        return Err(Failure::usage(format!("the label '{label}' wants a container, and containers are not there yet"))
            .fix("--map-docker sandbox runs its jobs in our sandbox over this machine's root")
            .fix(format!("--labels {}, without an image", label.name)));
    }
    for label in labels.labels.iter().filter(|label| label.backend == Backend::Host) {
        warn(format!("jobs of '{}' run on this machine itself, without isolation", label.name));
    }
    Ok(())
}

async fn exchange(
    client: &Client,
    new: NewRunner,
    file: &RegistrationFile,
    attempts: u32,
    ca_file: Option<&Path>,
) -> Result<Registered, Failure> {
    let name = new.name.clone();
    if let Err(error) = agent::await_forge(client, &name, attempts).await {
        let mut failure = forge::call_failure(&error);
        if let Some(origin) = origin_that_answers(client, &error).await {
            failure.fixes = vec![format!("--instance {origin}")];
        }
        return Err(failure);
    }
    match agent::register(client, new, file).await {
        Ok(registered) => Ok(registered),
        Err(error) => {
            let whose = forge::whose(client.url(), ca_file).await;
            Err(register_failure(client.url(), error, whose))
        }
    }
}

/// The host of a URL with a path, when it is the instance itself: people paste the page of their repository.
async fn origin_that_answers(client: &Client, error: &CallError) -> Option<String> {
    if !matches!(error, CallError::Unsupported { .. } | CallError::Garbled { .. }) {
        return None;
    }
    let url = client.url();
    let start = url.find("://")? + 3;
    let origin = &url[..start + url[start..].find('/')?];
    let probe = Client::new(&protocol::ClientSettings::new(origin, forge::VERSION)).ok()?;
    probe.ping("ekiden").await.ok().map(|_| origin.to_owned())
}

fn register_failure(url: &str, error: RegisterError, whose: Whose) -> Failure {
    match error {
        RegisterError::File(error) => file_failure(&error),
        RegisterError::Name(_) => Failure::usage(error.to_string()),
        RegisterError::NoKey(_) => Failure::not_found(error.to_string()),
        RegisterError::Call(error) => {
            let failure = forge::call_failure(&error);
            match error {
                CallError::Credentials { .. } if whose == Whose::Ours => {
                    failure.fix("make one on the server's machine, or with its --server and a token of yours: ekiden runner token")
                }
                CallError::Refused { refusal, .. } if refusal.code == Code::PermissionDenied => {
                    let failure = Failure::new(Exit::Auth, format!("{url} does not let this token register such a runner"));
                    let failure = failure.fact(refusal.message);
                    match whose {
                        Whose::Ours => failure
                            .fix("--labels, with those that the token is for")
                            .fix("or another token: ekiden runner token --label LABEL,…"),
                        Whose::Another => failure,
                    }
                }
                CallError::Credentials { .. } => failure
                    .fix(format!("copy the token anew from {url}/-/admin/actions/runners, or from the Actions settings of the organisation or repository"))
                    .fix("a newer token of the same place makes older ones invalid; tokens of other instances do not fit"),
                CallError::TimedOut { .. } | CallError::Garbled { .. } | CallError::Unavailable { .. } => {
                    Failure::new(Exit::Unreachable, format!("{url} was asked to register this runner, and its answer was lost"))
                        .fact(error.to_string())
                        .fact("it may list a runner now that nobody can use; asking again by itself could make more of them")
                        .fix(match whose {
                            Whose::Ours => "ekiden runner list, ekiden runner remove ID if it is there, then register again".to_owned(),
                            Whose::Another => format!("remove it under {url}/-/admin/actions/runners if it is there, then register again"),
                        })
                }
                _ => failure,
            }
        }
    }
}

fn token(args: &AgentRegisterArgs, inherited: &Inherited) -> Result<Option<String>, Failure> {
    let given = args.token.as_ref().map(|token| token.expose().to_owned());
    let by_file = |path: &Path| secret_file(path, "the registration token");
    let ours = match (given, &args.token_file) {
        (Some(token), _) => Some(token),
        (None, Some(path)) => Some(by_file(path)?),
        (None, None) => None,
    };
    let token = match (ours, &inherited.token, &inherited.token_file) {
        (Some(token), _, _) => Some(token),
        (None, Some(token), _) => Some(token.clone()),
        (None, None, Some(path)) => Some(by_file(path)?),
        (None, None, None) => None,
    };
    match token.map(|token| token.trim().to_owned()) {
        Some(token) if token.is_empty() => Err(Failure::usage("the registration token is empty")),
        other => Ok(other),
    }
}

/// A secret in a file, or on stdin as `-`.
pub(super) fn secret_file(path: &Path, what: &str) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(64 * 1024).read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text
        .map_err(|error| Failure::not_found(format!("{what} cannot be read from {}", path.display())).cause(&error))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("{what} in {} is empty", path.display()))),
        token => Ok(token.to_owned()),
    }
}

fn missing(what: &str, fix: &str) -> Failure {
    Failure::usage(format!("{what} is missing, and there is no terminal to ask on")).fix(fix)
}

fn say(registered: &Registered, file: &RegistrationFile, args: &AgentRegisterArgs) {
    registered.notes.iter().for_each(warn);
    let new = &registered.registration;
    let labels: Vec<String> = new.labels.iter().map(ToString::to_string).collect();
    note(format!("{} is registered with {} for {}", new.name, new.instance, labels.join(", ")));
    say_where(args, file);
}

/// Where the key is, and what comes next.
pub(super) fn say_where(args: &AgentRegisterArgs, file: &RegistrationFile) {
    note(format!("its key is in {}", file.path().display()));
    let data = args.data.data.as_ref().map(|data| format!(" --data {}", data.display())).unwrap_or_default();
    note(format!("take jobs: ekiden agent start{data}"));
}

/// What a fault of the file means to a person.
pub(super) fn file_failure(error: &RegistrationError) -> Failure {
    match error {
        RegistrationError::Missing { .. } => Failure::not_found(error.to_string()),
        RegistrationError::Present { .. } => Failure::usage(error.to_string()),
        RegistrationError::Content { .. } | RegistrationError::Version { .. } => Failure::invalid(error.to_string()),
        RegistrationError::Io(_) => Failure::platform(error.to_string()),
    }
}
