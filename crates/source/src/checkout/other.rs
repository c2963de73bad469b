//! Another repository: fetched into the store, copied and brought out inside the sandbox.

use super::{git, submodule_commands};
use crate::store::{History, Store, WantedRepository};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use std::path::Path;
use workflow::checkout::{CheckoutCommand, CheckoutPlan, CheckoutRequest, CheckoutUnavailable, Submodules};

pub(super) fn plan(
    store: &Store,
    name: &str,
    server: &str,
    request: &CheckoutRequest,
    repositories: &Path,
) -> Result<CheckoutPlan, CheckoutUnavailable> {
    let history = if request.fetch_depth == 0 { History::Whole } else { History::Last(request.fetch_depth) };
    let wanted = WantedRepository { repository: name.to_owned(), reference: request.reference.clone(), history };
    match store.repository(&wanted) {
        Ok(stored) => {
            let commit = stored.commit.as_str();
            let copied = repositories.join(&stored.folder);
            let copy =
                ["cp", "-r", "--no-preserve=mode,ownership", "--", &copied.join(".").display().to_string(), ".git"]
                    .map(str::to_owned)
                    .to_vec();
            let mut commands = vec![CheckoutCommand {
                argv: vec!["mkdir".to_owned(), ".git".to_owned()],
                ..CheckoutCommand::default()
            }];
            commands.push(CheckoutCommand { argv: copy, ..CheckoutCommand::default() });
            commands.push(git(["config", "remote.origin.url", &format!("{server}/{name}")]));
            commands.push(match stored.branch.as_deref() {
                Some(branch) => git(["checkout", "--quiet", "--force", "-B", branch, commit]),
                None => git(["checkout", "--quiet", "--force", "--detach", commit]),
            });
            commands.extend(submodules(request));
            let mut log = vec![format!(
                "{name}: {} at {} from {}",
                stored.reference,
                commit.get(..12).unwrap_or(commit),
                stored.from
            )];
            log.extend(stored.notice);
            Ok(CheckoutPlan {
                log,
                view: None,
                commands,
                reference: stored.reference,
                commit: stored.commit.to_string(),
                ..CheckoutPlan::default()
            })
        }
        Err(unavailable) => match &request.token {
            Some(token) => Ok(inside(name, server, request, token)),
            None => Err(CheckoutUnavailable(unavailable.to_string())),
        },
    }
}

/// With a token, the job fetches by itself as the action does: what only the token may read does not enter the shared store.
fn inside(name: &str, server: &str, request: &CheckoutRequest, token: &Secret) -> CheckoutPlan {
    let url = format!("{server}/{name}");
    let header = format!("AUTHORIZATION: basic {}", STANDARD.encode(format!("x-access-token:{}", token.expose())));
    let authorised = |mut command: CheckoutCommand| {
        let key = format!("http.{server}/.extraheader");
        command.env.extend([("GIT_CONFIG_COUNT".to_owned(), "1".to_owned()), ("GIT_CONFIG_KEY_0".to_owned(), key)]);
        command.secret_env.push(("GIT_CONFIG_VALUE_0".to_owned(), Secret::new(header.clone())));
        command
    };
    let wanted = request.reference.clone().unwrap_or_else(|| "HEAD".to_owned());
    let depth = (request.fetch_depth > 0).then(|| format!("--depth={}", request.fetch_depth));
    let fetch =
        ["fetch", "--quiet", "--no-tags"].into_iter().chain(depth.as_deref()).chain(["--", "origin", wanted.as_str()]);
    let mut commands = vec![
        git(["init", "--quiet", "."]),
        git(["remote", "add", "origin", &url]),
        authorised(git(fetch)),
        git(["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]),
    ];
    commands.extend(submodules(request).into_iter().map(authorised));
    CheckoutPlan {
        log: vec![format!("{name}: {wanted} from {url}, with the token")],
        view: None,
        commands,
        reference: wanted,
        ..CheckoutPlan::default()
    }
}

fn submodules(request: &CheckoutRequest) -> Vec<CheckoutCommand> {
    match request.submodules {
        Submodules::AsTheyAre => Vec::new(),
        Submodules::Direct => submodule_commands(false, request.fetch_depth),
        Submodules::Recursive => submodule_commands(true, request.fetch_depth),
    }
}
