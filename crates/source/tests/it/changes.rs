//! What changed between commits, and the push that a run without an event stands for.

use source::{CommitId, Repository, Uncommitted};
use testkit::TempRepository;

fn id(text: &str) -> CommitId {
    CommitId::parse(text).unwrap()
}

#[test]
fn changed_files_between_commits_and_in_the_working_tree() {
    let temp = TempRepository::with(&[("a", "1"), ("b c", "1"), (".gitignore", "ignored\n")]);
    let before = id(&temp.git(["rev-parse", "HEAD"]));
    let after = id(&temp.commit("second", &[("d/é\n", "2"), ("b c", "2")]));
    let repository = Repository::discover(temp.path()).unwrap();
    let changed = |uncommitted| repository.changed_files(Some(&before), &after, uncommitted).unwrap().unwrap();
    assert_eq!(changed(Uncommitted::LeftOut), ["b c", "d/é\n"]);
    temp.write("a", "changed, and longer");
    temp.write("new", "x");
    temp.write("ignored", "x");
    assert_eq!(changed(Uncommitted::LeftOut), ["b c", "d/é\n"]);
    assert_eq!(changed(Uncommitted::Count), ["a", "b c", "d/é\n", "new"]);
}

#[test]
fn an_unknown_base_is_unknown_and_no_change_is_no_file() {
    let temp = TempRepository::with(&[("a", "1")]);
    let head = id(&temp.git(["rev-parse", "HEAD"]));
    let repository = Repository::discover(temp.path()).unwrap();
    assert_eq!(repository.changed_files(None, &head, Uncommitted::LeftOut).unwrap(), None);
    assert_eq!(repository.changed_files(Some(&id(&"1".repeat(40))), &head, Uncommitted::LeftOut).unwrap(), None);
    assert_eq!(repository.changed_files(Some(&head), &head, Uncommitted::LeftOut).unwrap(), Some(Vec::new()));
}

#[test]
fn filters_of_the_configuration_do_not_run_on_the_host() {
    let temp = TempRepository::with(&[(".gitattributes", "* filter=evil diff=evil\n"), ("a", "1")]);
    let head = id(&temp.git(["rev-parse", "HEAD"]));
    let mark = temp.around().join("ran");
    let command = format!("touch {}; cat", mark.display());
    for key in ["filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.evil.command", "core.fsmonitor"]
    {
        temp.git(["config", key, &command]);
    }
    temp.write("a", "2222");
    let repository = Repository::discover(temp.path()).unwrap();
    assert_eq!(repository.changed_files(Some(&head), &head, Uncommitted::Count).unwrap().unwrap(), ["a"]);
    assert!(!mark.exists(), "a command of the repository's configuration ran");
}

#[test]
fn the_push_begins_at_the_remotes_commit_or_the_parent() {
    let temp = TempRepository::with(&[("a", "1")]);
    let repository = Repository::discover(temp.path()).unwrap();
    let facts = |repository: &Repository| repository.push_facts(&repository.head().unwrap()).unwrap().unwrap();
    assert_eq!(facts(&repository).before, None);
    let first = temp.git(["rev-parse", "HEAD"]);
    temp.commit("second", &[("a", "2")]);
    let third = temp.commit("third", &[("a", "3")]);
    assert_eq!(facts(&repository).before.unwrap().as_str(), temp.git(["rev-parse", "HEAD^"]));
    temp.git(["remote", "add", "origin", "https://github.com/o/r"]);
    temp.git(["update-ref", "refs/remotes/origin/main", &first]);
    let push = facts(&repository);
    assert_eq!(push.before.as_ref().unwrap().as_str(), first);
    let remote = repository.remote(&repository.head().unwrap());
    let payload = push.payload("o/r", remote.as_ref(), "someone");
    assert_eq!(payload["ref"], "refs/heads/main");
    assert_eq!(payload["after"], third);
    assert_eq!(payload["head_commit"]["message"], "third");
    assert_eq!(payload["head_commit"]["timestamp"], temp.git(["show", "-s", "--format=%cI", "HEAD"]));
    assert_eq!(payload["repository"]["html_url"], "https://github.com/o/r");
    assert_eq!(payload["sender"]["login"], "someone");
}

#[test]
fn merge_bases() {
    let temp = TempRepository::with(&[("a", "1")]);
    let base = temp.git(["rev-parse", "HEAD"]);
    temp.git(["checkout", "-q", "-b", "side"]);
    let side = id(&temp.commit("side", &[("b", "1")]));
    temp.git(["checkout", "-q", "main"]);
    let main = id(&temp.commit("main", &[("c", "1")]));
    let repository = Repository::discover(temp.path()).unwrap();
    assert_eq!(repository.merge_base(&main, &side).unwrap().unwrap().as_str(), base);
    temp.git(["checkout", "-q", "--orphan", "other"]);
    let other = id(&temp.commit("other", &[]));
    assert_eq!(repository.merge_base(&main, &other).unwrap(), None);
}
