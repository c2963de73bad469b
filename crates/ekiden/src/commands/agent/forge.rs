//! How the forge is reached: its URL as people give it, whom to believe, and what each fault of a call means to a person.

use crate::exit::Exit;
use crate::failure::Failure;
use protocol::{Authority, CallError, Client, ClientError, ClientSettings};
use std::path::Path;
use std::time::Duration;

/// The version that forges see.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long one call of a person's command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to say whose server it is.
const WHOSE: Duration = Duration::from_secs(5);

/// The URL of an instance, as people give it: without a slash at its end, and nothing but the instance.
pub(super) fn instance(text: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::usage(format!("'{text}' is not the URL of an instance: {why}"));
    let url = text.trim().trim_end_matches('/');
    if url.is_empty() {
        return Err(wrong("it is empty").fix("give it as https://forge.example.org"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(wrong("it has no scheme").fix(format!("--instance https://{url}")));
    };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(wrong("a forge is reached by http or https").fix(format!("--instance https://{rest}")));
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong("it has no host").fix("give it as https://forge.example.org"));
    }
    if host.contains('@') {
        return Err(wrong("it holds a user name or password; runners need none")
            .fix(format!("--instance {scheme}://{}", host.rsplit('@').next().unwrap_or_default())));
    }
    if url.contains(['?', '#']) {
        let plain = url.split(['?', '#']).next().unwrap_or_default();
        return Err(wrong("it has a query or a fragment").fix(format!("--instance {}", plain.trim_end_matches('/'))));
    }
    // What people copy from the page where the token is shown.
    let pages = ["-/admin", "admin/actions", "user/settings", "user/login", "api/actions", "api/v1", "org/"];
    if let Some(at) = pages.iter().find_map(|page| path.find(page)) {
        let base = format!("{scheme}://{host}/{}", &path[..at]);
        return Err(wrong("it is a page of the instance").fix(format!("--instance {}", base.trim_end_matches('/'))));
    }
    Ok(url.to_owned())
}

/// Whom to believe.
pub(super) fn authority(insecure: bool, ca_file: Option<&Path>) -> Result<Authority, Failure> {
    match (insecure, ca_file) {
        (true, _) => Ok(Authority::Anybody),
        (false, None) => Ok(Authority::System),
        (false, Some(path)) => std::fs::read(path).map(Authority::Also).map_err(|error| {
            Failure::not_found(format!("the certificates in {} cannot be read", path.display())).cause(&error)
        }),
    }
}

/// A client for a person's command.
pub(super) fn client_with(url: &str, insecure: Option<bool>, ca_file: Option<&Path>) -> Result<Client, Failure> {
    let authority = authority(insecure.unwrap_or(false), ca_file)?;
    let settings = ClientSettings { authority, timeout: PATIENCE, ..ClientSettings::new(url, VERSION) };
    Client::new(&settings).map_err(|error| client_failure(&error))
}

/// Whose server an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    /// Another forge's, or not to be known.
    Another,
}

/// Asks a server whose it is: ours says so with its version.
pub(super) async fn whose(url: &str, ca_file: Option<&Path>) -> Whose {
    let authority = ca_file.and_then(|file| std::fs::read(file).ok());
    let settings = api::ClientSettings {
        url: url.to_owned(),
        token: None,
        authority: authority.map_or(api::Authority::System, api::Authority::Also),
        timeout: WHOSE,
        version: VERSION.to_owned(),
    };
    let Ok(client) = api::Client::new(&settings) else { return Whose::Another };
    match client.version().await {
        Ok(version) if version.ekiden.is_some() => Whose::Ours,
        _ => Whose::Another,
    }
}

/// What makes a client impossible.
pub(super) fn client_failure(error: &ClientError) -> Failure {
    match error {
        ClientError::Url { .. } => Failure::usage(error.to_string()),
        ClientError::Authority(_) => Failure::invalid(error.to_string()),
        ClientError::Setup(_) => Failure::platform(error.to_string()),
    }
}

/// What a fault of a call means to a person.
pub(crate) fn call_failure(error: &CallError) -> Failure {
    let fact = error.to_string();
    match error {
        CallError::Credentials { url, message } => {
            Failure::new(Exit::Auth, format!("{url} does not accept the token")).fact(message)
        }
        CallError::Unsupported { url, message, .. } => {
            let failure = Failure::not_found(format!("{url} is no instance with Actions")).fact(message);
            match message.strip_prefix("it redirects to ").and_then(|rest| rest.strip_suffix("; give that URL")) {
                Some(to) => failure.fix(match to.find("/api/actions") {
                    Some(at) => format!("--instance {}", &to[..at]),
                    None => format!("give the URL that does not redirect; this one leads to {to}"),
                }),
                None => failure
                    .fix("give the URL under which a browser shows the instance's start page, with its sub-path if it has one")
                    .fix("switch Actions on there ([actions] ENABLED = true in app.ini); Gitea from 1.21, Forgejo from 7"),
            }
        }
        CallError::Unavailable { url, message, .. } => unreachable(url, message),
        CallError::TimedOut { url, after, .. } => {
            Failure::new(Exit::Unreachable, format!("{url} cannot be reached"))
                .fact(format!("no answer within {} s", after.as_secs()))
                .fix("check the host's name, the firewall and the proxy variables (HTTPS_PROXY, NO_PROXY)")
        }
        CallError::Garbled { url, .. } => Failure::not_found(format!("{url} is no instance with Actions"))
            .fact(fact)
            .fix("a page of a proxy or of another program answers there: give the URL of the instance itself, and let /api/actions through"),
        CallError::LogClosed { .. } | CallError::TooLarge { .. } | CallError::Refused { .. } => {
            Failure::platform("the forge refused").fact(fact)
        }
    }
}

fn unreachable(url: &str, message: &str) -> Failure {
    let failure = Failure::new(Exit::Unreachable, format!("{url} cannot be reached")).fact(message);
    let text = message.to_ascii_lowercase();
    if text.contains("causedasendentity") {
        return failure
            .fix("the forge's certificate says that it is an authority (CA:TRUE): make one for it with basicConstraints=CA:FALSE, and give that with --ca-file")
            .fix("--insecure believes any certificate: whoever sits between can read the runner's key");
    }
    if text.contains("certificate") {
        return failure
            .fix("--ca-file FILE, with the PEM of the authority that signed the forge's certificate")
            .fix("--insecure believes any certificate: whoever sits between can read the runner's key");
    }
    if text.contains("corrupt message") || text.contains("invalidcontenttype") || text.contains("handshake eof") {
        return failure
            .fix(format!("if the port speaks no TLS: --instance {}", url.replacen("https://", "http://", 1)));
    }
    if text.contains("dns") || text.contains("lookup") || text.contains("resolve") {
        return failure.fix("check the host's name");
    }
    failure.fix("check that the forge runs there and that no firewall or proxy stands between")
}

#[cfg(test)]
mod tests {
    use super::instance;

    #[test]
    fn what_people_paste_is_taken_or_put_right() {
        for good in ["https://forge.example.org", "http://127.0.0.1:3000", "https://example.org/gitea/"] {
            assert_eq!(instance(good).unwrap(), good.trim_end_matches('/'));
        }
        for (wrong, fix) in [
            ("forge.example.org", "--instance https://forge.example.org"),
            ("ssh://forge.example.org", "--instance https://forge.example.org"),
            ("https://u:p@forge.example.org", "--instance https://forge.example.org"),
            ("https://forge.example.org/-/admin/actions/runners", "--instance https://forge.example.org"),
            ("https://example.org/gitea/user/login?redirect_to=%2f", "--instance https://example.org/gitea/user/login"),
            ("https://example.org/gitea/api/actions", "--instance https://example.org/gitea"),
        ] {
            assert_eq!(instance(wrong).unwrap_err().fixes, [fix], "{wrong}");
        }
        assert!(instance("").is_err() && instance("https://").is_err());
    }
}
