//! Views, put together from their parts as a sandbox does, and looked at with git.

use crate::store::options;
use domain::View;
use source::{Checkout, Repository, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{TempRepository, scrubbed};
use workflow::checkout::CheckoutSource;

pub(crate) fn checkout(temp: &TempRepository, at: &Path) -> Checkout {
    let store = Arc::new(Store::open(options(temp, "/nowhere/{owner}/{repo}")).unwrap());
    Checkout::new(Repository::discover(at).unwrap(), "owner/repo", "https://github.com", store).unwrap()
}

/// Copies what a sandbox would show: parts from shallow to deep, what is hidden taken away, then the files.
pub(crate) fn put_together(view: &View, into: &Path) {
    let mut parts: Vec<_> = view.parts.iter().collect();
    parts.sort_by_key(|part| part.at.components().count());
    for part in parts {
        let target = into.join(&part.at);
        std::fs::create_dir_all(&target).unwrap();
        let status = scrubbed("cp", into).args(["-a", "--"]).arg(part.host.join(".")).arg(&target).status().unwrap();
        assert!(status.success());
        for hidden in &view.hidden {
            let deepest = view
                .parts
                .iter()
                .map(|part| &part.at)
                .filter(|at| hidden.starts_with(at) && hidden != *at)
                .max_by_key(|at| at.components().count());
            if deepest == Some(&part.at) {
                let path = into.join(hidden);
                let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            }
        }
    }
    for file in &view.files {
        let path = into.join(&file.at);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        std::fs::write(path, &file.content).unwrap();
    }
}

/// The first working-tree view of a checkout, put together in a folder of its own with the host's one out of reach.
fn shown(temp: &TempRepository, at: &Path) -> PathBuf {
    let views = checkout(temp, at).views(1, 0).unwrap();
    let into = temp.around().join(format!("shown-{}", at.file_name().unwrap().to_string_lossy()));
    std::fs::create_dir(&into).unwrap();
    put_together(&views[0], &into);
    into
}

fn git<const N: usize>(at: &Path, arguments: [&str; N]) -> String {
    let output = scrubbed("git", at).args(["-c", "safe.directory=*"]).args(arguments).current_dir(at).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Every byte below a folder, to look for what must not be there.
fn holds(folder: &Path, needle: &str) -> bool {
    scrubbed("grep", folder).args(["-rqaF", "--", needle, "."]).current_dir(folder).status().unwrap().success()
}

#[test]
fn the_working_tree_comes_as_it_is_without_what_is_private() {
    let temp = TempRepository::with(&[("a", "1"), ("b", "1")]);
    temp.write("a", "changed");
    temp.write("new", "untracked");
    temp.git(["config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic c2VjcmV0"]);
    temp.git(["remote", "add", "origin", "https://x-access-token:c2VjcmV0@github.com/owner/repo"]);
    temp.git(["config", "core.hooksPath", "/home/someone/hooks"]);
    temp.write(".git/hooks/pre-commit", "c2VjcmV0");
    temp.write(".git/index.lock", "");
    let shown = shown(&temp, temp.path());
    assert_eq!(git(&shown, ["status", "--porcelain"]), " M a\n?? new");
    assert_eq!(git(&shown, ["log", "--format=%s"]), "first");
    assert_eq!(git(&shown, ["config", "remote.origin.url"]), "https://github.com/owner/repo");
    assert!(!holds(&shown, "c2VjcmV0") && !holds(&shown.join(".git"), "someone"));
    git(&shown, ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "inside"]);
    assert_eq!(git(temp.path(), ["log", "--format=%s"]), "first");
}

#[test]
fn a_linked_worktree_stands_alone() {
    let temp = TempRepository::with(&[("a", "1")]);
    let linked = temp.around().join("linked");
    temp.git(["worktree", "add", "-q", "-b", "side", &linked.to_string_lossy()]);
    std::fs::write(linked.join("a"), "changed").unwrap();
    std::fs::write(linked.join("staged"), "x").unwrap();
    git(&linked, ["add", "staged"]);
    let shown = shown(&temp, &linked);
    // The original is out of the way: the view may not need it.
    std::fs::rename(temp.path(), temp.around().join("away")).unwrap();
    assert_eq!(git(&shown, ["status", "--porcelain"]), " M a\nA  staged");
    assert_eq!(git(&shown, ["symbolic-ref", "HEAD"]), "refs/heads/side");
    assert_eq!(git(&shown, ["worktree", "list"]).lines().count(), 1);
    git(&shown, ["fsck", "--no-dangling"]);
}

#[test]
fn submodules_stand_alone_too() {
    let inner = TempRepository::with(&[("i", "1")]);
    let middle = TempRepository::with(&[("m", "1")]);
    middle.git(["submodule", "--quiet", "add", &inner.path().to_string_lossy(), "inner"]);
    middle.commit("with inner", &[]);
    let temp = TempRepository::with(&[("t", "1")]);
    temp.git(["submodule", "--quiet", "add", "--name", "named/so", &middle.path().to_string_lossy(), "deep/middle"]);
    temp.git(["submodule", "--quiet", "update", "--init", "--recursive"]);
    temp.commit("with middle", &[]);
    temp.git(["config", "--file", ".git/modules/named/so/config", "http.extraheader", "c2VjcmV0"]);
    temp.write("deep/middle/inner/i", "changed");
    let check = |shown: &Path| {
        assert!(!holds(shown, "c2VjcmV0"));
        assert_eq!(
            git(shown, ["submodule", "status", "--recursive"]).lines().filter(|line| line.starts_with(' ')).count(),
            2
        );
        assert_eq!(git(&shown.join("deep/middle/inner"), ["status", "--porcelain"]), " M i");
        assert_eq!(
            git(&shown.join("deep/middle"), ["rev-parse", "--show-toplevel"]),
            shown.join("deep/middle").to_string_lossy()
        );
    };
    let plain = shown(&temp, temp.path());
    // The same repository as a linked worktree, and a submodule by itself.
    let linked = temp.around().join("linked");
    temp.git(["worktree", "add", "-q", "-b", "side", &linked.to_string_lossy()]);
    git(&linked, ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"]);
    std::fs::write(linked.join("deep/middle/inner/i"), "changed").unwrap();
    let of_linked = shown(&temp, &linked);
    let alone = shown(&temp, &temp.path().join("deep/middle"));
    std::fs::rename(temp.path(), temp.around().join("away")).unwrap();
    check(&plain);
    check(&of_linked);
    assert_eq!(git(&alone, ["log", "--format=%s"]), "with inner\nfirst");
    assert_eq!(git(&alone.join("inner"), ["status", "--porcelain"]), " M i");
}

#[test]
fn borrowed_objects_are_laid_in() {
    let temp = TempRepository::with(&[("a", "1")]);
    let clone = temp.around().join("clone");
    temp.git(["clone", "-q", "--shared", ".", &clone.to_string_lossy()]);
    let shown = shown(&temp, &clone);
    std::fs::rename(temp.path(), temp.around().join("away")).unwrap();
    assert_eq!(git(&shown, ["log", "--format=%s"]), "first");
    git(&shown, ["fsck"]);
}

#[test]
fn a_git_folder_elsewhere_is_laid_in() {
    let temp = TempRepository::with(&[("a", "1")]);
    let elsewhere = temp.around().join("elsewhere.git");
    temp.git(["init", "-q", "--separate-git-dir", &elsewhere.to_string_lossy()]);
    let shown = shown(&temp, temp.path());
    std::fs::rename(&elsewhere, temp.around().join("away")).unwrap();
    assert!(shown.join(".git").is_dir());
    assert_eq!(git(&shown, ["status", "--porcelain"]), "");
}

#[test]
fn views_are_numbered_and_say_the_same_of_a_large_tree() {
    let temp = TempRepository::with(&[("a", "1")]);
    let checkout = checkout(&temp, temp.path());
    let small = checkout.views(2, 1).unwrap();
    for number in 0..500 {
        temp.write(&format!("many/{}/{number}", number % 50), "x");
    }
    assert_eq!(checkout.views(2, 1).unwrap(), small);
    let mut names: Vec<&str> = small.iter().map(|view| view.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["checkout-objects-0", "checkout-tree-0", "checkout-tree-1"]);
}

#[test]
fn a_repository_does_not_open_other_folders() {
    let temp = TempRepository::with(&[("a", "1")]);
    let private = temp.around().join("private");
    std::fs::create_dir_all(private.join("pack")).unwrap();
    temp.write(".git/objects/info/alternates", format!("{}\n/etc\n", private.display()));
    temp.write(".gitmodules", "[submodule \"x\"]\n\tpath = ../private\n[submodule \"y\"]\n\tpath = /etc\n");
    let views = checkout(&temp, temp.path()).views(1, 1).unwrap();
    let empty = temp.around().join("store/empty");
    for part in views.iter().flat_map(|view| &view.parts) {
        assert!(part.host.starts_with(temp.path()) || part.host == empty, "{}", part.host.display());
    }
    let places = views.iter().flat_map(|view| view.files.iter().map(|file| &file.at).chain(&view.hidden));
    for place in places {
        assert!(place.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{}", place.display());
    }
}

#[test]
fn a_git_folder_behind_a_link_is_laid_in() {
    let temp = TempRepository::with(&[("a", "1")]);
    let elsewhere = temp.around().join("elsewhere");
    std::fs::rename(temp.path().join(".git"), &elsewhere).unwrap();
    std::os::unix::fs::symlink("../elsewhere", temp.path().join(".git")).unwrap();
    let views = checkout(&temp, temp.path()).views(1, 0).unwrap();
    assert!(views[0].parts.iter().any(|part| part.host == elsewhere && part.at == Path::new(".git")), "{views:?}");
    assert_eq!(git(&shown(&temp, temp.path()), ["status", "--porcelain"]), "");
}
