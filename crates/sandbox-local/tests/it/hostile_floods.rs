//! Jobs that take all they can get: processes, memory, disk, files; and jobs that do not want to end. Each flood is made twice:
//! under its limit, and without one, where the same flood must get through.

use crate::bench_support::{Machine, command, finish, sh, trial};
use domain::{Enforcement, LimitReached};
use libtest_mimic::Trial;
use sandbox::{ExecEnd, InsideFile, Limits, Sandbox, SandboxError};
use sandbox_local::Protection;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "hostile::a_flood_of_processes", a_flood_of_processes),
        trial(machine, "hostile::a_flood_of_memory", a_flood_of_memory),
        trial(machine, "hostile::a_flood_of_memory_files", a_flood_of_memory_files),
        trial(machine, "hostile::a_flood_of_disk", a_flood_of_disk),
        trial(machine, "hostile::a_flood_of_files", a_flood_of_files),
        trial(machine, "hostile::daemons_end_with_the_job", daemons_end_with_the_job),
        trial(machine, "hostile::a_step_that_ignores_signals_ends", a_step_that_ignores_signals_ends),
        trial(machine, "hostile::links_swapped_under_clean_up", links_swapped_under_clean_up),
        trial(machine, "hostile::a_line_without_end", a_line_without_end),
    ]
}

/// How many processes of the machine have the mark among their arguments.
fn marked(mark: &str) -> usize {
    lines(|line| line.contains(mark))
}

/// How many are the `sleep` that they are to become. On the way there a process has no arguments for a moment.
fn asleep(mark: &str) -> usize {
    lines(|line| line.trim_end() == format!("sleep {mark}"))
}

fn lines(is_meant: impl Fn(&str) -> bool) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| is_meant(&String::from_utf8_lossy(line).replace('\0', " "))).count()
}

fn mark() -> String {
    format!("86400.{}{}", std::process::id(), Instant::now().elapsed().subsec_nanos())
}

/// An ordinary user's limits are watched: a flood ends the sandbox, with the limit's name. Tells whether that is the case here.
async fn is_watched(machine: &Machine, limits: Limits, flood: &str, expected: &LimitReached) -> bool {
    let mut spec = machine.spec();
    spec.limits = limits;
    let job = machine.prepare(spec).await.unwrap();
    let names = ["memory limit", "process limit"];
    let watched = !rustix::process::geteuid().is_root();
    if watched {
        let (exec, read) = command(&*job, &["sh", "-c", flood]);
        let error = finish(&*job, exec, read).await.unwrap_err();
        assert!(matches!(&error, SandboxError::Limit(limit) if limit == expected), "{error}");
        // The next command hears the same, not of a fault of the machine.
        let (exec, _read) = command(&*job, &["true"]);
        let next = job.exec(exec).await.map(|_| ()).unwrap_err();
        assert!(matches!(&next, SandboxError::Limit(limit) if limit == expected), "{next}");
    }
    let receipt = job.destroy(false).await.unwrap();
    let told = receipt.isolation.iter().filter(|told| names.contains(&told.name.as_str()));
    let soft = told.filter(|told| matches!(told.enforcement, Enforcement::Soft { .. })).count();
    assert_eq!(soft, if watched { names.len() } else { 0 }, "{:?}", receipt.isolation);
    watched
}

async fn a_flood_of_processes(machine: Arc<Machine>) {
    if !machine.enforces("process limit").await {
        return;
    }
    let mark = mark();
    let mut spec = machine.spec();
    spec.limits.processes = Some(200);
    let limit = LimitReached::Processes { count: 200 };
    let flood = "for i in $(seq 2000); do sleep 100 & done; wait";
    if is_watched(&machine, spec.limits.clone(), flood, &limit).await {
        return;
    }
    let job = machine.prepare(spec).await.unwrap();
    let line = format!("(for i in $(seq 10000); do sleep {mark} >/dev/null & done) 2>/dev/null; true");
    sh(&*job, &line).await;
    let started = marked(&mark);
    assert!((100..=200).contains(&started), "{started}");
    let start = Instant::now();
    let receipt = job.destroy(false).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(marked(&mark), 0);
    assert_eq!(receipt.limit_reached, Some(LimitReached::Processes { count: 200 }));
    // Without the limit a smaller flood gets through whole.
    let mut spec = machine.spec();
    spec.limits.processes = None;
    let job = machine.prepare(spec).await.unwrap();
    sh(&*job, &line.replace("10000", "600")).await;
    assert_eq!(marked(&mark), 600);
    job.destroy(false).await.unwrap();
    assert_eq!(marked(&mark), 0);
}

async fn a_flood_of_memory(machine: Arc<Machine>) {
    if !machine.enforces("memory limit").await {
        return;
    }
    let flood = "head -c 300M /dev/zero | tail -c 250M | wc -c";
    let mut spec = machine.spec();
    spec.limits.memory = Some(128 << 20);
    let limit = LimitReached::Memory { bytes: 128 << 20 };
    if is_watched(&machine, spec.limits.clone(), &format!("{flood}; sleep 100"), &limit).await {
        return;
    }
    let job = machine.prepare(spec).await.unwrap();
    let output = sh(&*job, &format!("exec bash -o pipefail -c '{flood}'")).await;
    assert_eq!(output.ended.end, ExecEnd::Limit(LimitReached::Memory { bytes: 128 << 20 }), "{}", output.text);
    // The job goes on: a later step cleans up.
    assert_eq!(sh(&*job, "echo alive").await.text, "alive\n");
    let receipt = job.destroy(false).await.unwrap();
    assert_eq!(receipt.limit_reached, Some(LimitReached::Memory { bytes: 128 << 20 }));
    assert!(receipt.peak_memory.unwrap() <= 129 << 20);
    let mut spec = machine.spec();
    spec.limits.memory = None;
    let job = machine.prepare(spec).await.unwrap();
    assert_eq!(sh(&*job, flood).await.text, "262144000\n");
    job.destroy(false).await.unwrap();
}

async fn a_flood_of_memory_files(machine: Arc<Machine>) {
    if !machine.enforces("memory limit").await {
        return;
    }
    let flood = "head -c 300M /dev/zero > /dev/shm/flood && echo through";
    let limits = Limits { memory: Some(128 << 20), ..machine.spec().limits };
    let (text, reached) = flooded(&machine, limits, flood).await;
    assert!(!text.contains("through"), "{text}");
    if !rustix::process::geteuid().is_root() {
        // Bounded by its own size there.
        return;
    }
    assert_eq!(reached, Some(LimitReached::Memory { bytes: 128 << 20 }));
    let limits = Limits { memory: None, ..machine.spec().limits };
    assert_eq!(flooded(&machine, limits, flood).await, ("through\n".to_owned(), None));
}

/// A flood that is refused, or that ends the sandbox: what it said, and the limit that the receipt names.
async fn flooded(machine: &Machine, limits: Limits, flood: &str) -> (String, Option<LimitReached>) {
    let mut spec = machine.spec();
    spec.limits = limits;
    let job = machine.prepare(spec).await.unwrap();
    let (exec, read) = crate::bench_support::command(&*job, &["sh", "-c", flood]);
    let text = match crate::bench_support::finish(&*job, exec, read).await {
        Ok(output) => output.text,
        Err(SandboxError::Limit(_)) => String::new(),
        Err(error) => panic!("{error}"),
    };
    let receipt = job.destroy(false).await.unwrap();
    (text, receipt.limit_reached)
}

async fn a_flood_of_disk(machine: Arc<Machine>) {
    let flood =
        "for d in . /tmp /var/tmp ~; do head -c 40M /dev/zero > $d/flood || exit 1; done 2>/dev/null; echo through";
    let limits = Limits { disk: Some(64 << 20), ..machine.spec().limits };
    let (text, reached) = flooded(&machine, limits, flood).await;
    assert_eq!(text, "");
    assert_eq!(reached, Some(LimitReached::Disk { bytes: 64 << 20 }));
    let limits = Limits { disk: None, ..machine.spec().limits };
    assert_eq!(flooded(&machine, limits, flood).await, ("through\n".to_owned(), None));
}

async fn a_flood_of_files(machine: Arc<Machine>) {
    let flood = "for i in $(seq 3000); do : > /tmp/f$i || exit 1; done 2>/dev/null; echo through";
    let limits = Limits { inodes: Some(1024), ..machine.spec().limits };
    let (text, reached) = flooded(&machine, limits, flood).await;
    assert_eq!(text, "");
    assert_eq!(reached, Some(LimitReached::Inodes { count: 1024 }));
    let limits = Limits { inodes: None, ..machine.spec().limits };
    assert_eq!(flooded(&machine, limits, flood).await, ("through\n".to_owned(), None));
}

async fn daemons_end_with_the_job(machine: Arc<Machine>) {
    let (mark, job) = (mark(), machine.prepare(machine.spec()).await.unwrap());
    daemons(&*job, &mark).await;
    job.destroy(false).await.unwrap();
    assert_eq!(marked(&mark), 0);
    // Without the end's kill they go on, in a group and a process namespace of theirs.
    let (mark, job) = (self::mark(), machine.prepare_weak(machine.spec(), &[Protection::End]).await);
    daemons(&*job, &mark).await;
    job.destroy(false).await.unwrap();
    assert_eq!(marked(&mark), 3);
    drop(job);
    until(|| marked(&mark) == 0).await;
}

/// Starts three processes that try to outlive their job.
async fn daemons(job: &dyn Sandbox, mark: &str) {
    let line = format!(
        "setsid nohup sleep {mark} >/dev/null 2>&1 & (trap '' TERM INT HUP; exec sleep {mark}) >/dev/null 2>&1 & \
         (setsid sh -c '(setsid sleep {mark} >/dev/null 2>&1 &)') & echo started"
    );
    assert_eq!(sh(job, &line).await.text, "started\n");
    until(|| asleep(mark) == 3).await;
}

/// Waits for something that must come.
async fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "what must come did not come");
        tokio::task::yield_now().await;
    }
}

async fn a_step_that_ignores_signals_ends(machine: Arc<Machine>) {
    let (mark, job) = (mark(), machine.prepare(machine.spec()).await.unwrap());
    stubborn(&*job, &mark).await;
    until(|| marked(&mark) == 0).await;
    job.destroy(false).await.unwrap();
    // A kill of the step's own group alone leaves what went to a session of its own.
    let (mark, job) = (self::mark(), machine.prepare_weak(machine.spec(), &[Protection::Descendants]).await);
    stubborn(&*job, &mark).await;
    until(|| marked(&mark) == 1 && asleep(&mark) == 1).await;
    assert_eq!(sh(&*job, "echo later").await.text, "later\n");
    assert_eq!(marked(&mark), 1);
    job.destroy(false).await.unwrap();
}

/// A step that ignores every signal that can be ignored, and is killed.
async fn stubborn(job: &dyn Sandbox, mark: &str) {
    let line = format!(
        "trap '' TERM INT HUP; setsid sh -c 'echo up; exec sleep {mark} >/dev/null 2>&1' & sleep {mark}; sleep {mark}"
    );
    let (exec, read) = crate::bench_support::command(job, &["sh", "-c", &line]);
    let process = job.exec(exec).await.unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        std::io::Read::read_exact(&mut std::fs::File::from(read), &mut [0; 3]).unwrap();
    });
    reading.await.unwrap();
    process.signal(sandbox::Signal::Interrupt).await.unwrap();
    process.signal(sandbox::Signal::Terminate).await.unwrap();
    process.signal(sandbox::Signal::Kill).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), process.wait()).await.unwrap().unwrap();
    assert_eq!(ended.end, ExecEnd::Signalled(9));
}

async fn links_swapped_under_clean_up(machine: Arc<Machine>) {
    // A host directory that the job may write for real stands beside one that it may not: the bound workspace's parent.
    let folder = tempfile::Builder::new().prefix("ekiden-canary-").tempdir_in("/var/tmp").unwrap();
    let (bound, precious) = (folder.path().join("bound"), folder.path().join("precious"));
    for path in [&bound, &precious] {
        std::fs::create_dir(path).unwrap();
    }
    std::fs::write(precious.join("file"), "text").unwrap();
    let mut spec = machine.spec();
    spec.workspace = sandbox::Workspace::Bind(bound.clone());
    let job = machine.prepare(spec).await.unwrap();
    let workspace = job.layout().workspace.clone();
    // Swaps a directory for links (not by `:`, which ends a shell when its redirection fails) to every place that a clean-up outside the sandbox could be led to.
    let swap = format!(
        "(while :; do mkdir -p d/deep && true > d/deep/file; rm -rf d; ln -sfn {0} d; rm -f d; ln -sfn /proc/1/root{0} d; rm -f d; ln -sfn ../precious d; rm -f d; done) \
         >/dev/null 2>&1 & echo up",
        precious.display()
    );
    assert_eq!(sh(&*job, &swap).await.text, "up\n");
    for turn in 0..200 {
        let file = InsideFile { path: workspace.join("d/file"), content: b"overwritten".to_vec(), executable: false };
        // Each may fail, for the place changes under it; none may do harm.
        let _ = job.write(vec![file]).await;
        let _ = job.remove(vec![workspace.join("d"), workspace.join(format!("d/{turn}"))]).await;
        let _ = job.read(&workspace.join("d/file"), 1 << 10).await;
    }
    assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "text");
    // The same done by name from outside, as the protection is that it is not, is led astray.
    until(|| {
        let _ = std::fs::write(bound.join("d/file"), "overwritten");
        std::fs::read_to_string(precious.join("file")).unwrap() != "text"
    })
    .await;
    job.destroy(false).await.unwrap();
    assert!(bound.is_dir());
}

async fn a_line_without_end(machine: Arc<Machine>) {
    let job = machine.prepare(machine.spec()).await.unwrap();
    let (exec, read) =
        crate::bench_support::command(&*job, &["sh", "-c", "head -c 256M /dev/zero | tr '\\0' x; sleep 60"]);
    let process = job.exec(exec).await.unwrap();
    // Nobody reads: the job waits for its reader, and neither init nor parent holds its output for it.
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = resident();
    tokio::time::timeout(Duration::from_millis(300), process.wait()).await.unwrap_err();
    assert!(resident() < before + (64 << 20), "the parent holds what nobody reads");
    // A parent that takes it all is one that the test would have seen.
    let taken = tokio::task::spawn_blocking(move || {
        let mut taken = Vec::new();
        std::io::Read::take(std::fs::File::from(read), 96 << 20).read_to_end(&mut taken).unwrap();
        taken
    });
    let taken = taken.await.unwrap();
    assert!(taken.len() == 96 << 20 && resident() >= before + (64 << 20));
    drop(taken);
    let output = tokio::time::timeout(Duration::from_secs(10), sh(&*job, "echo alive")).await.unwrap();
    assert_eq!(output.text, "alive\n");
    job.destroy(false).await.unwrap();
}
