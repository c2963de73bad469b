//! `uses` of steps and of jobs.

use crate::action_source::ActionRef;
use crate::model::Uses;

/// What a step's `uses` names; `None` when it has no known form.
pub(super) fn step(text: &str) -> Option<Uses> {
    if let Some(image) = text.strip_prefix("docker://") {
        return Some(Uses::Docker(image.to_owned()));
    }
    if text.starts_with("./") || text.starts_with(".\\") {
        return Some(Uses::Local(text.to_owned()));
    }
    if let Some(path) = text.strip_prefix("$/") {
        let path = path.trim_start_matches('/');
        return (!path.is_empty()).then(|| Uses::Same(path.to_owned()));
    }
    repository(text).map(Uses::Repository)
}

/// What a job's `uses` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// `./path`: a file of the same repository and commit as the caller, without the `./`.
    Local(String),
    /// A file of another repository.
    Remote(ActionRef),
}

/// What a job's `uses` names; `None` when it has no known form.
pub(crate) fn call(text: &str) -> Option<Call> {
    if let Some(path) = text.strip_prefix("./") {
        // Nothing outside the repository can be called.
        let inside = path.split('/').all(|part| !part.is_empty() && part != "..");
        return (inside && !path.contains('@')).then(|| Call::Local(path.to_owned()));
    }
    let rooted = text.starts_with('/');
    repository(text).filter(|reference| !rooted && !reference.path.is_empty()).map(Call::Remote)
}

/// Says that a job's `uses` has no known form.
pub(crate) fn invalid_call(text: &str) -> String {
    format!(
        "Invalid workflow reference '{text}': expected ./path/to/workflow.yml or owner/repo/path/to/workflow.yml@ref"
    )
}

/// `owner/repo[/path]@ref`, or `https://host/owner/repo[/path]@ref`, which some forges accept.
fn repository(text: &str) -> Option<ActionRef> {
    let (host, rest) = match text.find("://") {
        Some(scheme) if matches!(&text[..scheme], "https" | "http") => {
            let slash = text[scheme + 3..].find('/')? + scheme + 3;
            (Some(text[..slash].to_owned()), &text[slash + 1..])
        }
        Some(_) => return None,
        None => (None, text),
    };
    let (path, reference) = rest.split_once('@')?;
    // What starts with a dash is no name of a branch, tag or commit, and `..` leads out of the repository.
    if reference.is_empty() || reference.starts_with('-') || reference.contains('@') {
        return None;
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return None;
    }
    let mut parts = path.split(['/', '\\']).filter(|part| !part.is_empty());
    let (owner, name) = (parts.next()?, parts.next()?);
    Some(ActionRef {
        host,
        repository: format!("{owner}/{name}"),
        path: parts.collect::<Vec<_>>().join("/"),
        reference: reference.to_owned(),
    })
}

/// What a generated step id says of a `uses`.
pub(super) fn id_of(uses: &Uses) -> &str {
    match uses {
        Uses::Docker(image) => image,
        Uses::Local(_) => "self",
        Uses::Same(_) => "selfRepository",
        Uses::Repository(action) => &action.repository,
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, call, step};
    use crate::model::Uses;

    #[test]
    fn forms_of_steps() {
        assert_eq!(step("docker://alpine:3.8"), Some(Uses::Docker("alpine:3.8".into())));
        assert_eq!(step("./a"), Some(Uses::Local("./a".into())));
        assert_eq!(step("$/a/b"), Some(Uses::Same("a/b".into())));
        let Some(Uses::Repository(action)) = step("actions/cache/save@v4") else { panic!("no repository") };
        assert_eq!(
            (action.repository.as_str(), action.path.as_str(), action.reference.as_str()),
            ("actions/cache", "save", "v4")
        );
        let Some(Uses::Repository(action)) = step("https://code.example.org/a/b@main") else { panic!("no repository") };
        assert_eq!((action.host.as_deref(), action.repository.as_str()), (Some("https://code.example.org"), "a/b"));
        for bad in [
            "",
            "a",
            "a/b",
            "a/b@",
            "@v1",
            "badrepo@invalid",
            "a/b@c@d",
            "...docker://alpine:3.8",
            "ftp://h/a/b@c",
            "$/",
        ] {
            assert_eq!(step(bad), None, "{bad}");
        }
    }

    #[test]
    fn forms_of_jobs() {
        assert_eq!(call("./.github/workflows/a.yml"), Some(Call::Local(".github/workflows/a.yml".into())));
        assert!(matches!(call("o/r/.github/workflows/a.yml@v1"), Some(Call::Remote(_))));
        for bad in [
            "./../a.yml",
            "./a//b.yml",
            ".//etc/x.yml",
            "o/r/../../x.yml@v1",
            "o/r/a.yml@--x",
            "o/r@v1",
            "a.yml",
            "./a.yml@v1",
            "o/r/a.yml",
            "docker://x",
        ] {
            assert_eq!(call(bad), None, "{bad}");
        }
    }
}
