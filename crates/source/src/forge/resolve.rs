//! What a checkout is to stand at: the run's own commit, a full commit, or what the forge says of a branch or tag.

use super::{ForgeOptions, OwnRepository};
use crate::git::Git;
use crate::repository::{CommitId, is_plain_reference};
use domain::Secret;
use std::time::Duration;

/// A commit and the name that it goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) commit: CommitId,
    /// `refs/…`, or the commit itself.
    pub(super) full: String,
}

/// How long the forge may take to say which commit a name is.
const PATIENCE: Duration = Duration::from_secs(60);

/// The target of a `ref` input; the error says what the forge said.
pub(super) fn target(
    options: &ForgeOptions,
    token: Option<&Secret>,
    name: &str,
    own: Option<&OwnRepository>,
    reference: Option<&str>,
) -> Result<Target, String> {
    if let (None, Some(own)) = (reference, own)
        && let Ok(commit) = CommitId::parse(&own.commit)
    {
        let full = if own.reference.starts_with("refs/") { own.reference.clone() } else { own.commit.clone() };
        return Ok(Target { commit, full });
    }
    if let Some(commit) = reference.and_then(|text| CommitId::parse(text).ok()) {
        return Ok(Target { full: commit.to_string(), commit });
    }
    if reference.is_some_and(|reference| !is_plain_reference(&format!("refs/heads/{reference}"))) {
        return Err(format!("'{}' is not a valid branch, tag or commit", reference.unwrap_or_default()));
    }
    let wanted: Vec<String> = match reference {
        None => vec!["HEAD".to_owned()],
        Some(full) if full.starts_with("refs/") => vec![full.to_owned()],
        Some(short) => vec![format!("refs/heads/{short}"), format!("refs/tags/{short}")],
    };
    let url = options.url(name);
    let patterns = wanted.iter().flat_map(|name| [name.clone(), format!("{name}^{{}}")]);
    let git = options
        .git(Git::new(), token)
        .timeout(PATIENCE)
        .args(["ls-remote", "--quiet", "--symref"])
        .args(options.upload_pack())
        .args(["--", &url])
        .args(patterns);
    let output = git.output().map_err(|error| format!("{url}: {error}"))?;
    read(&String::from_utf8_lossy(&output), &wanted)
        .ok_or_else(|| format!("{url}: it has no branch or tag '{}'", reference.unwrap_or("HEAD")))
}

/// Lines `<id>\t<name>`, `ref: <name>\tHEAD` before, and `<name>^{}` for what is behind a tag.
fn read(output: &str, wanted: &[String]) -> Option<Target> {
    let mut symbolic = None;
    let mut found: Vec<(&str, &str)> = Vec::new();
    for (left, name) in output.lines().filter_map(|line| line.split_once('\t')) {
        match left.strip_prefix("ref: ") {
            Some(target) => symbolic = Some(target),
            None => found.push((left, name)),
        }
    }
    let id_of = |wanted: &str| found.iter().find(|(_, name)| *name == wanted).map(|(id, _)| *id);
    wanted.iter().find_map(|name| {
        let id = id_of(&format!("{name}^{{}}")).or_else(|| id_of(name))?;
        let full = if name == "HEAD" { symbolic.unwrap_or(id) } else { name };
        Some(Target { commit: CommitId::parse(id).ok()?, full: full.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::{Target, read};
    use crate::repository::CommitId;

    #[test]
    fn a_branch_comes_before_a_tag_and_a_tag_is_what_lies_behind_it() {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let target =
            |id: &str, full: &str| Some(Target { commit: CommitId::parse(id).unwrap(), full: full.to_owned() });
        let wanted = ["refs/heads/v1".to_owned(), "refs/tags/v1".to_owned()];
        let tag = format!("{a}\trefs/tags/v1\n{b}\trefs/tags/v1^{{}}\n");
        assert_eq!(read(&tag, &wanted), target(&b, "refs/tags/v1"));
        assert_eq!(read(&format!("{tag}{c}\trefs/heads/v1\n"), &wanted), target(&c, "refs/heads/v1"));
        let head = format!("ref: refs/heads/main\tHEAD\n{a}\tHEAD\n");
        assert_eq!(read(&head, &["HEAD".to_owned()]), target(&a, "refs/heads/main"));
        assert_eq!(read("", &wanted), None);
    }
}
