//! `server.connections` of Forgejo's runner: registrations that stand in the configuration itself.

use super::{Identity, ImportError, keys, value};
use domain::{RunnerLife, Secret};
use std::io;
use workflow::yaml::{Node, NodeKind};

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    name: String,
    url: String,
    uuid: String,
    token: Token,
    labels: Vec<String>,
    /// How often its forge is asked; absent at that runner's default.
    fetch_interval: Option<String>,
}

/// What a connection says.
pub(super) struct Chosen {
    pub(super) identity: Identity,
    /// The key that says how often its forge is asked, and what it says.
    pub(super) fetch_interval: Option<(String, String)>,
}

#[derive(Debug, Clone)]
enum Token {
    Here(Secret),
    At(String),
}

/// Reads the mapping of names to connections; the error has a line.
pub(super) fn read(node: &Node<'_>) -> Result<Vec<Connection>, (u32, String)> {
    let wrong = |node: &Node<'_>, reason: &str| (node.span.line, reason.to_owned());
    let NodeKind::Mapping(pairs) = &node.kind else {
        return match node.kind {
            NodeKind::Null => Ok(Vec::new()),
            _ => Err(wrong(node, "it must be names with connections")),
        };
    };
    pairs.iter().map(|(name, node)| one(value::text(name).unwrap_or_default(), node)).collect()
}

fn one(name: String, node: &Node<'_>) -> Result<Connection, (u32, String)> {
    let NodeKind::Mapping(pairs) = &node.kind else {
        return Err((node.span.line, format!("the connection {name} must have url, uuid and token or token_url")));
    };
    let wrong_key = |node: &Node<'_>, reason: &str| (node.span.line, format!("fetch_interval: {reason}"));
    let mut connection = Connection {
        name,
        url: String::new(),
        uuid: String::new(),
        token: Token::Here(Secret::new("")),
        labels: Vec::new(),
        fetch_interval: None,
    };
    for (key, node) in pairs.iter() {
        let key = value::text(key).unwrap_or_default();
        let text = || value::text(node).ok_or((node.span.line, format!("{key} must be a text")));
        match key.as_str() {
            "url" => connection.url = text()?,
            "uuid" => connection.uuid = text()?,
            "token" => connection.token = Token::Here(Secret::new(text()?)),
            "token_url" => connection.token = Token::At(text()?),
            "labels" => {
                connection.labels =
                    value::list(node).ok_or((node.span.line, "labels must be a list of texts".to_owned()))?;
            }
            "fetch_interval" => {
                let is_default = value::text(node).is_some_and(|text| keys::FETCH_INTERVAL.contains(&text.as_str()));
                let interval = keys::time(node).map_err(|reason| wrong_key(node, reason))?;
                connection.fetch_interval = (!is_default).then_some(interval);
            }
            other => {
                return Err((node.span.line, format!("the connection {} has an unknown key {other}", connection.name)));
            }
        }
    }
    Ok(connection)
}

/// The connection that was asked for, else the only one.
pub(super) fn choose(
    connections: &[Connection],
    wanted: Option<&str>,
    read: &impl Fn(&str) -> io::Result<String>,
) -> Result<Chosen, ImportError> {
    let names = || connections.iter().map(|connection| connection.name.clone()).collect();
    let connection = match (wanted, connections) {
        (_, []) => return Err(ImportError::NoRegistration),
        (None, [only]) => only,
        (None, _) => return Err(ImportError::Connections(names())),
        (Some(wanted), _) => connections
            .iter()
            .find(|connection| connection.name == wanted)
            .ok_or_else(|| ImportError::NoConnection { wanted: wanted.to_owned(), known: names() })?,
    };
    let token = match &connection.token {
        Token::Here(token) => token.clone(),
        Token::At(url) => {
            let fault = |source| ImportError::TokenFile { url: url.clone(), source };
            let path = match url.split_once(':') {
                Some(("file", path)) => path.strip_prefix("//").unwrap_or(path),
                Some(_) => return Err(fault(io::Error::other("it is no file: URL"))),
                None => url,
            };
            Secret::new(read(path).map_err(fault)?.trim())
        }
    };
    let key = || format!("server.connections.{}.fetch_interval", connection.name);
    let fetch_interval = connection.fetch_interval.clone().map(|interval| (key(), interval));
    let identity = Identity {
        instance: connection.url.clone(),
        // The forge says it when the agent first declares itself.
        id: 0,
        name: connection.name.clone(),
        uuid: connection.uuid.clone(),
        token,
        labels: connection.labels.clone(),
        life: RunnerLife::Lasting,
    };
    Ok(Chosen { identity, fetch_interval })
}
