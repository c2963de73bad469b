//! The facts of a repository, compared with what git itself says.

use source::repository::{HeadReference, RepositoryKind};
use source::{Repository, RepositoryError};
use testkit::TempRepository;

fn open(path: &std::path::Path) -> Repository {
    Repository::discover(path).unwrap()
}

#[test]
fn head_branch_and_commit_as_git_says() {
    let temp = TempRepository::with(&[("a/b.txt", "1")]);
    let repository = open(&temp.path().join("a"));
    assert_eq!(repository.top, temp.path());
    assert_eq!(repository.kind, RepositoryKind::Ordinary);
    let head = repository.head().unwrap();
    assert_eq!(head.reference, HeadReference::Branch("main".to_owned()));
    let id = head.commit.unwrap();
    assert_eq!(id.as_str(), temp.git(["rev-parse", "HEAD"]));
    let commit = repository.commit(&id).unwrap();
    assert_eq!((commit.author.name.as_str(), commit.author.offset_minutes), ("An Author", 60));
    assert_eq!((commit.committer.email.as_str(), commit.message.as_str()), ("committer@example.com", "first"));
    assert_eq!(commit.tree, temp.git(["rev-parse", "HEAD^{tree}"]));
}

#[test]
fn packed_references_and_packed_objects_with_deltas() {
    let temp = TempRepository::empty();
    let long = "a line of a message that is long enough for git to store the next commit as a delta\n".repeat(40);
    for number in 0..12 {
        temp.commit(&format!("commit {number}\n\n{long}"), &[]);
    }
    temp.git(["tag", "-a", "v1", "-m", "annotated"]);
    temp.git(["branch", "feature/x"]);
    temp.git(["repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    temp.git(["pack-refs", "--all"]);
    let deltas = temp.git(["verify-pack", "-v", &glob_one(&temp.path().join(".git/objects/pack"), "idx")]);
    assert!(
        deltas.lines().any(|line| line.contains(" commit ") && line.split_whitespace().count() == 7),
        "no commit is a delta:\n{deltas}"
    );
    let repository = open(temp.path());
    let tip = repository.head().unwrap().commit.unwrap();
    assert_eq!(repository.resolve("refs/tags/v1"), Some(tip.clone()));
    assert_eq!(repository.resolve("refs/heads/feature/x"), Some(tip.clone()));
    assert_eq!(repository.resolve("refs/heads/none"), None);
    let mut next = Some(tip);
    let mut seen = 0;
    while let Some(id) = next {
        let commit = repository.commit(&id).unwrap();
        assert_eq!(commit.message.trim_end(), temp.git(["show", "-s", "--format=%B", id.as_str()]).trim_end());
        seen += 1;
        next = commit.parents.into_iter().next();
    }
    assert_eq!(seen, 12);
}

fn glob_one(folder: &std::path::Path, extension: &str) -> String {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|found| found == extension)).unwrap().display().to_string()
}

#[test]
fn tags_are_found_on_a_detached_head() {
    let temp = TempRepository::with(&[("a", "1")]);
    temp.git(["tag", "-a", "v2", "-m", "x"]);
    temp.git(["tag", "v1.9"]);
    temp.git(["checkout", "-q", "--detach"]);
    let repository = open(temp.path());
    assert_eq!(repository.head().unwrap().full_reference().as_deref(), Some("refs/tags/v1.9"));
    temp.git(["pack-refs", "--all"]);
    assert_eq!(repository.head().unwrap().full_reference().as_deref(), Some("refs/tags/v1.9"));
    temp.git(["tag", "-d", "v1.9", "v2"]);
    assert_eq!(repository.head().unwrap().reference, HeadReference::Detached);
}

#[test]
fn an_unborn_branch_has_no_commit() {
    let temp = TempRepository::empty();
    let head = open(temp.path()).head().unwrap();
    assert_eq!((head.reference, head.commit), (HeadReference::Branch("main".to_owned()), None));
}

#[test]
fn linked_worktrees_and_submodules_know_their_folders() {
    let temp = TempRepository::with(&[("a", "1")]);
    let linked = temp.around().join("linked");
    temp.git(["worktree", "add", "-q", "-b", "side", &linked.to_string_lossy()]);
    let repository = open(&linked);
    assert_eq!(
        (repository.kind, repository.common_dir.as_path()),
        (RepositoryKind::LinkedWorktree, temp.path().join(".git").as_path())
    );
    assert_eq!(repository.head().unwrap().reference, HeadReference::Branch("side".to_owned()));
    assert!(repository.head().unwrap().commit.is_some());

    let inner = TempRepository::with(&[("b", "2")]);
    temp.git(["submodule", "--quiet", "add", &inner.path().to_string_lossy(), "sub"]);
    let repository = open(&temp.path().join("sub"));
    assert_eq!(repository.kind, RepositoryKind::Separate);
    assert_eq!(repository.git_dir, temp.path().join(".git/modules/sub"));
    assert_eq!(repository.head().unwrap().commit.unwrap().as_str(), inner.git(["rev-parse", "HEAD"]));
}

#[test]
fn errors_name_the_fact_and_the_fix() {
    let temp = TempRepository::with(&[("a", "1")]);
    let none = tempfile::tempdir().unwrap();
    let error = Repository::discover(none.path()).unwrap_err();
    assert!(matches!(error, RepositoryError::NotARepository(_)) && error.to_string().contains("git init"), "{error}");
    let _url = temp.mirror("bare.git");
    assert!(matches!(Repository::discover(&temp.around().join("bare.git")), Err(RepositoryError::Bare(_))));
    std::fs::write(none.path().join(".git"), "gitdir: nowhere\n").unwrap();
    assert!(matches!(Repository::discover(none.path()), Err(RepositoryError::Dangling { .. })));
}

#[test]
fn the_remote_of_the_branch_without_its_credentials() {
    let temp = TempRepository::with(&[("a", "1")]);
    let repository = open(temp.path());
    let head = repository.head().unwrap();
    assert_eq!(repository.remote(&head), None);
    assert_eq!(repository.local_name(), "local/repository");
    temp.git(["remote", "add", "origin", "https://me:ghp_secret@github.com/owner/name.git"]);
    let remote = repository.remote(&head).unwrap();
    assert_eq!((remote.repository.as_str(), remote.server.as_deref()), ("owner/name", Some("https://github.com")));
    assert_eq!(remote.url, "https://github.com/owner/name.git");
    temp.git(["remote", "add", "fork", "git@gitea.example:me/name.git"]);
    temp.git(["config", "branch.main.remote", "fork"]);
    assert_eq!(repository.remote(&head).unwrap().repository, "me/name");
}

#[test]
fn sha256_repositories_are_read() {
    let temp = TempRepository::sha256(&[("a", "1")]);
    let id = temp.git(["rev-parse", "HEAD"]);
    let repository = open(temp.path());
    let head = repository.head().unwrap().commit.unwrap();
    assert_eq!((head.as_str(), head.as_str().len()), (id.as_str(), 64));
    assert_eq!(repository.commit(&head).unwrap().message, "first");
    temp.git(["gc", "-q"]);
    assert_eq!(repository.commit(&head).unwrap().message, "first");
}
