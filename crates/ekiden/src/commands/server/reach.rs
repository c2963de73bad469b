//! Where a server listens, the address that others call it by, and the one that actions come from. Called by `settle`.

use crate::failure::Failure;
use server::serve::{ActionsFrom, is_reserved};
use std::net::{Ipv6Addr, SocketAddr};

/// Tokens and logs go over this connection: in the open only where nobody else listens.
pub(super) fn check_listen(listen: SocketAddr, behind_proxy: bool) -> Result<(), Failure> {
    if listen.ip().is_loopback() || behind_proxy {
        return Ok(());
    }
    Err(Failure::usage(format!("{listen} is open to others, and this server speaks without TLS"))
        .fact("tokens, secrets and logs would go over the network in the open")
        .fix("--tls-cert FILE --tls-key FILE, where this is `ekiden server`")
        .fix(format!("--listen 127.0.0.1:{}, with a proxy that ends TLS on this machine", listen.port()))
        .fix("--behind-proxy, where the proxy is on another machine of a network of yours"))
}

/// Runners, jobs and links are given one address: all addresses of a machine are none.
pub(super) fn check_url(listen: SocketAddr, url: Option<&str>) -> Result<(), Failure> {
    if url.is_some() || !listen.ip().is_unspecified() {
        return Ok(());
    }
    Err(Failure::usage(format!("{listen} is every address of this machine, and none that others can call"))
        .fact("runners, jobs and links are given the server's address")
        .fix("--url https://ci.example.org, as people and runners reach it")
        .fix(format!("--listen ADDRESS:{}, the one address that they use", listen.port())))
}

/// What speaks TLS is not reached without.
pub(super) fn check_scheme(url: Option<&str>) -> Result<(), Failure> {
    let Some(rest) = url.and_then(|url| url.strip_prefix("http://")) else { return Ok(()) };
    Err(Failure::usage(format!("--url http://{rest} is without TLS, and this server speaks TLS alone (--tls-cert)"))
        .fact("runners, jobs and links are given that address, and none of them would reach the server")
        .fix(format!("--url https://{rest}"))
        .fix("--behind-proxy, where a proxy speaks without TLS to people and with it to the server"))
}

/// Where actions come from.
pub(super) fn actions(from: Option<&str>) -> Result<ActionsFrom, Failure> {
    match from {
        None => Ok(ActionsFrom::default()),
        Some("self") => Ok(ActionsFrom::Own),
        Some(url) => address(url).map(ActionsFrom::Url).ok_or_else(|| {
            Failure::usage(format!("--actions-url {url} is no address that actions can be cloned from"))
                .fix("--actions-url https://git.example.org, or self for projects of this server")
        }),
    }
}

pub(super) fn public(url: &str) -> Result<String, Failure> {
    let fix = "--url https://ci.example.org, with a path where there is one";
    let wrong = || Failure::usage(format!("--url {url} is no address that people can open"));
    let address = address(url).ok_or_else(|| wrong().fix(fix))?;
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let Some(path) = path else { return Ok(address) };
    if let Some(odd) = path.split('/').find(|part| !is_segment(part)) {
        return Err(wrong()
            .fact(format!("'{odd}' is no part of its path: parts are of letters, digits, '-', '.', '_' and '~', and none is empty, '.' or '..'"))
            .fix("--url https://ci.example.org/ci"));
    }
    let first = path.split('/').next().unwrap_or_default();
    if is_reserved(first) {
        return Err(wrong()
            .fact(format!("the server has pages of its own at /{first}"))
            .fix(format!("--url {}ci, or another path", address.strip_suffix(path).unwrap_or(&address))));
    }
    Ok(address)
}

fn is_segment(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    !matches!(part, "" | "." | "..") && part.bytes().all(is_plain)
}

/// An address of http, without a slash at its end.
fn address(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())?,
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            let is_name = host.chars().all(|one| one.is_alphanumeric() || "._-".contains(one));
            (Some(host).filter(|_| is_name)?, port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => port.is_empty(),
    };
    let is_one =
        !host.is_empty() && is_port && !rest.contains(['?', '#', '@', '\\']) && !rest.contains(char::is_whitespace);
    is_one.then(|| url.strip_suffix('/').unwrap_or(url).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{ActionsFrom, actions, check_listen, check_scheme, check_url, public};
    use crate::exit::Exit;

    #[test]
    fn other_addresses_than_loopback_want_a_proxy() {
        assert!(check_listen("127.0.0.1:1".parse().unwrap(), false).is_ok());
        assert!(check_listen("[::1]:1".parse().unwrap(), false).is_ok());
        assert!(check_listen("0.0.0.0:1".parse().unwrap(), true).is_ok());
        let refused = check_listen("0.0.0.0:4600".parse().unwrap(), false).unwrap_err();
        assert!(refused.to_string().contains("--behind-proxy") && refused.to_string().contains("127.0.0.1:4600"));
    }

    #[test]
    fn all_addresses_of_a_machine_want_the_one_that_others_call() {
        for listen in ["0.0.0.0:4600", "[::]:4600"] {
            let listen = listen.parse().unwrap();
            let refused = check_url(listen, None).unwrap_err().to_string();
            assert!(refused.contains("--url") && refused.contains("--listen ADDRESS:4600"), "{refused}");
            assert!(check_url(listen, Some("https://ci.example.org")).is_ok());
        }
        assert!(check_url("192.0.2.1:4600".parse().unwrap(), None).is_ok());
    }

    #[test]
    fn what_speaks_tls_is_called_so() {
        assert!(check_scheme(None).is_ok() && check_scheme(Some("https://ci.example.org")).is_ok());
        let refused = check_scheme(Some("http://ci.example.org/x")).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.to_string().contains("--url https://ci.example.org/x"), "{refused}");
    }

    #[test]
    fn actions_come_from_github_or_where_one_says() {
        assert_eq!(actions(None).unwrap(), ActionsFrom::GitHub);
        assert_eq!(actions(Some("self")).unwrap(), ActionsFrom::Own);
        let other = ActionsFrom::Url("https://git.example.org/x".to_owned());
        assert_eq!(actions(Some("https://git.example.org/x/")).unwrap(), other);
        assert!(actions(Some("git.example.org")).unwrap_err().to_string().contains("self"));
    }

    #[test]
    fn public_addresses() {
        for (url, same) in [
            ("https://ci.example.org/ekiden/", "https://ci.example.org/ekiden"),
            ("http://[::1]:80/a/b_c~d.e-f", "http://[::1]:80/a/b_c~d.e-f"),
            ("http://127.0.0.1:4600", "http://127.0.0.1:4600"),
            ("https://bücher.example", "https://bücher.example"),
        ] {
            assert_eq!(public(url).unwrap(), same);
        }
        for word in ["runners", "login", "queue", "metrics", "healthz", "assets", "api/v1", "API"] {
            let told = public(&format!("https://x.org/{word}")).unwrap_err().to_string();
            assert!(told.contains("pages of its own") && told.contains("https://x.org/ci"), "{told}");
        }
        for path in ["{a}", "*x", "/ci", "../ci", "a/./b", "a//b", "ci//", "a%20b", ":x", "é"] {
            let told = public(&format!("https://x.org/{path}")).unwrap_err().to_string();
            assert!(told.contains("part of its path"), "{told}");
        }
        for wrong in [
            "ci.example.org",
            "https://",
            "https:///x",
            "ftp://x",
            "https://u:p@x",
            "https://x?y",
            "https://x:99999",
            "https://x:0",
            "https://x:",
            "https://[::1",
            "https://a b",
            "https://a\\\\b",
        ] {
            assert!(public(wrong).is_err(), "{wrong}");
        }
    }
}
