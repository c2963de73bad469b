//! Addresses of the server's own, which no owner may be called by. Asked by REST where a project is made, and by `up`.

use super::routes::public_path;

/// The first words of all routes that are no project's.
const RESERVED: [&str; 10] =
    ["api", "assets", "changes", "healthz", "login", "logout", "metrics", "queue", "readyz", "runners"];

/// Whether an owner of this name would have the address of a page of the server's own.
#[must_use]
pub fn is_reserved(owner: &str) -> bool {
    RESERVED.iter().any(|word| word.eq_ignore_ascii_case(owner))
}

/// Whether an owner is called like the first word of the public path: behind a proxy that takes the path away, its addresses would be taken for that.
pub(crate) fn is_of_path(url: &str, owner: &str) -> bool {
    let first = public_path(url).and_then(|path| path.split('/').nth(1));
    first.is_some_and(|first| first.eq_ignore_ascii_case(owner))
}

#[cfg(test)]
mod tests {
    use super::{RESERVED, is_of_path, is_reserved};
    use std::collections::BTreeSet;

    /// The first words of the paths that are written in these files.
    fn words(files: &[&'static str]) -> BTreeSet<&'static str> {
        let paths = files.iter().flat_map(|text| text.split("\"/").skip(1));
        let words = paths.filter_map(|path| path.split(['/', '"']).next());
        words.filter(|word| !word.is_empty() && !word.starts_with('{') && !word.contains(char::is_whitespace)).collect()
    }

    #[test]
    fn every_route_of_the_servers_own_is_kept_from_owners() {
        let mut found = words(&[include_str!("health.rs"), include_str!("../page/routes.rs")]);
        found.extend(protocol::BASE_PATH.trim_start_matches('/').split('/').next());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), RESERVED);
        assert!(is_reserved("API") && !is_reserved("apis"));
        assert!(
            is_of_path("https://h/ci/x", "CI") && !is_of_path("https://h/ci/x", "x") && !is_of_path("https://h", "h")
        );
    }
}
