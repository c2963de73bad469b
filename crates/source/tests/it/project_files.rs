//! Files at commits: of every kind, loose and packed, of hostile repositories, and of one behind HTTP.

use crate::project::{id, path, projects};
use source::project::{FileError, ProjectError};
use std::sync::Arc;
use testkit::TempRepository;

const ORDER: [&str; 3] = [".forgejo/workflows", ".gitea/workflows", ".github/workflows"];

#[test]
fn workflows_of_the_first_folder_that_exists() {
    let temp = TempRepository::with(&[
        (".github/workflows/a.yml", "on: push"),
        (".github/workflows/b.yaml", "on: é"),
        (".github/workflows/readme.md", "x"),
        (".github/workflows/deep/c.yml", "x"),
    ]);
    let (projects, git) = (projects(&temp), path(&temp));
    let first = id(&temp.git(["rev-parse", "HEAD"]));
    let of = |commit| {
        let found = projects.workflows(&git, commit, &ORDER).unwrap();
        found.iter().map(|file| (file.path.clone(), file.text.clone().unwrap().to_string())).collect::<Vec<_>>()
    };
    let want = [(".github/workflows/a.yml", "on: push"), (".github/workflows/b.yaml", "on: é")];
    assert_eq!(of(&first), want.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert!(Arc::ptr_eq(
        &projects.workflows(&git, &first, &ORDER).unwrap(),
        &projects.workflows(&git, &first, &ORDER).unwrap()
    ));
    let second = id(&temp.commit("second", &[(".gitea/workflows/z.yml", "z")]));
    assert_eq!(of(&second), [(".gitea/workflows/z.yml".to_owned(), "z".to_owned())]);
    let none = TempRepository::with(&[("a", "1")]);
    let head = id(&none.git(["rev-parse", "HEAD"]));
    assert_eq!(projects.workflows(&path(&none), &head, &ORDER).unwrap().len(), 0);
    assert_eq!(projects.list(&git, &first, &[".github/workflows", "none"]).unwrap().len(), 3);
    assert_eq!(projects.read(&git, &first, ".github/workflows/deep/c.yml", 10).unwrap().as_ref(), "x");
}

#[test]
fn packed_objects_are_read_as_loose_ones_are() {
    let temp = TempRepository::empty();
    for number in 0..30 {
        let text = format!("{}{number}\n", "a line that all versions share\n".repeat(40));
        temp.commit("next", &[(".github/workflows/a.yml", &text)]);
    }
    temp.git(["gc", "-q", "--aggressive"]);
    let (projects, git) = (projects(&temp), path(&temp));
    for back in [0, 7, 29] {
        let commit = temp.git(["rev-parse", &format!("HEAD~{back}")]);
        let want = temp.git(["show", &format!("{commit}:.github/workflows/a.yml")]);
        let found = projects.workflows(&git, &id(&commit), &ORDER).unwrap();
        assert_eq!(found[0].text.as_ref().unwrap().trim_end(), want);
    }
}

#[test]
fn what_is_no_text_is_told_and_does_not_hide_the_others() {
    let temp = TempRepository::with(&[(".github/workflows/good.yml", "on: push")]);
    let folder = temp.path().join(".github/workflows");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.yml")).unwrap();
    std::fs::write(folder.join("bytes.yml"), b"on: \xff\xfe").unwrap();
    std::fs::write(folder.join("huge.yml"), vec![b'#'; (8 << 20) + 1]).unwrap();
    let submodule = format!("160000,{},.github/workflows/module.yml", "1".repeat(40));
    temp.git(["add", "-A"]);
    temp.git(["update-index", "--add", "--cacheinfo", &submodule]);
    temp.git(["commit", "-q", "-m", "hostile"]);
    let (projects, git) = (projects(&temp), path(&temp));
    let head = id(&temp.git(["rev-parse", "HEAD"]));
    let found = projects.workflows(&git, &head, &ORDER).unwrap();
    let text = |name: &str| {
        found.iter().find(|file| file.path.ends_with(name)).unwrap().text.clone().map_err(|error| error.to_string())
    };
    assert_eq!(text("good.yml").unwrap().as_ref(), "on: push");
    assert_eq!(text("link.yml").unwrap_err(), "it is a symbolic link, not a file");
    assert_eq!(text("module.yml").unwrap_err(), "it is a submodule, not a file");
    assert_eq!(text("bytes.yml").unwrap_err(), "it is not UTF-8 text (byte 4)");
    assert!(text("huge.yml").unwrap_err().contains("at most 8388608"));
    let why = |path: &str| match projects.read(&git, &head, path, 100) {
        Err(ProjectError::File { why, .. }) => why,
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(why(".github"), FileError::Other("a folder"));
    for missing in ["none", "../../etc/passwd", ".github/workflows/link.yml/x", "", "/etc/passwd"] {
        assert_eq!(why(missing), FileError::Missing, "{missing}");
    }
}

#[test]
fn nothing_of_a_repositorys_configuration_runs() {
    let temp = TempRepository::with(&[("a", "1")]);
    let first = id(&temp.git(["rev-parse", "HEAD"]));
    temp.commit("second", &[("a", "2")]);
    let third = id(&temp.commit("third", &[("a", "3")]));
    let mark = temp.around().join("ran");
    let command = format!("touch {}; cat", mark.display());
    for key in ["core.fsmonitor", "core.pager", "core.sshCommand", "uploadpack.packObjectsHook", "gpg.program"] {
        temp.git(["config", key, &command]);
    }
    temp.git(["config", "log.showSignature", "true"]);
    let (projects, git) = (projects(&temp), path(&temp));
    projects.commits_between(&git, Some(&first), &third, 20).unwrap();
    projects.changed_files(&git, Some(&first), &third).unwrap();
    projects.workflows(&git, &third, &ORDER).unwrap();
    assert!(!mark.exists(), "a command of the repository's configuration ran");
}
