//! What a runner sends unmasked is masked by the server.

use crate::hostile_runner::{call, text};
use crate::plane::{Hand, World};
use domain::{Conclusion, LogEnd, TaskPhase, Timestamp};

const WORKFLOW: &str = "on: workflow_dispatch\njobs:\n  a:\n    runs-on: lab\n    steps: [{run: 'true'}]\n";

#[tokio::test]
async fn rows_show_no_secret_whoever_sends_them() {
    let world = World::with(&[(".gitea/workflows/w.yml", WORKFLOW)]).await;
    let admin = world.server.first_token.clone().unwrap();
    let client = crate::rest::client(&world, Some(admin.expose()));
    for (place, name, value) in
        [("lab/p", "KEY", "hunter2-xyz"), ("lab", "OWN", "owners-word"), ("instance", "ALL", "a\nb-line")]
    {
        let secret = api::SetSecret { data: value.to_owned(), description: String::new() };
        client.set_secret(&place.parse().unwrap(), name, &secret).await.unwrap();
    }
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let task = hand.take().await;
    let (id, token) = (task.id, task.secrets["GITHUB_TOKEN"].expose().to_owned());
    hand.start(id).await;
    let send = async |hand: &Hand, index: u32, rows: &[&str]| {
        let rows: Vec<_> = rows.iter().map(|row| serde_json::json!({"content": row})).collect();
        let body = serde_json::json!({"taskId": id.to_string(), "index": index.to_string(), "rows": rows});
        let (status, said) = call(&world, hand, "UpdateLog", "application/json", body.to_string()).await;
        assert_eq!(status, 200, "{said}");
    };
    let own = format!("it is {token}.");
    send(&hand, 0, &["plain", "a hunter2-xyz b", "aHVudGVyMi14eXo=", &own, "owners-word", "b-line"]).await;
    hand.end(id, Conclusion::Success, &[]).await;
    world.finished(&run).await;
    // What comes late, when the server has forgotten what the job was given.
    send(&hand, 6, &["late hunter2-xyz", &own]).await;
    assert_eq!(
        text(&world, id).await,
        ["plain", "a *** b", "***", "it is ***.", "***", "***", "late ***", "it is ***."]
    );
    world.server.stop().await;
}

#[tokio::test]
async fn outputs_that_hold_a_secret_are_not_kept() {
    let world = World::with(&[(".gitea/workflows/w.yml", WORKFLOW)]).await;
    let admin = world.server.first_token.clone().unwrap();
    let client = crate::rest::client(&world, Some(admin.expose()));
    let secret = api::SetSecret { data: "hunter2-xyz".to_owned(), description: String::new() };
    client.set_secret(&"lab/p".parse().unwrap(), "KEY", &secret).await.unwrap();
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let task = hand.take().await;
    let (id, token) = (task.id, task.secrets["GITHUB_TOKEN"].expose().to_owned());
    let running = TaskPhase::Running { started: Timestamp(1_000) };
    let long = "x".repeat((1 << 20) + 1);
    let outputs =
        [("good", "1"), ("leak", "a hunter2-xyz b"), ("own", &token), ("zipped", "aHVudGVyMi14eXo="), ("long", &long)];
    let told = hand.report(id, running, &outputs).await;
    let mut stored = told.stored_outputs;
    stored.sort_unstable();
    assert_eq!(stored, ["good", "leak", "long", "own", "zipped"], "it does not send them again");
    assert_eq!(world.jobs(&run).await[0].outputs, [("good".to_owned(), "1".to_owned())].into());
    // No runner hears of more rows than it sent.
    assert_eq!(hand.log(id, 0, &["one"], LogEnd::Last).await.unwrap(), 1);
    assert_eq!(hand.log(id, 0, &["one"], LogEnd::Last).await.unwrap(), 1);
    let rows = text(&world, id).await;
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert!(
        rows[1].contains("Skip output 'long'") && rows[2].ends_with("Skip output 'leak' since it may contain secret.")
    );
    hand.end(id, Conclusion::Success, &[("late", "hunter2-xyz")]).await;
    world.finished(&run).await;
    assert_eq!(world.jobs(&run).await[0].outputs.len(), 1);
    world.server.stop().await;
}
