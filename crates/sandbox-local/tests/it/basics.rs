//! A command in a sandbox, its files, its end.

use crate::bench_support::{Machine, command, finish, path, sh, trial};
use libtest_mimic::Trial;
use sandbox::{Collected, ExecEnd, InsideFile, SandboxError, Signal};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "basics::a_command_runs_and_ends", a_command_runs_and_ends),
        trial(machine, "basics::the_shell_is_that_of_the_user", the_shell_is_that_of_the_user),
        trial(machine, "basics::files_go_in_and_come_back", files_go_in_and_come_back),
        trial(machine, "basics::a_missing_program_is_named", a_missing_program_is_named),
        trial(machine, "basics::signals_reach_the_group", signals_reach_the_group),
        trial(machine, "basics::nothing_is_left", nothing_is_left),
    ]
}

async fn a_command_runs_and_ends(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let output =
        sh(&*sandbox, "id -un; pwd; echo $HOME; ls -di /proc/self >/dev/null; cat /etc/hostname; exit 3").await;
    assert_eq!(output.text, "runner\n/home/runner/work/repo/repo\n/home/runner\nekiden\n");
    assert_eq!(output.ended.end, ExecEnd::Exited(3));
    let receipt = sandbox.destroy(false).await.unwrap();
    assert_eq!(sandbox.destroy(false).await.unwrap(), receipt, "destroy may be called again");
    assert!(receipt.start_micros > 0 && receipt.profile == "hardened");
    assert!(matches!(sandbox.read(&path("/etc/hostname"), 10).await, Err(SandboxError::Gone)));
}

async fn the_shell_is_that_of_the_user(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let told: Vec<_> = sandbox.layout().env.iter().filter(|(name, _)| name == "SHELL").cloned().collect();
    let output = sh(
        &*sandbox,
        "grep ^runner: /etc/passwd | cut -d: -f7; test -x \"$(grep ^runner: /etc/passwd | cut -d: -f7)\"",
    )
    .await;
    assert_eq!(output.ended.end, ExecEnd::Exited(0));
    assert_eq!(told, [("SHELL".to_owned(), output.text.trim().to_owned())]);
    sandbox.destroy(false).await.unwrap();
}

async fn files_go_in_and_come_back(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let temp = sandbox.layout().temp.clone();
    let (mut exec, read) = command(&*sandbox, &["sh", "-e", temp.join("s/script.sh").to_str().unwrap()]);
    let line = format!("echo out > {t}/env; ln -s /etc/passwd {t}/link; seq 100000 > {t}/large", t = temp.display());
    exec.files = vec![
        InsideFile { path: temp.join("s/script.sh"), content: line.into_bytes(), executable: true },
        InsideFile { path: temp.join("env"), content: Vec::new(), executable: false },
    ];
    exec.collect = ["env", "link", "large", "none"].map(|name| temp.join(name)).to_vec();
    exec.collect_limit = 1000;
    let output = finish(&*sandbox, exec, read).await.unwrap();
    assert_eq!(output.ended.end, ExecEnd::Exited(0), "{}", output.text);
    assert_eq!(output.ended.collected[0], Collected::Content(b"out\n".to_vec()));
    assert_eq!(output.ended.collected[1], Collected::Absent);
    assert!(matches!(output.ended.collected[2], Collected::TooLarge { size: 588_895 }));
    assert_eq!(output.ended.collected[3], Collected::Absent);
    assert_eq!(sh(&*sandbox, &format!("ls -A {}", temp.display())).await.text, "s\n", "they are removed");
    let file = |name: &str| InsideFile { path: temp.join(name), content: vec![b'x'; 300_000], executable: false };
    sandbox.write(vec![file("a/b/c")]).await.unwrap();
    assert_eq!(sandbox.read(&temp.join("a/b/c"), 1 << 20).await.unwrap().unwrap().len(), 300_000);
    assert!(sandbox.read(&temp.join("a/b/c"), 10).await.is_err());
    assert_eq!(sandbox.read(&temp.join("none"), 10).await.unwrap(), None);
    sandbox.remove(vec![temp.join("a"), temp.join("none")]).await.unwrap();
    assert_eq!(sandbox.read(&temp.join("a/b/c"), 10).await.unwrap(), None);
    sandbox
        .write(vec![InsideFile {
            path: sandbox.layout().workspace.join("f"),
            content: b"f".to_vec(),
            executable: false,
        }])
        .await
        .unwrap();
    assert_eq!(sandbox.hash(&["f".to_owned()]).await.unwrap().len(), 64);
    assert_eq!(sandbox.hash(&["g".to_owned()]).await.unwrap(), "");
    sandbox.destroy(false).await.unwrap();
}

async fn a_missing_program_is_named(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let (exec, read) = command(&*sandbox, &["frobnicate"]);
    let error = finish(&*sandbox, exec, read).await.unwrap_err();
    assert!(matches!(&error, SandboxError::NotFound { program, .. } if program == "frobnicate"), "{error}");
    sandbox.destroy(false).await.unwrap();
}

async fn signals_reach_the_group(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let (exec, _read) = command(&*sandbox, &["sh", "-c", "trap 'exit 7' INT; echo; while :; do sleep 0.01; done"]);
    let process = sandbox.exec(exec).await.unwrap();
    let waited = async {
        // Until the trap is set a signal would end it; so it is sent until the process has ended.
        let mut wait = process.wait();
        loop {
            tokio::select! {
                ended = &mut wait => return ended.unwrap().end,
                () = tokio::time::sleep(std::time::Duration::from_millis(20)) => process.signal(Signal::Interrupt).await.unwrap(),
            }
        }
    };
    let end = waited.await;
    assert!(matches!(end, ExecEnd::Exited(7) | ExecEnd::Signalled(2)), "{end:?}");
    let (exec, read) = command(&*sandbox, &["sh", "-c", "(setsid sleep 100 &) ; setsid sleep 101 & exec sleep 102"]);
    let process = sandbox.exec(exec).await.unwrap();
    process.signal(Signal::Kill).await.unwrap();
    assert_eq!(process.wait().await.unwrap().end, ExecEnd::Signalled(9));
    drop(read);
    sandbox.destroy(false).await.unwrap();
}

async fn nothing_is_left(machine: Arc<Machine>) {
    let mark = format!("4{}", std::process::id());
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    sh(&*sandbox, &format!("setsid nohup sleep {mark} >/dev/null 2>&1 & echo > /tmp/x")).await;
    sandbox.destroy(false).await.unwrap();
    let left = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&mark))
    });
    assert!(!left);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    // Other tests keep sandboxes.
    let (state, kept) = (machine.state.path(), machine.state.path().join("kept"));
    let ours = |line: &&str| line.contains(state.to_str().unwrap()) && !line.contains(kept.to_str().unwrap());
    assert_eq!(mounts.lines().find(ours), None);
}
