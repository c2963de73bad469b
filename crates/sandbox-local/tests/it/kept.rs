//! Sandboxes that are kept, entered again, and removed.

use crate::bench_support::{Machine, sh, trial};
use domain::{View, ViewFile, ViewPart};
use libtest_mimic::Trial;
use sandbox::{Entrance, Profile, SandboxSpec};
use sandbox_local::disk::Pool;
use sandbox_local::{kept, one_id_only, remove_kept};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "kept::a_sandbox_is_entered_as_it_was_left", a_sandbox_is_entered_as_it_was_left),
        trial(machine, "kept::ids_of_the_root_profile_stay", ids_of_the_root_profile_stay),
        trial(machine, "kept::only_one_is_in_it", only_one_is_in_it),
    ]
}

fn entrance(env: &[(&str, &str)]) -> Entrance {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Entrance { title: "build".to_owned(), env, cwd: PathBuf::from("/home/runner/work/repo/repo") }
}

/// The exit code of a line in a kept sandbox.
async fn enter(machine: &Machine, name: &str, line: &str) -> i32 {
    let command = ["sh", "-ec", line].map(str::to_owned).to_vec();
    machine.backend.enter(name, command).await.unwrap()
}

async fn a_sandbox_is_entered_as_it_was_left(machine: Arc<Machine>) {
    let tree = tempfile::Builder::new().prefix("ekiden-it-").tempdir().unwrap();
    for name in ["changed", "gone", "same", "hidden"] {
        std::fs::write(tree.path().join(name), "host").unwrap();
    }
    let mut spec = machine.spec();
    let name = spec.name.clone();
    spec.views = vec![View {
        name: "v".to_owned(),
        parts: vec![ViewPart { host: tree.path().to_owned(), at: PathBuf::new() }],
        files: vec![ViewFile { at: PathBuf::from("given"), content: b"given".to_vec() }],
        hidden: vec![PathBuf::from("hidden")],
    }];
    let sandbox = machine.prepare(spec).await.unwrap();
    let workspace = sandbox.layout().workspace.clone();
    sandbox.place("v", &workspace).await.unwrap();
    // More than the little that a disk forgets without being told to.
    let line = "cd . && head -c 8000000 /dev/zero > large && echo job > changed && echo job > given && rm gone && echo t > /tmp/t && echo h > ~/h";
    let line = format!("cd {} && {line}", workspace.display());
    assert_eq!(sh(&*sandbox, &line).await.ended.end, sandbox::ExecEnd::Exited(0));
    sandbox.prepare_entrance(entrance(&[("COLOUR", "red")]));
    let receipt = sandbox.destroy(true).await.unwrap();
    assert_eq!(receipt.kept.as_deref(), Some(name.as_str()));

    let state = machine.state.path();
    // What a later start removes is not this.
    Pool::open(&state.join("disks")).unwrap();
    let found: Vec<_> = kept(state).into_iter().filter(|kept| kept.name == name).collect();
    assert_eq!((found[0].title.as_str(), found[0].profile), ("build", "hardened"));
    assert_eq!(std::fs::metadata(state.join("kept")).unwrap().mode() & 0o777, 0o700);
    let look = "test $(pwd) = /home/runner/work/repo/repo; test $(cat changed)$(cat given) = jobjob; \
        test $(cat same) = host; ! test -e gone; ! test -e hidden; test $(stat -c %s large) = 8000000; test $(cat /tmp/t)$(cat ~/h) = th; \
        test $COLOUR = red; test $(id -un) = runner; grep -q 'CapEff:.0000000000000000' /proc/self/status; grep -q 'Seccomp:.2' /proc/self/status";
    assert_eq!(enter(&machine, &name, look).await, 0);
    assert_eq!(enter(&machine, &name, "echo mine > changed; exit 7").await, 7);
    assert_eq!(enter(&machine, &name, "test $(cat changed) = mine").await, 0, "what was changed stays");
    assert_eq!(std::fs::read_to_string(tree.path().join("changed")).unwrap(), "host");

    remove_kept(state, &name).unwrap();
    assert!(!state.join("kept").join(&name).exists());
    assert!(machine.backend.enter(&name, Vec::new()).await.is_err() && remove_kept(state, &name).is_err());
    assert!(remove_kept(state, "../disks").is_err() && state.join("disks").is_dir());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    // Other tests keep sandboxes too.
    assert!(!mounts.contains(state.join("kept").join(&name).to_str().unwrap()));
}

async fn ids_of_the_root_profile_stay(machine: Arc<Machine>) {
    if let Some(reason) = one_id_only() {
        println!("SKIP: a kept sandbox with more than one id: {reason}");
        return;
    }
    let spec = SandboxSpec { profile: Profile::Root, ..machine.spec() };
    let name = spec.name.clone();
    let sandbox = machine.prepare(spec).await.unwrap();
    let line = "useradd -m someone && su someone -c 'mkdir ~/d && chmod 700 ~/d && echo x > ~/d/x'";
    assert_eq!(sh(&*sandbox, line).await.ended.end, sandbox::ExecEnd::Exited(0));
    assert!(sandbox.destroy(true).await.unwrap().kept.is_some());
    let look =
        "test $(stat -c %U /home/someone/d/x) = someone; test $(su someone -c 'cat ~/d/x') = x; test $(id -u) = 0";
    assert_eq!(enter(&machine, &name, look).await, 0);
    remove_kept(machine.state.path(), &name).unwrap();
    assert!(!machine.state.path().join("kept").join(&name).exists());
}

async fn only_one_is_in_it(machine: Arc<Machine>) {
    let spec = machine.spec();
    let name = spec.name.clone();
    machine.prepare(spec).await.unwrap().destroy(true).await.unwrap();
    let folder = machine.state.path().join("kept").join(&name);
    let held = rustix::fs::open(&folder, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let refused = machine.backend.enter(&name, Vec::new()).await.unwrap_err();
    assert!(refused.to_string().contains("somebody is in"), "{refused}");
    assert!(remove_kept(machine.state.path(), &name).is_err() && Path::new(&folder).exists());
    drop(held);
    remove_kept(machine.state.path(), &name).unwrap();
}
