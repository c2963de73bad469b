//! Processes by a fork server: this test binary is the fork server, and each process that it forks.

use crate::bench_support::{Machine, sh, spec, trial};
use libtest_mimic::Trial;
use sandbox::{Backend, Limits, Network, Profile, SandboxSpec};
use sandbox_local::{ForkServer, Forked, HostVariables, Namespaces, Options, Served, Wanted};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const ARGUMENT: &str = "fork-server";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "forks::each_has_its_pipes_and_its_end", each_has_its_pipes_and_its_end),
        trial(machine, "forks::each_makes_sandboxes_of_its_own", each_makes_sandboxes_of_its_own),
        trial(machine, "forks::what_is_ready_is_shared_and_nothing_else", what_is_ready_is_shared_and_nothing_else),
        trial(
            machine,
            "forks::what_is_hidden_later_is_hidden_from_the_next",
            what_is_hidden_later_is_hidden_from_the_next,
        ),
        trial(machine, "forks::what_was_hardly_used_is_for_the_next", what_was_hardly_used_is_for_the_next),
        trial(machine, "forks::what_nobody_has_a_place_for_is_thrown_away", what_nobody_has_a_place_for_is_thrown_away),
        trial(machine, "forks::nobody_waits_for_what_others_have_left", nobody_waits_for_what_others_have_left),
        trial(machine, "forks::one_that_hangs_is_given_up", one_that_hangs_is_given_up),
        trial(machine, "forks::an_end_that_takes_long_holds_nothing_up", an_end_that_takes_long_holds_nothing_up),
        trial(machine, "forks::what_a_process_leaves_is_reaped", what_a_process_leaves_is_reaped),
        trial(machine, "forks::one_is_killed_and_by_dropping_too", one_is_killed_and_by_dropping_too),
        trial(machine, "forks::a_dead_fork_server_is_noticed", a_dead_fork_server_is_noticed),
    ]
}

/// The fork server, and what it forks: that does what a line on its stdin says.
pub(crate) fn serve() -> i32 {
    let (zygote, ready) = match sandbox_local::serve_forks().unwrap() {
        Served::Over => return 0,
        Served::Job { zygote, ready } => (zygote.unwrap(), ready),
    };
    let mut line = String::new();
    BufReader::new(std::io::stdin()).read_line(&mut line).unwrap();
    match line.trim_end().split_once(' ') {
        Some(("exit", code)) => {
            let pid = std::process::id();
            let end = Instant::now() + PATIENCE;
            let path = format!("/proc/{}/environ", zygote.pid());
            // It has only just been forked.
            let is_empty = loop {
                let is_empty = std::fs::read(&path).unwrap().iter().all(|byte| *byte == 0);
                if is_empty || Instant::now() > end {
                    break is_empty;
                }
                std::thread::yield_now();
            };
            print!("{pid} {:?} {is_empty}", std::env::var("WORD").unwrap());
            std::io::stderr().write_all(b"talk").unwrap();
            code.parse().unwrap()
        }
        Some(("ready", rest)) => {
            let [state, profile, network, line] = rest.splitn(4, ' ').collect::<Vec<_>>()[..] else { return 1 };
            let options = Options { state: state.into(), variables: HostVariables::Listed };
            assert!(ready.is_some());
            let backend = Namespaces::with(zygote, &options, ready).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let text = runtime.block_on(async {
                let sandbox = backend.prepare(ready_spec(profile, network)).await.unwrap();
                let text = sh(&*sandbox, line).await.text;
                sandbox.destroy(false).await.unwrap();
                text
            });
            print!("{text}");
            0
        }
        Some(("image", _)) => {
            assert!(ready.is_some());
            print!("{:?}", loop_device());
            0
        }
        Some(("end", state)) => {
            let options = Options { state: state.into(), variables: HostVariables::Listed };
            let backend = Namespaces::with(zygote, &options, ready).unwrap();
            std::env::set_current_dir(options.state.join("disks")).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            print!("{}", runtime.block_on(is_alive_at_the_end(&backend)));
            0
        }
        Some(("zygote", _)) => {
            println!("{}", zygote.pid());
            std::thread::sleep(PATIENCE);
            1
        }
        Some(("sandbox", line)) => {
            let machine = Machine::new(zygote);
            let text = machine.runtime.block_on(async {
                let sandbox = machine.prepare(machine.spec()).await.unwrap();
                let text = sh(&*sandbox, line).await.text;
                sandbox.destroy(false).await.unwrap();
                text
            });
            print!("{text}");
            0
        }
        _ => {
            std::thread::sleep(PATIENCE);
            1
        }
    }
}

/// For root few enough bytes for no file system: the disk is a directory, whose files are removed one by one.
fn many_files() -> SandboxSpec {
    let spec = spec("many");
    let bytes = if rustix::process::geteuid().is_root() { (1 << 20) - 1 } else { 512 << 20 };
    let limits = Limits { disk: Some(bytes), inodes: Some(50_000), ..spec.limits };
    SandboxSpec { limits, ..spec }
}

/// Whether anything else goes on while a sandbox with many files ends.
async fn is_alive_at_the_end(backend: &Namespaces) -> bool {
    const FILES: usize = 2_000;
    let sandbox = backend.prepare(many_files()).await.unwrap();
    let made =
        sh(&*sandbox, &format!("mkdir /tmp/many && cd /tmp/many && seq {FILES} | xargs touch; pwd -P")).await.text;
    assert_eq!(made, "/tmp/many\n");
    let find = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).next();
    let disks = std::env::current_dir().unwrap();
    let disk = find(&disks).unwrap();
    // By a handle: it is moved about while it goes.
    let many = File::open(disk.join("u0/tmp/many")).unwrap();
    let left = || std::fs::read_dir(format!("/proc/self/fd/{}", many.as_raw_fd())).map_or(0, Iterator::count);
    assert_eq!(left(), FILES);
    let mut is_alive = false;
    let mut end = sandbox.destroy(false);
    loop {
        tokio::select! {
            biased;
            ended = &mut end => {
                ended.unwrap();
                return is_alive;
            }
            () = tokio::task::yield_now() => is_alive |= (1..FILES).contains(&left()),
        }
    }
}

struct Run {
    forked: Forked,
    stdin: Option<File>,
    stdout: File,
    stderr: File,
}

fn start() -> ForkServer {
    let mut env = vec![("WORD".into(), "of the agent".into())];
    env.extend(["PATH", "HOME"].iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))));
    ForkServer::start(&std::env::current_exe().unwrap(), &[ARGUMENT.into()], &env).unwrap()
}

/// A network by a word.
fn of(word: &str) -> Network {
    match word {
        "none" => Network::None,
        _ => Network::Outbound { allow: Vec::new() },
    }
}

fn ready_spec(profile: &str, network: &str) -> SandboxSpec {
    let profile = if profile == "root" { Profile::Root } else { Profile::Hardened };
    SandboxSpec { profile, network: of(network), ..spec("ready") }
}

async fn fork(server: &ForkServer, line: &str) -> Run {
    fork_with(server, line, None).await
}

async fn fork_with(server: &ForkServer, line: &str, wanted: Option<Wanted>) -> Run {
    let pipe = || std::io::pipe().map(|(read, write)| (OwnedFd::from(read), OwnedFd::from(write))).unwrap();
    let ((orders, stdin), (stdout, out), (stderr, err)) = (pipe(), pipe(), pipe());
    let forked = server.fork([orders, out, err], wanted).await.unwrap();
    let mut stdin = File::from(stdin);
    stdin.write_all(line.as_bytes()).unwrap();
    Run { forked, stdin: Some(stdin), stdout: stdout.into(), stderr: stderr.into() }
}

impl Run {
    async fn end(mut self) -> (std::io::Result<ExitStatus>, String, String) {
        drop(self.stdin.take());
        let status = tokio::time::timeout(PATIENCE, self.forked.ended()).await.unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (status, out, err)
    }
}

async fn each_has_its_pipes_and_its_end(_machine: Arc<Machine>) {
    let server = start();
    let (first, second) = (fork(&server, "exit 0\n").await, fork(&server, "exit 7\n").await);
    let (second, first) = (second.end().await, first.end().await);
    assert_eq!((first.0.unwrap().code(), second.0.unwrap().code()), (Some(0), Some(7)));
    assert_eq!((first.2.as_str(), second.2.as_str()), ("talk", "talk"));
    let (pid, rest) = first.1.split_once(' ').unwrap();
    // Their own, and nothing of it in the process that sandboxes are forked from.
    assert_eq!(rest, "\"of the agent\" true");
    assert_ne!(second.1.split_once(' ').unwrap().0, pid);
}

async fn each_makes_sandboxes_of_its_own(_machine: Arc<Machine>) {
    let server = start();
    let runs = [fork(&server, "sandbox echo 1; id -un\n").await, fork(&server, "sandbox echo 2; id -un\n").await];
    for (run, wanted) in runs.into_iter().zip(["1\nrunner\n", "2\nrunner\n"]) {
        let (status, out, err) = run.end().await;
        assert_eq!((status.unwrap().code(), out.as_str()), (Some(0), wanted), "{err}");
    }
}

/// Runs a line in a sandbox of a forked process, for which the fork server has made ready.
async fn ready(server: &ForkServer, state: &Path, (profile, network): (&str, &str), line: &str) -> String {
    let wanted = Wanted::new(state, &ready_spec(profile, network).expected());
    let line = format!("ready {} {profile} {network} {line}\n", state.display());
    let (status, out, err) = fork_with(server, &line, Some(wanted)).await.end().await;
    assert_eq!(status.unwrap().code(), Some(0), "{err}");
    out
}

async fn what_is_ready_is_shared_and_nothing_else(machine: Arc<Machine>) {
    let server = start();
    let state = machine.state.path().join("ready");
    let run = async |network: &str, line: &str| ready(&server, &state, ("hardened", network), line).await;
    let look = "ls -A ~ /tmp /opt/hostedtoolcache; id -un; test -s /etc/resolv.conf && echo names";
    let empty = run("some", look).await;
    assert!(empty.ends_with("runner\nnames\n"), "{empty}");
    let full = run("some", &format!("touch ~/mine /tmp/mine /opt/hostedtoolcache/mine; {look}")).await;
    assert_eq!(full.matches("mine").count(), 3, "{full}");
    // The next one is born with the same layer, and finds it as it was.
    assert_eq!(run("some", look).await, empty);
    // And another kind of sandbox has another one.
    assert_eq!(run("none", look).await, empty.replace("names\n", ""));
    // Somebody cleans up.
    std::fs::remove_dir_all(&state).unwrap();
    assert_eq!(run("some", look).await, empty);
}

/// The loop device that a descriptor of this process lies on, if one does.
fn loop_device() -> Option<u32> {
    const LOOP: u32 = 7;
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let device =
        |fd: std::io::Result<std::fs::DirEntry>| std::fs::metadata(fd.ok()?.path()).ok().map(|meta| meta.dev());
    let found = open.filter_map(device).find(|device| rustix::fs::major(*device) == LOOP);
    found.map(rustix::fs::minor)
}

async fn what_was_hardly_used_is_for_the_next(machine: Arc<Machine>) {
    let server = start();
    let state = machine.state.path().join("images");
    let run = async |line: &str| ready(&server, &state, ("hardened", "some"), line).await;
    let image = async || {
        let wanted = Wanted::new(&state, &ready_spec("hardened", "some").expected());
        fork_with(&server, "image now\n", Some(wanted)).await.end().await.1
    };
    run("true").await;
    if image().await == "None" && !(rustix::process::geteuid().is_root() && Path::new("/dev/loop-control").exists()) {
        println!("SKIP: no file system can be mounted here: it needs root and loop devices");
        return;
    }
    let look = "ls -A ~ /tmp; df --output=iused / | tail -1";
    let empty = run(look).await;
    run("mkdir -p /tmp/a/b && echo secret > /tmp/a/b/c; chmod 0 /tmp/a").await;
    assert_ne!(image().await, "None", "a disk that was hardly used");
    run("touch ~/mine").await;
    assert_eq!(run(look).await, empty, "and nobody sees that it was used");
    run("cd /tmp && seq 200 | xargs touch").await;
    assert_eq!(image().await, "None", "one that was used much");
    run("head -c 8M /dev/zero > /tmp/large").await;
    assert_eq!(image().await, "None", "one that much was written to");
}

/// The files behind loop devices that lay in a folder.
fn images_of(folder: &Path) -> usize {
    let devices = std::fs::read_dir("/sys/block").unwrap();
    let files =
        devices.filter_map(|device| std::fs::read_to_string(device.ok()?.path().join("loop/backing_file")).ok());
    files.filter(|file| Path::new(file).starts_with(folder)).count()
}

async fn what_nobody_has_a_place_for_is_thrown_away(machine: Arc<Machine>) {
    let server = start();
    let state = machine.state.path().join("place");
    let wanted = |state: &Path| Some(Wanted::new(state, &ready_spec("hardened", "some").expected()));
    let mut runs = fork_with(&server, "", wanted(&state)).await;
    // From now on the fork server has nothing ready, for it cannot: a file is where a folder should be.
    let broken = machine.state.path().join("broken");
    File::create(&broken).unwrap();
    drop(fork_with(&server, "wait\n", wanted(&broken.join("state"))).await);
    let line = format!("ready {} hardened some true\n", state.display());
    runs.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let (status, _, err) = runs.end().await;
    assert!(status.unwrap().success(), "{err}");
    let late = Instant::now() + PATIENCE;
    while images_of(&state) > 0 && Instant::now() < late {
        tokio::task::yield_now().await;
    }
    assert_eq!(images_of(&state), 0);
    assert!(server.is_there());
}

async fn what_is_hidden_later_is_hidden_from_the_next(machine: Arc<Machine>) {
    if !rustix::process::geteuid().is_root() {
        println!("SKIP: the job's root cannot read what the host's people hide: it needs root");
        return;
    }
    let server = start();
    let state = machine.state.path().join("hidden");
    let folder = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in("/opt").unwrap();
    let file = |name: &str, mode: u32| {
        let path = folder.path().join("app").join(name);
        std::fs::write(&path, name).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(folder.path().join("app")).unwrap();
    for path in [folder.path(), &folder.path().join("app")] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    file("open", 0o644);
    let look = format!("cd {}/app && cat *; true", folder.path().display());
    let profile = ("root", "some");
    assert_eq!(ready(&server, &state, profile, &look).await, "open");
    file("env", 0o600);
    assert_eq!(ready(&server, &state, profile, &look).await, "open", "a private file that is new");
    file("other", 0o644);
    assert_eq!(ready(&server, &state, profile, &look).await, "openother");
    file("open", 0o600);
    assert_eq!(ready(&server, &state, profile, &look).await, "other", "one that was made private");
    // Hidden between the fork and the order.
    let wanted = Wanted::new(&state, &ready_spec("root", "some").expected());
    let mut waits = fork_with(&server, "", Some(wanted)).await;
    file("other", 0o600);
    let line = format!("ready {} root some {look}\n", state.display());
    waits.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let (status, out, err) = waits.end().await;
    assert!(status.unwrap().success() && !out.contains("other"), "{out}{err}");
}

async fn nobody_waits_for_what_others_have_left(machine: Arc<Machine>) {
    let server = start();
    let state = machine.state.path().join("left");
    let wanted = Wanted::new(&state, &ready_spec("hardened", "some").expected());
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
    for (round, end) in ["exit 1\n", "exit 0\n"].into_iter().enumerate() {
        // Of this process's number, but of another start: its owner is gone.
        let left = state.join(format!("disks/ekiden-{namespace}.{}.{}.job", std::process::id(), round + 1));
        std::fs::create_dir_all(&left).unwrap();
        (0..2_000).for_each(|number| drop(File::create(left.join(number.to_string())).unwrap()));
        let run = fork_with(&server, end, Some(wanted.clone())).await;
        assert!(left.exists(), "the fork waited until it was removed");
        // It is removed all the same, and who forks tells meanwhile how others end.
        let (status, _, err) = run.end().await;
        assert_eq!(status.unwrap().success(), round == 1, "{err}");
        let late = Instant::now() + PATIENCE;
        while left.exists() && Instant::now() < late {
            tokio::task::yield_now().await;
        }
        assert!(!left.exists(), "round {round}");
    }
}

async fn one_that_hangs_is_given_up(_machine: Arc<Machine>) {
    let server = start().with_patience(Duration::from_millis(50));
    let (mut first, second) = (fork(&server, "wait\n").await, fork(&server, "wait\n").await);
    let pid = server.pid().unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let pipe = || std::io::pipe().map(|(read, _)| OwnedFd::from(read)).unwrap();
    let asked = tokio::time::timeout(PATIENCE, server.fork([pipe(), pipe(), pipe()], None)).await.unwrap();
    assert_eq!(asked.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(!server.is_there());
    // Of those that it forked before nobody waits for ever.
    first.forked.kill().unwrap();
    assert!(tokio::time::timeout(PATIENCE, first.forked.ended()).await.unwrap().is_err());
    // And when it goes on it tells of them, though nobody holds it any more.
    drop(server);
    second.forked.kill().unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(second.end().await.0.is_ok());
}

async fn an_end_that_takes_long_holds_nothing_up(_machine: Arc<Machine>) {
    let server = start();
    // Where jobs see nothing: disks that are directories lie there.
    let state = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in("/tmp").unwrap();
    let (state, line) = (state.path(), format!("end {}\n", state.path().display()));
    let wanted = Wanted::new(state, &many_files().expected());
    let (status, out, err) = fork_with(&server, &line, Some(wanted)).await.end().await;
    assert_eq!((status.unwrap().code(), out.as_str()), (Some(0), "true"), "{err}");
}

async fn what_a_process_leaves_is_reaped(_machine: Arc<Machine>) {
    let server = start();
    let mut run = fork(&server, "zygote number\n").await;
    let mut line = String::new();
    BufReader::new(&run.stdout).read_line(&mut line).unwrap();
    let zygote = rustix::process::Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    // It would end with its parent.
    rustix::process::kill_process(zygote, rustix::process::Signal::STOP).unwrap();
    run.forked.kill().unwrap();
    tokio::time::timeout(PATIENCE, run.forked.ended()).await.unwrap().unwrap();
    let status = |number: rustix::process::Pid| std::fs::read_to_string(format!("/proc/{number}/status"));
    let parent = format!("\nPPid:\t{}\n", server.pid().unwrap());
    assert!(status(zygote).unwrap().contains(&parent), "{}", status(zygote).unwrap());
    rustix::process::kill_process(zygote, rustix::process::Signal::CONT).unwrap();
    let late = Instant::now() + PATIENCE;
    while status(zygote).is_ok() && Instant::now() < late {
        tokio::task::yield_now().await;
    }
    assert!(status(zygote).is_err(), "nobody waits for it");
}

async fn one_is_killed_and_by_dropping_too(_machine: Arc<Machine>) {
    use std::os::unix::process::ExitStatusExt;
    let server = start();
    let mut run = fork(&server, "wait\n").await;
    assert!(run.forked.is_there());
    run.forked.kill().unwrap();
    let status = tokio::time::timeout(PATIENCE, run.forked.ended()).await.unwrap().unwrap();
    assert_eq!(status.signal(), Some(9));
    assert!(!run.forked.is_there());
    run.forked.kill().unwrap();
    let Run { forked, stdin, mut stdout, .. } = fork(&server, "wait\n").await;
    drop(forked);
    // Its end of the pipe goes with it, long before it would have ended.
    stdout.read_to_string(&mut String::new()).unwrap();
    drop(stdin);
}

async fn a_dead_fork_server_is_noticed(_machine: Arc<Machine>) {
    let server = start();
    let mut run = fork(&server, "wait\n").await;
    rustix::process::kill_process(server.pid().unwrap(), rustix::process::Signal::KILL).unwrap();
    tokio::time::timeout(PATIENCE, async {
        while server.is_there() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let pipe = || std::io::pipe().map(|(read, _)| OwnedFd::from(read)).unwrap();
    assert!(server.fork([pipe(), pipe(), pipe()], None).await.is_err());
    // What it forked goes on, until it is killed; how it ended nobody knows.
    assert!(run.forked.is_there());
    run.forked.kill().unwrap();
    assert!(tokio::time::timeout(PATIENCE, run.forked.ended()).await.unwrap().is_err());
}
