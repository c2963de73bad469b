//! The built-in checkout in real sandboxes: the working tree, other commits, other repositories, worktrees and submodules.

use std::path::Path;
use std::process::{Command, Stdio};
use testkit::TempRepository;

/// Runs the repository's workflows; gives the exit code and everything said.
fn exec(temp: &TempRepository, at: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ekiden"))
        .args(["exec", "-C"])
        .arg(at)
        .args(arguments)
        .env("EKIDEN_ACTION_STORE", temp.around().join("store"))
        .env("EKIDEN_ACTION_MIRROR", format!("file://{}/mirrors/{{owner}}/{{repo}}", temp.around().display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

#[track_caller]
fn succeeds(temp: &TempRepository, at: &Path, arguments: &[&str]) {
    let (code, said) = exec(temp, at, arguments);
    assert_eq!(code, Some(0), "{said}");
}

fn workflow(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

const FILE: &str = ".github/workflows/ci.yml";

#[test]
fn uncommitted_changes_come_and_nothing_goes_back() {
    let steps = r#"
      - run: test -z "$(ls -A)"
      - uses: actions/checkout@v4
        id: c
      - run: |
          set -x
          test "$(git status --porcelain)" = "$(printf ' M changed\n D gone\n?? new')"
          test "${{ steps.c.outputs.commit }}" = "$(git rev-parse HEAD)"
          test "${{ steps.c.outputs.ref }}" = refs/heads/main
          ! grep -r c2VjcmV0 .git
          test ! -e .git/hooks/pre-commit
          echo inside > changed; rm new; git add -A
          git -c user.name=a -c user.email=a@b commit -qm inside
"#;
    let temp = TempRepository::with(&[("changed", "1"), ("gone", "1"), (FILE, &workflow(steps))]);
    temp.git(["remote", "add", "origin", "https://u:c2VjcmV0@github.com/owner/repo"]);
    temp.git(["config", "http.extraheader", "AUTHORIZATION: basic c2VjcmV0"]);
    temp.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    temp.write("changed", "outside");
    temp.write("new", "n");
    std::fs::remove_file(temp.path().join("gone")).unwrap();
    let head = temp.git(["rev-parse", "HEAD"]);
    succeeds(&temp, temp.path(), &[]);
    succeeds(&temp, temp.path(), &["--profile", "root"]);
    assert_eq!(temp.git(["rev-parse", "HEAD"]), head);
    assert_eq!(std::fs::read_to_string(temp.path().join("changed")).unwrap(), "outside");
    assert!(temp.path().join("new").exists());
}

#[test]
fn several_checkouts_of_several_things_in_one_job() {
    let other = TempRepository::with(&[("file", "other")]);
    other.commit("second", &[("file", "other two")]);
    let steps = r#"
      - uses: actions/checkout@v4
      - uses: actions/checkout@v4
        with: {ref: side, path: side}
      - uses: actions/checkout@v4
        with: {ref: v1, path: tagged/deep}
      - uses: actions/checkout@v4
        with: {ref: "${{ github.sha }}", path: same}
      - uses: actions/checkout@v4
        with: {repository: owner/other, path: other}
      - uses: actions/checkout@v4
        with: {repository: owner/other, path: whole, fetch-depth: 0}
      - run: |
          set -x
          test "$(cat file) $(cat side/file) $(cat tagged/deep/file) $(cat other/file)" = "now side first other two"
          test "$(cat same/file)" = now
          cd side && test "$(git branch --show-current)" = side && test -z "$(git status --porcelain --ignored)"
          cd ../tagged/deep && test -z "$(git status --porcelain --ignored)"
          cd ../../other && test -z "$(git status --porcelain)" && test "$(git rev-list --count HEAD)" = 1
          cd ../whole && test "$(git rev-list --count HEAD)" = 2
          touch new && git add new && git -c user.name=a -c user.email=a@b commit -qm new
      - uses: actions/checkout@v4
        continue-on-error: true
        id: missing
        with: {ref: nowhere, path: nowhere}
      - run: test "${{ steps.missing.outcome }}" = failure
      - uses: actions/checkout@v4
        with: {ref: side}
      - run: test "$(cat file)" = side && test ! -e other
"#;
    let temp = TempRepository::with(&[("file", "first"), (FILE, &workflow(steps))]);
    other.git(["clone", "-q", "--mirror", ".", &temp.around().join("mirrors/owner/other").to_string_lossy()]);
    temp.git(["tag", "v1"]);
    temp.git(["checkout", "-q", "-b", "side"]);
    temp.commit("side", &[("file", "side")]);
    temp.git(["checkout", "-q", "main"]);
    temp.write("file", "now");
    succeeds(&temp, temp.path(), &[]);
    succeeds(&temp, temp.path(), &["--offline"]);
}

#[test]
fn linked_worktrees_and_submodules_work_inside() {
    let inner = TempRepository::with(&[("i", "1")]);
    let steps = r#"
      - uses: actions/checkout@v4
        with: {submodules: recursive}
      - run: |
          set -x
          test "$(git branch --show-current)" = side
          test -z "$(git status --porcelain)"
          test "$(git -C sub log --format=%s)" = first
          test "$(git submodule status | cut -c1)" = " "
          git fsck --no-dangling
"#;
    let temp = TempRepository::with(&[("a", "1"), (FILE, &workflow(steps))]);
    temp.git(["submodule", "--quiet", "add", &inner.path().to_string_lossy(), "sub"]);
    temp.commit("with sub", &[]);
    let linked = temp.around().join("linked");
    temp.git(["worktree", "add", "-q", "-b", "side", &linked.to_string_lossy()]);
    let linked_path = linked.to_string_lossy();
    temp.git(["-C", &linked_path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"]);
    succeeds(&temp, &linked, &[]);
    temp.git(["checkout", "-q", "--detach"]);
    temp.git(["worktree", "remove", "--force", &linked_path]);
    temp.git(["checkout", "-q", "side"]);
    succeeds(&temp, temp.path(), &["--checkout"]);
}
