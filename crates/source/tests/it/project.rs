//! A project's refs, commits and moves, local and behind a URL.

use source::CommitId;
use source::project::{ProjectError, ProjectOptions, Projects};
use std::sync::Arc;
use testkit::{GitHttp, TempRepository};

pub(crate) fn id(text: &str) -> CommitId {
    CommitId::parse(text).unwrap()
}

pub(crate) fn projects(temp: &TempRepository) -> Projects {
    Projects::open(ProjectOptions::new(temp.around().join("projects"))).unwrap()
}

pub(crate) fn path(temp: &TempRepository) -> String {
    temp.path().to_str().unwrap().to_owned()
}

fn names(refs: &source::project::Refs) -> Vec<String> {
    refs.all.iter().map(|(name, commit)| format!("{name} {}", &commit.as_str()[..7])).collect()
}

/// What git itself says of branches and tags, peeled.
fn as_git_says(temp: &TempRepository) -> Vec<String> {
    let names = temp.git(["for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags"]);
    let commit = |name: &str| temp.git(["rev-parse", "--short=7", &format!("{name}^{{commit}}")]);
    names.lines().map(|name| format!("{name} {}", commit(name))).collect()
}

#[test]
fn refs_are_those_that_git_sees_loose_packed_and_mixed() {
    let temp = TempRepository::with(&[("a", "1")]);
    let (projects, git) = (projects(&temp), path(&temp));
    temp.git(["tag", "light"]);
    temp.git(["tag", "-a", "-m", "x", "heavy"]);
    temp.git(["tag", "-a", "-m", "x", "twice", "heavy"]);
    temp.git(["branch", "feature/deep/er"]);
    let look = || projects.refs(&git).unwrap();
    assert_eq!(names(&look()), as_git_says(&temp));
    assert_eq!(look().default_branch.as_deref(), Some("refs/heads/main"));
    temp.git(["pack-refs", "--all"]);
    assert_eq!(names(&look()), as_git_says(&temp));
    temp.commit("second", &[("a", "2")]);
    temp.git(["tag", "-a", "-m", "x", "after"]);
    assert_eq!(names(&look()), as_git_says(&temp));
    temp.git(["branch", "-D", "feature/deep/er"]);
    temp.git(["tag", "-d", "light", "after"]);
    assert_eq!(names(&look()), as_git_says(&temp));
    temp.git(["checkout", "-q", "-b", "other"]);
    assert_eq!(look().default_branch.as_deref(), Some("refs/heads/main"), "what somebody works on says nothing");
    temp.git(["branch", "-m", "main", "trunk"]);
    assert_eq!(look().default_branch.as_deref(), Some("refs/heads/other"));
    let remote = temp.path().join(".git/refs/remotes/origin");
    std::fs::create_dir_all(&remote).unwrap();
    std::fs::write(remote.join("HEAD"), "ref: refs/remotes/origin/trunk\n").unwrap();
    assert_eq!(look().default_branch.as_deref(), Some("refs/heads/trunk"), "as where it was cloned from");
    temp.git(["branch", "main"]);
    assert_eq!(look().default_branch.as_deref(), Some("refs/heads/trunk"));
    assert_eq!(names(&look()), as_git_says(&temp));
}

#[test]
fn every_move_is_seen_at_once_and_nothing_new_is_the_same_value() {
    let temp = TempRepository::with(&[("a", "1")]);
    let (projects, git) = (projects(&temp), path(&temp));
    let commits: Vec<String> = (0..4).map(|n| temp.commit(&format!("{n}"), &[("a", &format!("{n}"))])).collect();
    // Moves that follow each other faster than the clock of the file system ticks.
    for round in 0..200 {
        let commit = &commits[round % commits.len()];
        std::fs::write(temp.path().join(".git/refs/heads/new.lock"), format!("{commit}\n")).unwrap();
        std::fs::rename(temp.path().join(".git/refs/heads/new.lock"), temp.path().join(".git/refs/heads/new")).unwrap();
        assert_eq!(projects.refs(&git).unwrap().get("refs/heads/new").unwrap().as_str(), commit, "round {round}");
    }
    let first = projects.refs(&git).unwrap();
    assert!(Arc::ptr_eq(&first, &projects.refs(&git).unwrap()));
    temp.git(["pack-refs", "--all"]);
    assert!(Arc::ptr_eq(&first, &projects.refs(&git).unwrap()), "packed elsewhere is not moved");
}

#[test]
fn names_are_resolved_a_branch_before_a_tag() {
    let temp = TempRepository::with(&[("a", "1")]);
    let (projects, git) = (projects(&temp), path(&temp));
    let first = temp.git(["rev-parse", "HEAD"]);
    temp.git(["tag", "both"]);
    temp.git(["tag", "-a", "-m", "x", "v1"]);
    let second = temp.commit("second", &[("a", "2")]);
    temp.git(["branch", "both"]);
    let resolve = |name: &str| {
        projects.resolve(&git, name).unwrap().map(|(full, commit)| format!("{full} {}", &commit.as_str()[..7]))
    };
    assert_eq!(resolve("main"), Some(format!("refs/heads/main {}", &second[..7])));
    assert_eq!(resolve("both"), Some(format!("refs/heads/both {}", &second[..7])));
    assert_eq!(resolve("refs/tags/both"), Some(format!("refs/tags/both {}", &first[..7])));
    assert_eq!(resolve("v1"), Some(format!("refs/tags/v1 {}", &first[..7])));
    assert_eq!(resolve(&first), Some(format!("{first} {}", &first[..7])));
    assert_eq!(resolve("HEAD"), resolve("main"));
    for missing in ["nothing", "refs/heads/../../x", "", &"1".repeat(40)] {
        assert_eq!(resolve(missing), None, "{missing}");
    }
}

#[test]
fn bare_repositories_worktrees_and_folders_without_one() {
    let temp = TempRepository::with(&[("a", "1")]);
    let projects = projects(&temp);
    let bare = temp.mirror("bare.git").strip_prefix("file://").unwrap().to_owned();
    assert_eq!(names(&projects.refs(&bare).unwrap()), as_git_says(&temp));
    let tree = temp.around().join("tree").to_str().unwrap().to_owned();
    temp.git(["worktree", "add", "-q", "-b", "side", &tree]);
    let refs = projects.refs(&tree).unwrap();
    assert_eq!((names(&refs), refs.default_branch.as_deref()), (as_git_says(&temp), Some("refs/heads/main")));
    temp.git(["-C", &bare, "symbolic-ref", "HEAD", "refs/heads/other"]);
    assert_eq!(projects.refs(&bare).unwrap().default_branch.as_deref(), Some("refs/heads/other"), "a bare one says it");
    let none = temp.around().to_str().unwrap();
    assert!(projects.refs(none).unwrap_err().to_string().contains("no git repository"));
    std::fs::remove_dir_all(&bare).unwrap();
    assert!(matches!(projects.refs(&bare), Err(ProjectError::Repository(_))));
    let _url = temp.mirror("bare.git");
    assert_eq!(names(&projects.refs(&bare).unwrap()), as_git_says(&temp), "one that came back is found");
}

#[test]
fn commits_and_what_a_push_brought() {
    let temp = TempRepository::with(&[("a", "1"), ("b", "1")]);
    let (projects, git) = (projects(&temp), path(&temp));
    let first = id(&temp.git(["rev-parse", "HEAD"]));
    let second = id(&temp.commit("second\n\nbody", &[("a", "2")]));
    let third = id(&temp.commit("third", &[("c/d", "3")]));
    let messages = |before: Option<&CommitId>, most| {
        let commits = projects.commits_between(&git, before, &third, most).unwrap();
        commits.into_iter().map(|commit| commit.message).collect::<Vec<_>>()
    };
    assert_eq!(messages(Some(&first), 20), ["second\n\nbody", "third"]);
    assert_eq!(messages(Some(&first), 1), ["third"]);
    assert_eq!(messages(Some(&second), 20), ["third"]);
    assert_eq!(messages(None, 20), ["third"]);
    assert_eq!(messages(Some(&id(&"1".repeat(40))), 20), ["third"], "a commit that is gone");
    assert_eq!(projects.changed_files(&git, Some(&first), &third).unwrap().unwrap(), ["a", "c/d"]);
    assert_eq!(projects.changed_files(&git, None, &third).unwrap(), None);
    let base = |name: &str, after: &CommitId| projects.base_of_new(&git, name, after).unwrap();
    assert_eq!(base("refs/heads/main", &third), None, "nothing to compare it with");
    temp.git(["checkout", "-q", "-b", "side"]);
    assert_eq!(base("refs/heads/side", &third), None, "nothing new on it");
    temp.commit("one", &[("e", "1")]);
    let side = id(&temp.commit("two", &[("f", "1")]));
    assert_eq!(base("refs/heads/side", &side), Some(third.clone()));
    temp.git(["checkout", "-q", "--orphan", "alone"]);
    let alone = id(&temp.commit("alone", &[]));
    assert_eq!(base("refs/heads/alone", &alone), None, "it left nothing");
    let forced = |before: &CommitId, after: &CommitId| projects.is_forced(&git, before, after).unwrap();
    assert_eq!([forced(&second, &third), forced(&first, &side)], [false, false]);
    assert_eq!([forced(&side, &third), forced(&third, &alone), forced(&id(&"1".repeat(40)), &third)], [true; 3]);
    let commit = projects.commit(&git, &second).unwrap();
    assert_eq!((commit.message.as_str(), commit.parents.as_slice()), ("second\n\nbody", &[first][..]));
    assert!(matches!(projects.commit(&git, &id(&"1".repeat(40))), Err(ProjectError::NoCommit { .. })));
}

#[test]
fn repositories_with_long_ids_are_mirrored() {
    let temp = TempRepository::sha256(&[("a", "1")]);
    let _url = temp.mirror("owner/repo");
    let server = GitHttp::start(temp.around(), None);
    let (projects, git) = (projects(&temp), format!("{}/owner/repo", server.url()));
    let (_, first) = projects.resolve(&git, "main").unwrap().unwrap();
    projects.bring(&git, &first).unwrap();
    assert_eq!(&*projects.read(&git, &first, "a", 9).unwrap(), "1");
    let second = id(&temp.commit("second", &[("a", "2")]));
    temp.git(["push", "-q", &format!("{}/owner/repo", temp.around().display()), "main"]);
    projects.bring(&git, &second).unwrap();
    assert_eq!(&*projects.read(&git, &second, "a", 9).unwrap(), "2");
}
