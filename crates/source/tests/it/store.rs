//! The action store over real mirrors: folders and a git server on loopback.

use source::store::{Access, FileUnavailable, History, Prune, Pruned, WantedRepository};
use source::{Store, StoreOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::{GitDaemon, GitHttp, TempRepository};
use workflow::action_source::{ActionRef, ActionSource, FetchedRepository};

pub(crate) fn action(repository: &str, reference: &str) -> ActionRef {
    ActionRef { host: None, repository: repository.to_owned(), path: String::new(), reference: reference.to_owned() }
}

/// Options that ask one template and nothing else.
pub(crate) fn options(temp: &TempRepository, mirror: &str) -> StoreOptions {
    StoreOptions { mirrors: vec![mirror.to_owned()], server: None, ..StoreOptions::at(temp.around().join("store")) }
}

/// A mirror of the repository as `owner/action` below `<around>/mirrors`, and the template of it.
pub(crate) fn mirrored(temp: &TempRepository) -> String {
    let _url = temp.mirror("mirrors/owner/action.git");
    format!("file://{}/mirrors/{{owner}}/{{repo}}.git", temp.around().display())
}

fn fetch(store: &Store, reference: &str) -> FetchedRepository {
    store.fetch(&action("owner/action", reference)).unwrap()
}

/// Removes everything. A process that another test is just starting holds copies of all locks until it runs its program, so that a
/// lock may outlive its store by that moment.
fn prune_everything(store: &Store) -> Pruned {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let pruned = store.prune(Prune::Everything).unwrap();
        if pruned.in_use == 0 || Instant::now() > end {
            return pruned;
        }
        std::thread::yield_now();
    }
}

fn read(tree: &Path, file: &str) -> String {
    std::fs::read_to_string(tree.join(file)).unwrap()
}

#[test]
fn branches_tags_and_commits_are_fetched_once_and_found_offline() {
    let temp = TempRepository::with(&[("action.yml", "name: one\n"), ("dist/index.js", "1")]);
    let first = temp.git(["rev-parse", "HEAD"]);
    temp.git(["tag", "-a", "v1", "-m", "annotated"]);
    let second = temp.commit("second", &[("action.yml", "name: two\n")]);
    temp.git(["branch", "v1"]);
    let mirror = mirrored(&temp);
    let store = Store::open(options(&temp, &mirror)).unwrap();

    let tagged = fetch(&store, "v1");
    assert_eq!((tagged.commit.as_str(), tagged.notice.as_deref()), (first.as_str(), None));
    assert!(tagged.from.starts_with("file://"), "{}", tagged.from);
    assert_eq!(
        (read(&tagged.tree, "action.yml").as_str(), read(&tagged.tree, "dist/index.js").as_str()),
        ("name: one\n", "1")
    );
    assert!(!tagged.tree.join(".git").exists());
    assert_eq!(fetch(&store, "main").commit, second);
    assert_eq!(fetch(&store, &first).from, "store");
    assert_eq!(store.fetch(&action("Owner/ACTION", &second)).unwrap().from, "store");

    std::fs::remove_dir_all(temp.around().join("mirrors")).unwrap();
    for access in [Access::Offline, Access::Online { fresh: Duration::from_secs(3600) }] {
        let later = Store::open(StoreOptions { access, ..options(&temp, &mirror) }).unwrap();
        for (reference, commit) in [("v1", &first), ("main", &second), (second.as_str(), &second)] {
            let fetched = fetch(&later, reference);
            assert_eq!((&fetched.commit, fetched.from.as_str(), fetched.notice), (commit, "store", None));
        }
    }
}

#[test]
fn a_moved_branch_is_asked_for_once_in_each_run() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let store = Store::open(options(&temp, &mirror)).unwrap();
    let first = fetch(&store, "main").commit;
    let second = temp.commit("second", &[("action.yml", "2")]);
    temp.git(["push", "-q", &format!("{}/mirrors/owner/action.git", temp.around().display()), "main"]);
    assert_eq!(fetch(&store, "main").commit, first, "within a run a branch does not move");
    assert_eq!(fetch(&Store::open(options(&temp, &mirror)).unwrap(), "main").commit, second);
}

#[test]
fn what_was_last_known_stands_in_for_a_silent_place() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let commit = fetch(&Store::open(options(&temp, &mirror)).unwrap(), "main").commit;
    // A port that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/{{owner}}/{{repo}}", silent.local_addr().unwrap());
    let patience = Duration::from_millis(300);
    let store = Store::open(StoreOptions { patience, ..options(&temp, &url) }).unwrap();
    let started = Instant::now();
    let fetched = fetch(&store, "main");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((fetched.commit.as_str(), fetched.from.as_str()), (commit.as_str(), "store"));
    let notice = fetched.notice.unwrap();
    assert!(notice.contains(&commit) && notice.contains("git://127.0.0.1"), "{notice}");
}

#[test]
fn errors_name_every_place() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let mirrors = vec![format!("file://{}/nowhere/{{owner}}/{{repo}}", temp.around().display()), mirror];
    let store = Store::open(StoreOptions { mirrors, ..options(&temp, "/x/{repo}") }).unwrap();
    let error = store.fetch(&action("owner/action", "v9")).unwrap_err();
    assert_eq!(error.tried.len(), 3, "{error}");
    let text = error.to_string();
    for part in [
        "owner/action@v9",
        "store: 'v9' was never fetched",
        "nowhere/owner/action",
        "action.git: it has no branch or tag 'v9'",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let short = store.fetch(&action("owner/action", "abcdef1")).unwrap_err().to_string();
    assert!(short.contains("shortened form of a commit"), "{short}");
    let offline = Store::open(StoreOptions { access: Access::Offline, ..options(&temp, "/x/{repo}") }).unwrap();
    let error = offline.fetch(&action("owner/action", "main")).unwrap_err().to_string();
    assert!(error.contains("offline: no other place was asked"), "{error}");
    for (repository, reference) in [
        ("owner", "v1"),
        ("../x", "v1"),
        ("a/b/c", "v1"),
        ("owner/action", "--upload-pack=x"),
        ("owner/action", "a..b"),
    ] {
        assert!(store.fetch(&action(repository, reference)).is_err(), "{repository}@{reference}");
    }
}

#[test]
fn a_commit_of_another_repository_is_not_taken_for_this_ones() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let store = Store::open(options(&temp, &mirror)).unwrap();
    let commit = fetch(&store, "main").commit;
    assert!(store.fetch(&action("owner/innocent", &commit)).is_err());
}

#[test]
fn a_git_server_gives_single_commits() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let first = temp.git(["rev-parse", "HEAD"]);
    temp.commit("second", &[("action.yml", "2")]);
    let _url = temp.mirror("mirrors/owner/action.git");
    let daemon = GitDaemon::start(&temp.around().join("mirrors"));
    let store = Store::open(options(&temp, &daemon.url("{owner}/{repo}.git"))).unwrap();
    assert_eq!(read(&fetch(&store, &first).tree, "action.yml"), "1");
    assert_eq!(read(&fetch(&store, "main").tree, "action.yml"), "2");
}

#[test]
fn a_token_goes_to_its_server_and_nowhere_else() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let _url = temp.mirror("mirrors/owner/action");
    // base64 of `x-access-token:t0ken`.
    let private = GitHttp::start(&temp.around().join("mirrors"), Some("basic eC1hY2Nlc3MtdG9rZW46dDBrZW4="));
    let other = GitHttp::start(&temp.around().join("mirrors"), Some("never"));
    let mirrors = vec![format!("{}/{{owner}}/{{repo}}", other.url())];
    let base = StoreOptions { mirrors, server: Some(private.url()), ..options(&temp, "/x/{repo}") };
    let refused = Store::open(base.clone()).unwrap().fetch(&action("owner/action", "main")).unwrap_err();
    assert_eq!(refused.tried.len(), 3, "{refused}");
    let tokens = vec![(private.url(), domain::Secret::new("t0ken"))];
    let fetched = Store::open(StoreOptions { tokens, ..base }).unwrap().fetch(&action("owner/action", "main")).unwrap();
    assert_eq!((read(&fetched.tree, "action.yml").as_str(), fetched.from), ("1", private.url()));
    assert!(other.requests().len() >= 2, "the mirror is asked first");
    assert!(!refused.to_string().contains("t0ken"));
}

#[test]
fn a_host_in_the_reference_is_asked_and_no_other() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let store = Store::open(options(&temp, &mirrored(&temp))).unwrap();
    let named = ActionRef { host: Some("http://127.0.0.1:9".to_owned()), ..action("owner/action", "main") };
    let error = store.fetch(&named).unwrap_err();
    assert_eq!(error.tried.len(), 2, "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:9/owner/action"), "{error}");
}

#[test]
fn stored_files_are_read_only_and_modes_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let temp = TempRepository::with(&[("a.sh", "#!/bin/sh\n"), ("d/b", "x")]);
    temp.git(["update-index", "--chmod=+x", "a.sh"]);
    std::os::unix::fs::symlink("../a.sh", temp.path().join("d/link")).unwrap();
    temp.git(["add", "d/link"]);
    temp.git(["commit", "-q", "-m", "modes"]);
    let store = Store::open(options(&temp, &mirrored(&temp))).unwrap();
    let tree = fetch(&store, "main").tree;
    let mode = |path: &str| std::fs::metadata(tree.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a.sh"), mode("d/b"), mode("d"), mode("")), (0o555, 0o444, 0o555, 0o555));
    assert_eq!(std::fs::read_link(tree.join("d/link")).unwrap(), PathBuf::from("../a.sh"));
}

#[test]
fn one_file_at_a_commit() {
    let temp = TempRepository::with(&[(".github/workflows/w.yml", "on: workflow_call\n"), ("big", &"x".repeat(5000))]);
    let store = Store::open(options(&temp, &mirrored(&temp))).unwrap();
    let file = |path: &str| ActionRef { path: path.to_owned(), ..action("owner/action", "main") };
    let read = store.read_file(&file(".github/workflows/w.yml"), 1000).unwrap();
    assert_eq!((read.text.as_str(), read.commit), ("on: workflow_call\n", temp.git(["rev-parse", "HEAD"])));
    assert!(matches!(store.read_file(&file("big"), 1000), Err(FileUnavailable::TooLarge { size: 5000, .. })));
    for absent in ["none", ".github", "../../../../etc/passwd", "/etc/passwd", ""] {
        assert!(matches!(store.read_file(&file(absent), 1000), Err(FileUnavailable::Absent { .. })), "{absent}");
    }
}

#[test]
fn list_and_prune_leave_what_a_run_uses() {
    let temp = TempRepository::with(&[("action.yml", "12345")]);
    temp.git(["tag", "v1"]);
    let mirror = mirrored(&temp);
    let running = Store::open(options(&temp, &mirror)).unwrap();
    let fetched = fetch(&running, "v1");
    let other = Store::open(options(&temp, &mirror)).unwrap();
    let list = other.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].commit.as_str(), list[0].repository.as_str(), list[0].bytes),
        (fetched.commit.as_str(), "owner/action", 5)
    );
    assert_eq!(list[0].references, ["v1"]);
    assert_eq!(other.prune(Prune::Usual).unwrap().trees, 0);
    let kept = other.prune(Prune::Everything).unwrap();
    assert_eq!((kept.trees, kept.in_use), (0, 1));
    assert!(fetched.tree.join("action.yml").exists());
    drop(running);
    let pruned = prune_everything(&other);
    assert_eq!((pruned.trees, pruned.bytes), (1, 5));
    assert!(!fetched.tree.exists() && other.list().unwrap().is_empty());
    assert_eq!(fetch(&Store::open(options(&temp, &mirror)).unwrap(), "v1").commit, fetched.commit);
}

#[test]
fn prune_leaves_a_repository_that_a_run_uses() {
    let temp = TempRepository::with(&[("a", "1")]);
    let mirror = mirrored(&temp);
    let running = Store::open(options(&temp, &mirror)).unwrap();
    let wanted = WantedRepository { repository: "owner/action".to_owned(), reference: None, history: History::Last(1) };
    let folder = running.repositories_folder().unwrap().join(running.repository(&wanted).unwrap().folder);
    let other = Store::open(options(&temp, &mirror)).unwrap();
    let kept = other.prune(Prune::Everything).unwrap();
    assert_eq!((kept.repositories, kept.in_use, folder.join("HEAD").exists()), (0, 1, true));
    drop(running);
    assert_eq!(prune_everything(&other).repositories, 1);
    assert!(!folder.exists());
}

#[test]
fn a_tree_without_its_marker_is_made_again() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let tree = fetch(&Store::open(options(&temp, &mirror)).unwrap(), "main").tree;
    // As a process that was killed between the tree and its marker leaves it.
    std::fs::remove_file(tree.with_extension("json")).unwrap();
    let again = fetch(&Store::open(options(&temp, &mirror)).unwrap(), "main");
    assert!(again.from.starts_with("file://"), "{}", again.from);
    assert_eq!(read(&again.tree, "action.yml"), "1");
}

#[test]
fn many_at_once_fetch_once() {
    let temp = TempRepository::with(&[("action.yml", "1")]);
    let mirror = mirrored(&temp);
    let stores: Vec<Store> = (0..6).map(|_| Store::open(options(&temp, &mirror)).unwrap()).collect();
    let from: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = stores.iter().map(|store| scope.spawn(move || fetch(store, "main").from)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(from.iter().filter(|from| *from != "store").count(), 1, "{from:?}");
    assert_eq!(std::fs::read_dir(temp.around().join("store/tmp")).unwrap().count(), 0);
}

#[test]
fn other_repositories_come_with_the_history_that_is_wanted() {
    let temp = TempRepository::with(&[("a", "1")]);
    temp.commit("second", &[("a", "2")]);
    let tip = temp.commit("third", &[("a", "3")]);
    temp.git(["branch", "side/x"]);
    temp.git(["tag", "v1"]);
    let store = Store::open(options(&temp, &mirrored(&temp))).unwrap();
    let wanted = |reference: Option<&str>, history| {
        let stored = store
            .repository(&WantedRepository {
                repository: "owner/action".to_owned(),
                reference: reference.map(str::to_owned),
                history,
            })
            .unwrap();
        let folder = store.repositories_folder().unwrap().join(&stored.folder).display().to_string();
        let commits =
            temp.git(["-c", "safe.directory=*", "--git-dir", &folder, "rev-list", "--count", stored.commit.as_str()]);
        let references =
            temp.git(["-c", "safe.directory=*", "--git-dir", &folder, "for-each-ref", "--format=%(refname)"]);
        (stored, commits, references.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let (stored, commits, references) = wanted(None, History::Last(1));
    assert_eq!((stored.commit.as_str(), stored.branch.as_deref(), commits.as_str()), (tip.as_str(), Some("main"), "1"));
    assert_eq!(references, ["refs/remotes/origin/main"]);
    assert_eq!(wanted(None, History::Last(1)).0.from, "store");
    assert_eq!(wanted(Some("side/x"), History::Last(2)).1, "2");
    let (stored, commits, references) = wanted(Some("v1"), History::Whole);
    assert_eq!((stored.branch, stored.reference.as_str(), commits.as_str()), (None, "refs/tags/v1", "3"));
    for name in ["refs/remotes/origin/main", "refs/remotes/origin/side/x", "refs/tags/v1"] {
        assert!(references.iter().any(|reference| reference == name), "{references:?}");
    }
}
