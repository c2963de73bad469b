//! The git configuration that a job sees: what makes the repository work, nothing that authenticates, runs or points to the host.
//!
//! It is a list of what stays: a new kind of setting is left out until somebody says that it is harmless.

use crate::repository::{Config, Entry, without_credentials};

/// Keys of `core` that say how the repository is stored.
const CORE: &[&str] = &[
    "abbrev",
    "autocrlf",
    "bare",
    "commitgraph",
    "eol",
    "filemode",
    "ignorecase",
    "logallrefupdates",
    "longpaths",
    "multipackindex",
    "notesref",
    "precomposeunicode",
    "quotepath",
    "repositoryformatversion",
    "safecrlf",
    "sharedrepository",
    "sparsecheckout",
    "sparsecheckoutcone",
    "symlinks",
];
const REMOTE: &[&str] = &["fetch", "partialclonefilter", "promisor", "push", "pushurl", "tagopt", "url"];
const BRANCH: &[&str] = &["description", "merge", "rebase", "remote"];
const SUBMODULE: &[&str] = &["active", "branch", "ignore", "path", "shallow", "url"];
/// Filters run in the job, where their programs are; `git status` needs those that the working tree was made with.
const FILTER: &[&str] = &["clean", "process", "required", "smudge"];
const LFS: &[&str] = &["repositoryformatversion", "url"];

fn stays(entry: &Entry) -> bool {
    let key = entry.key.as_str();
    match (entry.section.as_str(), entry.subsection.is_some()) {
        ("core", false) => CORE.contains(&key),
        ("extensions", false) => true,
        ("remote", true) => REMOTE.contains(&key),
        ("branch", true) => BRANCH.contains(&key),
        ("submodule", true) => SUBMODULE.contains(&key),
        ("filter", true) => FILTER.contains(&key),
        ("lfs", false) => LFS.contains(&key),
        _ => false,
    }
}

/// The text of a cleaned configuration file. `worktree` is the value of `core.worktree` for a submodule's git folder.
pub(super) fn cleaned(config: &Config, worktree: Option<&str>) -> String {
    let mut entries: Vec<Entry> = config.entries.iter().filter(|entry| stays(entry)).cloned().collect();
    for entry in &mut entries {
        if let Some(value) = &mut entry.value {
            *value = without_credentials(value);
        }
    }
    let mut add = |section: &str, key: &str, value: &str| {
        let (section, key, value) = (section.to_owned(), key.to_owned(), Some(value.to_owned()));
        entries.push(Entry { section, subsection: None, key, value });
    };
    // The job sees the files under other owners and inode numbers; without this git would read every file again.
    add("core", "checkstat", "minimal");
    add("gc", "auto", "0");
    if let Some(worktree) = worktree {
        add("core", "worktree", worktree);
    }
    Config { entries }.to_text()
}

#[cfg(test)]
mod tests {
    use super::cleaned;
    use crate::repository::Config;

    #[test]
    fn nothing_that_authenticates_runs_or_points_elsewhere_stays() {
        let text = r#"
[core]
	repositoryformatversion = 0
	hooksPath = /home/me/hooks
	fsmonitor = /home/me/watch
	sshCommand = ssh -i /home/me/key
	worktree = /home/me/elsewhere
	askPass = /home/me/ask
[remote "origin"]
	url = https://me:ghp_secret@github.com/o/r
	pushurl = https://oauth2:glpat-secret@gitlab.example/o/r
	fetch = +refs/heads/*:refs/remotes/origin/*
	proxy = http://u:secret@proxy
[http "https://github.com/"]
	extraheader = AUTHORIZATION: basic secret
[credential]
	helper = store --file /home/me/secret
[url "https://secret@github.com/"]
	insteadOf = https://github.com/
[include]
	path = /home/me/secret
[includeIf "gitdir:x"]
	path = secret
[alias]
	x = !secret
[user]
	signingkey = secret
[submodule "s"]
	url = https://secret@github.com/o/s
	update = !secret
[github]
	token = secret
"#;
        let clean = cleaned(&Config::parse(text), Some("../../s"));
        for gone in ["secret", "/home/me", "ghp_", "glpat", "hooks", "fsmonitor", "extraheader", "include"] {
            assert!(!clean.contains(gone), "{gone} stays in\n{clean}");
        }
        let read = Config::parse(&clean);
        assert_eq!(read.get("remote", Some("origin"), "url"), Some("https://github.com/o/r"));
        assert_eq!(read.get("core", None, "worktree"), Some("../../s"));
        assert_eq!(read.get("core", None, "repositoryformatversion"), Some("0"));
    }
}
