//! How many jobs a second the whole takes, agent and jobs' processes, when the forge costs next to nothing. A measurement, not a test: it
//! needs the program as it is released, whose path the variable `EKIDEN_BENCH_BIN` holds.

use super::stand::Stand;
use domain::{RunnerLife, TaskId};
use protocol::Dialect;
use std::process::{Command, Stdio};
use std::time::Instant;

const JOBS: i64 = 400;

// The forge answers while this waits for the agent's end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: EKIDEN_BENCH_BIN=target/release/ekiden cargo test -p ekiden-agent --test it speed -- --ignored --nocapture"]
async fn one_step_jobs_a_second() {
    let Some(program) = std::env::var_os("EKIDEN_BENCH_BIN") else { panic!("EKIDEN_BENCH_BIN names no program") };
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let stand = Stand::new(dialect).await;
        stand.register(RunnerLife::Lasting).await;
        stand.add(1..=JOBS);
        let began = Instant::now();
        let mut agent = Command::new(&program);
        agent.args(["agent", "start", "--capacity", "8", "--data"]).arg(stand.data.path());
        let mut agent = agent.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        stand.until(|forge| forge.result(TaskId(1)).is_some()).await;
        let first = began.elapsed();
        stand.until(|forge| (1..=JOBS).all(|task| forge.result(TaskId(task)).is_some())).await;
        let whole = began.elapsed();
        let pid = agent.id().to_string();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(agent.wait().unwrap().success());
        #[expect(clippy::cast_precision_loss, reason = "a few hundred jobs")]
        let rate = (JOBS - 1) as f64 / (whole - first).as_secs_f64();
        println!(
            "{dialect:?}: {rate:.0} jobs a second; the first ended after {first:.2?}; calls {}; {peak}",
            stand.forge.calls().len()
        );
        assert!(stand.forge.log(TaskId(JOBS)).len() > 1);
    }
}
