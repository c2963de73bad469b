//! Repositories that attack whoever fetches them.

use crate::store::{action, mirrored, options};
use source::store::StoreLimits;
use source::{Store, StoreOptions};
use std::io::Write;
use std::process::Stdio;
use testkit::{TempRepository, scrubbed};
use workflow::action_source::ActionSource;

/// Commits a tree made by hand: `mode name content` entries; `/` in a name stays one name, as only a forger writes it.
fn forge(temp: &TempRepository, entries: &[(&str, &[u8], &str)]) {
    let hash = |kind: &str, content: &[u8]| {
        let mut child = scrubbed("git", temp.around())
            .args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"])
            .current_dir(temp.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let mut tree = Vec::new();
    for (mode, name, content) in entries {
        let id = hash("blob", content.as_bytes());
        tree.extend_from_slice(format!("{mode} ").as_bytes());
        tree.extend_from_slice(name);
        tree.push(0);
        tree.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
    }
    let tree = hash("tree", &tree);
    let commit = temp.git(["commit-tree", &tree, "-m", "forged"]);
    temp.git(["update-ref", "refs/heads/main", &commit]);
}

fn refusal(temp: &TempRepository) -> String {
    let store = Store::open(options(temp, &mirrored(temp))).unwrap();
    let error = store.fetch(&action("owner/action", "main")).unwrap_err().to_string();
    assert_eq!(std::fs::read_dir(temp.around().join("store/tmp")).unwrap().count(), 0, "something was left");
    assert!(
        !temp.around().join("store/trees").exists()
            || std::fs::read_dir(temp.around().join("store/trees")).unwrap().count() == 0
    );
    error
}

#[test]
fn evil_names_are_refused() {
    let names: &[&[u8]] = &[
        b"..",
        b".",
        b".git",
        b".GIT",
        b"../../evil",
        b"a/../../evil",
        b"/etc/evil",
        b"\xff\xfe",
        b".git/hooks/post-checkout",
    ];
    for name in names {
        let temp = TempRepository::with(&[("a", "1")]);
        forge(&temp, &[("100755", name, "x")]);
        let error = refusal(&temp);
        assert!(error.contains("which is refused"), "{}: {error}", String::from_utf8_lossy(name));
        assert!(!temp.around().join("evil").exists() && !temp.around().join("store/evil").exists());
    }
}

#[test]
fn a_file_behind_a_link_of_the_same_tree_is_refused() {
    let temp = TempRepository::with(&[("a", "1")]);
    let target = temp.around().join("outside");
    std::fs::create_dir(&target).unwrap();
    forge(&temp, &[("120000", b"d", &target.to_string_lossy()), ("100644", b"d/evil", "x")]);
    assert!(refusal(&temp).contains("which is refused"));
    assert!(!target.join("evil").exists());
    let temp = TempRepository::with(&[("a", "1")]);
    forge(&temp, &[("120000", b"d", "."), ("100644", b"d", "x")]);
    assert!(refusal(&temp).contains("which is refused"));
}

#[test]
fn links_that_leave_are_refused() {
    for target in ["/etc/passwd", "..", "../../x", "a/../../x"] {
        let temp = TempRepository::with(&[("a", "1")]);
        forge(&temp, &[("120000", b"link", target)]);
        let error = refusal(&temp);
        assert!(error.contains("leaves the repository") && error.contains(target), "{error}");
    }
}

#[test]
fn attributes_hooks_and_filters_do_nothing() {
    let temp = TempRepository::with(&[
        (".gitattributes", "file filter=evil text eol=crlf export-subst ident\nsecret export-ignore\n"),
        (".gitmodules", "[submodule \"evil\"]\n\tpath = evil\n\turl = ext::sh -c touch% ran\n\tupdate = !touch ran\n"),
        ("file", "$Format:%H$ $Id$\n"),
        ("secret", "there\n"),
    ]);
    let mirror = mirrored(&temp);
    let bare = temp.around().join("mirrors/owner/action.git");
    let mark = temp.around().join("ran");
    for (key, value) in
        [("filter.evil.smudge", "touch ran"), ("core.fsmonitor", "touch ran"), ("core.hooksPath", "hooks")]
    {
        temp.git(["--git-dir", &bare.to_string_lossy(), "config", key, &value.replace("ran", &mark.to_string_lossy())]);
    }
    for hook in ["post-checkout", "pre-upload", "post-update", "reference-transaction"] {
        use std::os::unix::fs::PermissionsExt;
        let path = bare.join("hooks").join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let store = Store::open(options(&temp, &mirror)).unwrap();
    let tree = store.fetch(&action("owner/action", "main")).unwrap().tree;
    assert_eq!(std::fs::read_to_string(tree.join("file")).unwrap(), "$Format:%H$ $Id$\n");
    assert!(tree.join("secret").exists() && !mark.exists() && !tree.join("ran").exists());
}

#[test]
fn size_limits_hold() {
    let limits = StoreLimits { bytes: 1 << 20, file: 600_000, files: 50 };
    let fetch = |temp: &TempRepository| {
        let store = Store::open(StoreOptions { limits, ..options(temp, &mirrored(temp)) }).unwrap();
        store.fetch(&action("owner/action", "main")).map(drop).map_err(|error| error.to_string())
    };
    // Compresses to nothing: only the unpacked size tells.
    let zeros = "0".repeat(700_000);
    let temp = TempRepository::with(&[("zeros", &zeros)]);
    assert!(fetch(&temp).unwrap_err().contains("zeros with 700000 bytes"));
    let half = "0".repeat(500_000);
    let temp = TempRepository::with(&[("a", &half), ("b", &half), ("c", &half)]);
    assert!(fetch(&temp).unwrap_err().contains("1500000 bytes"));
    let many: Vec<(String, &str)> = (0..51).map(|number| (format!("f{number}"), "")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    assert!(fetch(&TempRepository::with(&many)).unwrap_err().contains("51 files"));
    assert_eq!(fetch(&TempRepository::with(&[("a", "1")])), Ok(()));
}

#[test]
fn mirrors_that_run_commands_are_no_mirrors() {
    for template in ["ext::sh -c 'touch /tmp/x' {repo}", "fd::17/{repo}", "transport::address/{repo}"] {
        assert!(
            Store::open(StoreOptions { mirrors: vec![template.to_owned()], ..StoreOptions::at("/nonexistent") })
                .is_err(),
            "{template}"
        );
    }
}

#[test]
fn cancelled_stores_end_at_once() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let temp = TempRepository::with(&[("a", "1")]);
    let options = options(&temp, &format!("git://{}/{{owner}}/{{repo}}", silent.local_addr().unwrap()));
    let flag = options.cancel.clone();
    let store = Store::open(options).unwrap();
    let started = std::time::Instant::now();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| store.fetch(&action("owner/action", "main")));
        // It is under way once it has connected.
        let _connection = silent.accept().unwrap();
        flag.cancel();
        assert!(running.join().unwrap().unwrap_err().to_string().contains("cancelled"));
    });
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}
