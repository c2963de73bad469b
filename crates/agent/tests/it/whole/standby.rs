//! A job's process that waits for the next job.

use super::stand::{Running, Stand, good, say};
use agent::job::FromJob;
use agent::{AgentEnd, StandbyTimes, Stop};
use domain::{Conclusion, RunnerLife};
use protocol::Dialect;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A script in the place of a job's process. One that is told what will be wanted says its number to the pipe `ready`; whoever gets an
/// order notes task and number, one whose input ends before notes its number. One that waited does first what stands in `unseen`.
fn script(stand: &Stand) -> PathBuf {
    let (ready, runs, left, unseen) =
        (stand.path("ready"), stand.path("pids"), stand.path("left"), stand.path("unseen"));
    assert!(Command::new("mkfifo").arg(&ready).status().unwrap().success());
    let text = format!(
        "#!/bin/sh\nread -r order || exit 9\ncase $order in '{{\"ahead\":'*)\n  echo $$ > '{0}'\n  read -r order || {{ echo $$ >> '{1}'; exit 0; }}\n  [ ! -e '{3}' ] || . '{3}' ;;\nesac\n\
         task=${{order#*'\"id\":'}}; task=${{task%%,*}}\necho \"$task $$\" >> '{2}'\n{4}\n",
        ready.display(),
        left.display(),
        runs.display(),
        unseen.display(),
        good()
    );
    let path = stand.path("job.sh");
    let mut file = std::fs::File::options().create(true).truncate(true).write(true).mode(0o755).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

/// Waits until a process is ready; its number.
async fn ready(stand: &Stand) -> String {
    let path = stand.path("ready");
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path).unwrap());
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    assert!(read.is_ok(), "no process waits");
    read.unwrap().unwrap().trim().to_owned()
}

/// An agent that has run the task 1, and the number of the process that waits since.
async fn after_a_job(capacity: usize) -> (Stand, Running, String) {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    let mut settings = stand.settings(capacity, &good());
    settings.program.program = script(&stand);
    settings.standby = Some(StandbyTimes { pause: Duration::ZERO, keep: Duration::from_secs(600) });
    let agent = Running::start(settings);
    stand.add([1]);
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    let waits = ready(&stand).await;
    (stand, agent, waits)
}

#[tokio::test]
async fn the_next_job_gets_the_process_that_waits_and_a_drain_lets_it_go() {
    let (stand, agent, waits) = after_a_job(2).await;
    stand.add([2]);
    assert_eq!(stand.ended(2).await, Conclusion::Success);
    let next = ready(&stand).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    let runs = std::fs::read_to_string(stand.path("pids")).unwrap();
    let runs: Vec<&str> = runs.lines().collect();
    assert!(runs[0].starts_with("1 ") && !runs[0].ends_with(&format!(" {waits}")), "{runs:?}");
    assert_eq!(runs[1..], [format!("2 {waits}")]);
    assert_eq!(std::fs::read_to_string(stand.path("left")).unwrap().trim(), next);
    stand.assert_one_end(2, Conclusion::Success);
}

#[tokio::test]
async fn a_process_that_died_while_it_waited_is_no_trouble_of_the_job() {
    let (stand, agent, waits) = after_a_job(1).await;
    assert!(Command::new("kill").args(["-KILL", &waits]).status().unwrap().success());
    // Until it is dead, not until it is gone: the agent is its parent.
    let stat = format!("/proc/{waits}/stat");
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
    stand.add([2]);
    assert_eq!(stand.ended(2).await, Conclusion::Success);
    let _next = ready(&stand).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
}

/// What came of a second job whose process did this when its order came; who ran it.
async fn with_an_order(unseen: &str) -> (Stand, Conclusion, Vec<String>) {
    let (stand, agent, _) = after_a_job(1).await;
    std::fs::write(stand.path("unseen"), unseen).unwrap();
    stand.add([2]);
    let ended = stand.ended(2).await;
    let _next = ready(&stand).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(2, ended);
    let runs = std::fs::read_to_string(stand.path("pids")).unwrap();
    let runs = runs.lines().filter(|line| line.starts_with("2 ")).map(str::to_owned).collect();
    (stand, ended, runs)
}

#[tokio::test]
async fn an_order_that_did_not_begin_goes_to_another_process() {
    let (_stand, ended, runs) = with_an_order("exit 9\n").await;
    assert_eq!((ended, runs.len()), (Conclusion::Success, 1));
}

#[tokio::test]
async fn an_order_that_began_is_never_run_again() {
    let (stand, ended, runs) = with_an_order(&(say(&FromJob::Begins) + "exit 9\n")).await;
    assert_eq!((ended, runs), (Conclusion::Failure, Vec::<String>::new()));
    assert!(stand.log(2).contains("before the job did"), "{}", stand.log(2));
}
