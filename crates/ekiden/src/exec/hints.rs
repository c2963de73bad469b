//! What the last lines of a failed step say about the machine: a program that is elsewhere, an address that jobs do not reach, a
//! token that nobody gave. Called by [`super::machine::remarks`].

use super::expose;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// What the run has told already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing of the kind.
    Nothing,
    /// Which targets the way out refused.
    Refusals,
}

/// Hints at flags, for a person.
pub(crate) fn of_failure(lines: &[&str], told: Told) -> Vec<String> {
    let mut hints = Vec::new();
    let last = &lines[lines.len().saturating_sub(5)..];
    let (home, path) = (std::env::var_os("HOME"), std::env::var_os("PATH"));
    if let (Some(program), Some(home), Some(path)) =
        (last.iter().rev().find_map(|line| missing_command(line)), home, path)
        && let Some(flag) = expose::flag_for(program, Path::new(&home), &path)
    {
        hints.push(format!("{program} is on this machine, but not where jobs find it; {flag} brings it in"));
    }
    if told == Told::Nothing
        && let Some(target) = lines.iter().rev().find_map(|line| refused_target(line))
    {
        hints.push(format!(
            "{target} lies in a range that jobs do not reach, or is the job's own; --allow {target} opens that of this machine's network"
        ));
    }
    if lines.iter().any(|line| lacks_token(line)) {
        hints.push(
            "the action wants a token, and github.token is empty here; --secret GITHUB_TOKEN gives one".to_owned(),
        );
    }
    hints
}

/// As the toolkit says that `with` lacks an input; with `github.token` as its default, it was empty.
fn lacks_token(line: &str) -> bool {
    line.split_once("Input required and not supplied: ").is_some_and(|(_, input)| input.trim_end().ends_with("token"))
}

/// The address in a refused range to which a connection was refused, as programs tell it.
fn refused_target(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    if !["connection refused", "econnrefused", "couldn't connect", "failed to connect"]
        .iter()
        .any(|words| lower.contains(words))
    {
        return None;
    }
    let mut words =
        line.split(|c: char| c.is_whitespace() || "/()'\",;=<>@".contains(c)).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let word = word.trim_end_matches(['.', ':']);
        let (address, port) = match (word.parse::<SocketAddr>(), word.trim_matches(['[', ']']).parse::<IpAddr>()) {
            (Ok(both), _) => (both.ip(), Some(both.port())),
            (_, Ok(address)) => {
                let mut behind =
                    words.clone().map(|word| word.trim_end_matches(['.', ':'])).skip_while(|word| *word == "port");
                (address, behind.next().and_then(|word| word.parse().ok()))
            }
            _ => continue,
        };
        let is_open = egress::Policy::default().allows(None, address, port.unwrap_or(0));
        // The loopback is the job's own; only with a port can that of the machine be opened.
        if is_open || address.is_loopback() && port.is_none() {
            continue;
        }
        return Some(port.map_or_else(|| address.to_string(), |port| SocketAddr::new(address, port).to_string()));
    }
    None
}

/// The program that a shell, `env` or `make` did not find.
fn missing_command(line: &str) -> Option<&str> {
    const ENDS: [&str; 5] = [
        ": command not found",
        ": not found",
        ": No such file or directory",
        ": executable file not found in $PATH",
        " not found in PATH",
    ];
    // As a step that could not be started says it: what follows is a hint already.
    let line = line.split(": command not found in the sandbox").next().filter(|line| !line.contains("##[error]"))?;
    let line = line.trim_end();
    let before = ENDS.iter().find_map(|end| line.strip_suffix(end))?;
    let program = before.rsplit(": ").next()?.trim_matches(['\'', '"', '`', '\u{2018}', '\u{2019}']);
    // A path is no command that was looked up.
    Some(program).filter(|program| !program.is_empty() && !program.contains(['/', ' ']))
}

#[cfg(test)]
mod tests {
    use super::{lacks_token, missing_command, refused_target};

    #[test]
    fn programs_say_to_which_address_they_did_not_come() {
        for (line, target) in [
            ("x.sh: line 1: /dev/tcp/10.1.2.3/80: Connection refused", Some("10.1.2.3:80")),
            (
                "curl: (7) Failed to connect to 10.1.2.3 port 81 after 0 ms: Couldn't connect to server",
                Some("10.1.2.3:81"),
            ),
            ("Error: connect ECONNREFUSED 192.168.1.9:82", Some("192.168.1.9:82")),
            ("nc: connect to 172.16.0.9 port 5432 (tcp) failed: Connection refused", Some("172.16.0.9:5432")),
            (
                "ConnectionRefusedError: [Errno 111] Connection refused: ('169.254.169.254', 80)",
                Some("169.254.169.254:80"),
            ),
            ("dial tcp [fd00::1]:443: connect: connection refused", Some("[fd00::1]:443")),
            ("ssh: connect to host 10.0.0.7 port 22: Connection refused", Some("10.0.0.7:22")),
            ("connect ECONNREFUSED 127.0.0.1:5432", Some("127.0.0.1:5432")),
            ("connect to 127.0.0.1: Connection refused", None),
            ("connect to 93.184.216.34 port 80: Connection refused", None),
            ("10.0.0.1 answered", None),
        ] {
            assert_eq!(refused_target(line).as_deref(), target, "{line}");
        }
    }

    #[test]
    fn an_action_without_its_token_is_told_apart() {
        assert!(lacks_token("Error: Input required and not supplied: github-token"));
        assert!(!lacks_token("Error: Input required and not supplied: path"));
    }

    #[test]
    fn shells_say_what_they_did_not_find() {
        assert_eq!(missing_command("/work/_temp/x.sh: line 1: cargo: command not found"), Some("cargo"));
        assert_eq!(missing_command("x.sh: 1: node: not found\n"), Some("node"));
        assert_eq!(missing_command("env: \u{2018}cargo\u{2019}: No such file or directory"), Some("cargo"));
        assert_eq!(missing_command("/usr/bin/env: 'python': No such file or directory"), Some("python"));
        assert_eq!(missing_command("make: go: No such file or directory"), Some("go"));
        assert_eq!(missing_command("cat: some/file: No such file or directory"), None);
        assert_eq!(missing_command("error: no such file"), None);
    }
}
