//! Plans of the built-in checkout, carried out as a job would, in a folder instead of a sandbox.

use crate::store::{mirrored, options};
use crate::view::{checkout, put_together};
use source::{Checkout, Repository, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{TempRepository, scrubbed};
use workflow::checkout::{CheckoutPlan, CheckoutRequest, CheckoutSource, CheckoutView, Inside, Submodules};

fn inside(repositories: impl AsRef<Path>) -> Inside {
    Inside { repositories: repositories.as_ref().to_owned(), temporary: "/t".into(), target: "/w".into() }
}

fn at(reference: &str) -> CheckoutRequest {
    CheckoutRequest { reference: Some(reference.to_owned()), fetch_depth: 1, ..CheckoutRequest::default() }
}

/// Places the view and runs the commands; gives the folder.
fn carry_out(temp: &TempRepository, checkout: &Checkout, plan: &CheckoutPlan) -> PathBuf {
    let into = tempfile::Builder::new().prefix("place").tempdir_in(temp.around()).unwrap().keep();
    if let Some(kind) = plan.view {
        let views = checkout.views(1, 1).unwrap();
        put_together(views.iter().find(|view| view.name == kind.name(0)).unwrap(), &into);
    }
    for command in &plan.commands {
        let output = scrubbed(&command.argv[0], temp.around())
            .args(&command.argv[1..])
            .envs(command.env.clone())
            .current_dir(&into)
            .output()
            .unwrap();
        assert!(output.status.success(), "{:?}: {}", command.argv, String::from_utf8_lossy(&output.stderr));
    }
    into
}

fn git<const N: usize>(at: &Path, arguments: [&str; N]) -> String {
    let output = scrubbed("git", at).args(arguments).current_dir(at).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn without_inputs_the_working_tree() {
    let temp = TempRepository::with(&[("a", "1")]);
    let checkout = checkout(&temp, temp.path()).standing_for(["refs/pull/7/merge".to_owned()]);
    let head = temp.git(["rev-parse", "HEAD"]);
    for reference in [None, Some("main"), Some("refs/heads/main"), Some(head.as_str()), Some("refs/pull/7/merge")] {
        let request = CheckoutRequest { reference: reference.map(str::to_owned), ..CheckoutRequest::default() };
        let plan = checkout.plan(&request, &inside("/r")).unwrap();
        assert_eq!(
            (plan.view, plan.commands.len(), plan.commit.as_str()),
            (Some(CheckoutView::WorkingTree), 0, head.as_str()),
            "{reference:?}"
        );
    }
    let same = CheckoutRequest { repository: Some("Owner/Repo".to_owned()), ..CheckoutRequest::default() };
    assert_eq!(checkout.plan(&same, &inside("/r")).unwrap().view, Some(CheckoutView::WorkingTree));
}

#[test]
fn another_reference_is_that_commit_clean() {
    let temp = TempRepository::with(&[("a", "1"), ("gone", "1"), (".gitignore", "ignored\n")]);
    let first = temp.git(["rev-parse", "HEAD"]);
    temp.git(["tag", "-a", "v1", "-m", "x"]);
    temp.git(["checkout", "-q", "-b", "side"]);
    let side = temp.commit("side", &[("a", "side")]);
    temp.git(["checkout", "-q", "main"]);
    temp.git(["rm", "-q", "gone"]);
    temp.commit("second", &[("a", "2")]);
    temp.git(["update-ref", "refs/remotes/origin/theirs", &side]);
    temp.git(["update-ref", "refs/pull/3/merge", &first]);
    temp.write("a", "changed");
    temp.write("untracked", "x");
    temp.write("ignored", "x");
    temp.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch ran\n");
    let checkout = checkout(&temp, temp.path());
    for (reference, commit, branch) in [
        ("v1", &first, None),
        ("side", &side, Some("side")),
        ("refs/heads/side", &side, Some("side")),
        ("theirs", &side, Some("theirs")),
        (&first, &first, None),
        ("refs/pull/3/merge", &first, None),
    ] {
        let plan = checkout.plan(&at(reference), &inside("/r")).unwrap();
        assert_eq!((plan.view, &plan.commit), (Some(CheckoutView::Objects), commit), "{reference}");
        let place = carry_out(&temp, &checkout, &plan);
        assert_eq!(
            (git(&place, ["rev-parse", "HEAD"]), git(&place, ["status", "--porcelain", "--ignored"])),
            (commit.clone(), String::new())
        );
        assert_eq!(git(&place, ["branch", "--show-current"]), branch.unwrap_or_default());
        assert!(!place.join("untracked").exists() && !place.join("ignored").exists() && !place.join("ran").exists());
    }
    assert_eq!(std::fs::read_to_string(temp.path().join("a")).unwrap(), "changed");
}

#[test]
fn a_linked_worktree_gives_other_commits_too() {
    let temp = TempRepository::with(&[("a", "1")]);
    let linked = temp.around().join("linked");
    temp.git(["worktree", "add", "-q", "-b", "side", &linked.to_string_lossy()]);
    let checkout = checkout(&temp, &linked);
    // `main` is checked out in the other working tree, which is nobody's business inside.
    let place = carry_out(&temp, &checkout, &checkout.plan(&at("main"), &inside("/r")).unwrap());
    assert_eq!(
        (git(&place, ["branch", "--show-current"]).as_str(), git(&place, ["status", "--porcelain"]).as_str()),
        ("main", "")
    );
}

#[test]
fn references_that_are_not_there_say_what_was_looked_for() {
    let temp = TempRepository::with(&[("a", "1")]);
    let checkout = checkout(&temp, temp.path());
    let error = checkout.plan(&at("nowhere"), &inside("/r")).unwrap_err().to_string();
    for part in ["refs/heads/nowhere", "refs/remotes/origin/nowhere", "refs/tags/nowhere", "git fetch origin nowhere"] {
        assert!(error.contains(part), "{error}");
    }
    let error = checkout.plan(&at(&"1".repeat(40)), &inside("/r")).unwrap_err().to_string();
    assert!(error.contains("has no commit 1111"), "{error}");
    assert!(checkout.plan(&at("../../../etc/passwd"), &inside("/r")).is_err());
}

#[test]
fn submodules_of_a_commit_are_brought_out_inside() {
    let temp = TempRepository::with(&[("a", "1")]);
    let checkout = checkout(&temp, temp.path());
    temp.git(["tag", "v1"]);
    temp.commit("second", &[]);
    let request = CheckoutRequest { submodules: Submodules::Recursive, ..at("v1") };
    let plan = checkout.plan(&request, &inside("/r")).unwrap();
    let update = &plan.commands.last().unwrap().argv;
    assert!(
        ["submodule", "update", "--init", "--recursive", "--depth=1"]
            .iter()
            .all(|word| update.iter().any(|argument| argument == word)),
        "{update:?}"
    );
}

#[test]
fn another_repository_comes_through_the_store() {
    let temp = TempRepository::with(&[("a", "1")]);
    let other = TempRepository::with(&[("o", "1")]);
    let tip = other.commit("second", &[("o", "2")]);
    let store = Arc::new(Store::open(options(&other, &mirrored(&other))).unwrap());
    let checkout = Checkout::new(
        Repository::discover(temp.path()).unwrap(),
        "owner/repo",
        "https://git.example",
        Arc::clone(&store),
    )
    .unwrap();
    let request =
        CheckoutRequest { repository: Some("owner/action".to_owned()), fetch_depth: 1, ..CheckoutRequest::default() };
    let plan = checkout.plan(&request, &inside(checkout.repositories().unwrap())).unwrap();
    assert_eq!((plan.view, plan.commit.as_str(), plan.reference.as_str()), (None, tip.as_str(), "refs/heads/main"));
    let place = carry_out(&temp, &checkout, &plan);
    assert_eq!((git(&place, ["rev-parse", "HEAD"]), git(&place, ["status", "--porcelain"])), (tip, String::new()));
    assert_eq!(git(&place, ["log", "--format=%s"]), "second");
    assert_eq!(git(&place, ["config", "remote.origin.url"]), "https://git.example/owner/action");
    std::fs::write(place.join("o"), "job").unwrap();
    git(&place, ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "inside"]);

    let missing = CheckoutRequest { repository: Some("owner/missing".to_owned()), ..CheckoutRequest::default() };
    let error = checkout.plan(&missing, &inside("/r")).unwrap_err().to_string();
    assert!(error.contains("owner/missing@HEAD") && error.contains("file://"), "{error}");
    let with_token = CheckoutRequest { token: Some(domain::Secret::new("t0ken")), ..missing };
    let plan = checkout.plan(&with_token, &inside("/r")).unwrap();
    assert!(!format!("{plan:?}").contains("t0ken"), "{plan:?}");
    assert!(
        plan.commands
            .iter()
            .any(|command| command.argv.iter().any(|argument| argument == "fetch") && command.secret_env.len() == 1)
    );
}
