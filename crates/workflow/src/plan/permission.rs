//! What a called workflow may ask for: no more than its caller has.

use super::TokenPolicy;
use crate::model::{PermissionLevel, Permissions};

/// The scopes, in the order in which messages name them.
const SCOPES: [&str; 20] = [
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "code-quality",
    "contents",
    "copilot-requests",
    "deployments",
    "discussions",
    "drives",
    "issues",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "statuses",
    "security-events",
    "id-token",
    "models",
    "vulnerability-alerts",
];

/// What is asked beyond what is allowed, both as `scope: level` lists; `None` when nothing is.
pub(super) fn excess(
    requested: &Permissions,
    allowed: Option<&Permissions>,
    policy: TokenPolicy,
) -> Option<(String, String)> {
    let beyond: Vec<(&str, PermissionLevel, PermissionLevel)> = SCOPES
        .iter()
        .map(|scope| {
            let most = allowed.map_or_else(|| policy_level(policy, scope), |allowed| level(allowed, scope));
            (*scope, level(requested, scope), most)
        })
        .filter(|(_, requested, most)| requested > most)
        .collect();
    if beyond.is_empty() {
        return None;
    }
    let list = |pick: fn(&(&str, PermissionLevel, PermissionLevel)) -> PermissionLevel| {
        beyond.iter().map(|entry| format!("{}: {}", entry.0, name(pick(entry)))).collect::<Vec<_>>().join(", ")
    };
    Some((list(|entry| entry.1), list(|entry| entry.2)))
}

/// What permissions say of a scope.
fn level(permissions: &Permissions, scope: &str) -> PermissionLevel {
    match permissions {
        Permissions::All(level) => capped(level.value, scope),
        Permissions::Scopes(scopes, _) => scopes
            .iter()
            .find(|(name, _)| name.value == scope)
            .map_or(PermissionLevel::None, |(_, level)| capped(level.value, scope)),
    }
}

fn policy_level(policy: TokenPolicy, scope: &str) -> PermissionLevel {
    match policy {
        TokenPolicy::Write => capped(PermissionLevel::Write, scope),
        TokenPolicy::LimitedRead if matches!(scope, "contents" | "packages") => PermissionLevel::Read,
        TokenPolicy::LimitedRead => PermissionLevel::None,
    }
}

/// Some scopes cannot be written.
fn capped(level: PermissionLevel, scope: &str) -> PermissionLevel {
    match scope {
        "models" | "vulnerability-alerts" => level.min(PermissionLevel::Read),
        _ => level,
    }
}

const fn name(level: PermissionLevel) -> &'static str {
    match level {
        PermissionLevel::None => "none",
        PermissionLevel::Read => "read",
        PermissionLevel::Write => "write",
    }
}
