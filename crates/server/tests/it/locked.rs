//! Another program holds the server's SQLite file: what is read goes on, what is written is refused with what it is, and nothing is lost.

use crate::hostile::http;
use crate::plane::World;
use domain::{Conclusion, LogEnd};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WORKFLOW: &str = "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n";
/// Takes the lock of writers, says so, and keeps it until its input ends.
const HOLD: &str = "import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
base.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()";

/// A process that holds the file.
struct Holder(Child);

impl Holder {
    /// `None` where there is no Python.
    fn of(file: &Path) -> Option<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", HOLD]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Some(Self(child))
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_program_holds_the_database_nothing_is_written_and_nothing_is_lost() {
    let world = World::with(&[(".gitea/workflows/w.yml", WORKFLOW)]).await;
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    hand.start(id).await;
    let Some(holder) = Holder::of(&world.data.path().join("ekiden.db")) else {
        println!("SKIP: python3 is not installed");
        return world.server.stop().await;
    };
    let base = format!("http://{}", world.server.address);
    let api = format!("{base}/api/v1/repos/lab/p/actions");
    let token = world.server.first_token.clone().unwrap();
    let read = http().get(format!("{api}/runs")).bearer_auth(token.expose()).send();
    let set = || http().put(format!("{api}/secrets/S")).bearer_auth(token.expose()).body(r#"{"data":"x"}"#).send();
    let ready = || http().get(format!("{base}/readyz")).send();
    let dispatch = http()
        .post(format!("{api}/workflows/w.yml/dispatches"))
        .bearer_auth(token.expose())
        .body(r#"{"ref":"main"}"#)
        .send();
    let began = Instant::now();
    let (read, refused, dispatched, ended, not_ready) =
        tokio::join!(read, set(), dispatch, hand.try_end(id, Conclusion::Success), ready());
    assert_eq!(read.unwrap().status(), 200);
    assert_eq!(not_ready.unwrap().status(), 503);
    for refused in [refused.unwrap(), dispatched.unwrap()] {
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        let text = refused.text().await.unwrap();
        assert!(text.contains("another program holds the server's database"), "{text}");
    }
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("cannot reach its database; try again"), "{error}");
    // Nobody waits behind those that wait; from now on it is said at once.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(set().await.unwrap().status(), 503);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(ready().await.unwrap().text().await.unwrap().contains("another program holds the database"));
    // Rows of logs need no database.
    assert_eq!(hand.log(id, 0, &["one"], LogEnd::Last).await.unwrap(), 1);
    holder.release();
    assert_eq!(set().await.unwrap().status(), 201);
    hand.end(id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    let runs = world.server.plane.store.count_runs(&store::RunFilter::default()).await.unwrap();
    assert_eq!(runs, 1, "the dispatch that was refused made none");
    let end = Instant::now() + Duration::from_secs(10);
    while ready().await.unwrap().status() != 200 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.server.stop().await;
}
