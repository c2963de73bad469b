//! Keys of runners that were taken back: what they open still, and what becomes of a question that is open with one.

use crate::hostile::{http, world};
use crate::hostile_runner::{call, refusal};
use crate::plane::Hand;
use domain::Conclusion;
use domain::control::JobPhase;
use protocol::Code;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_runner_that_was_removed_or_rotated_opens_nothing_within_five_seconds() {
    let world = world().await;
    let (gone, turned) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let run = world.dispatch("w.yml").await;
    let id = gone.take().await.id;
    gone.start(id).await;
    let token = world.server.first_token.clone().unwrap();
    let base = format!("http://{}/api/v1/admin/actions/runners", world.server.address);
    let runners = world.server.plane.store.runners(None).await.unwrap();
    let number = |hand: &Hand| runners.iter().find(|runner| runner.uuid == hand.key.uuid).unwrap().id;
    let removed = http().delete(format!("{base}/{}", number(&gone))).bearer_auth(token.expose()).send().await.unwrap();
    assert_eq!(removed.status().as_u16(), 204);
    let rotated = http().post(format!("{base}/{}/key", number(&turned))).bearer_auth(token.expose());
    let rotated = rotated.body(r#"{"grace_s":0}"#).send().await.unwrap();
    assert_eq!(rotated.status().as_u16(), 201, "{}", rotated.text().await.unwrap());
    let began = Instant::now();
    for hand in [&gone, &turned] {
        loop {
            let (status, _) =
                call(&world, hand, "UpdateLog", "application/json", format!(r#"{{"taskId":"{id}"}}"#)).await;
            if status == 401 {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for method in ["Declare", "FetchTask", "UpdateTask", "UpdateLog"] {
        assert_eq!(call(&world, &gone, method, "application/json", "{}").await.0, 401);
    }
    assert_eq!(world.jobs(&run).await.len(), 1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_runner_that_waits_and_was_removed_opens_nothing_within_five_seconds() {
    let world = world().await;
    let (gone, stays) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let url = format!("http://{}/api/actions/runner.v1.RunnerService/FetchTask", world.server.address);
    let ask = async |hand: &Hand| {
        let asked = http().post(&url).header("content-type", "application/json").header("x-ekiden-wait", "1");
        let asked = asked.header("x-runner-uuid", &hand.key.uuid.0).header("x-runner-token", hand.key.token.expose());
        asked.body("{}").send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask(&gone).await, ask(&stays).await), (200, 200));
    let plane = &world.server.plane;
    let runners = plane.store.runners(None).await.unwrap();
    let number = runners.iter().find(|runner| runner.uuid == gone.key.uuid).unwrap().id;
    plane.store.remove_runner(number, plane.now(), &crate::plane::audit()).await.unwrap();
    let removed = Instant::now();
    while ask(&gone).await == 200 {
        assert!(removed.elapsed() < Duration::from_secs(5), "its key opens still");
        assert_eq!(ask(&stays).await, 200);
    }
    assert_eq!((ask(&gone).await, ask(&stays).await), (401, 200));
    world.server.stop().await;
}

#[tokio::test]
async fn a_question_that_was_open_when_its_key_was_taken_back_gets_nothing() {
    let world = world().await;
    let (hand, good) = (world.runner(&["lab"]).await, world.runner(&["other"]).await);
    let held = hand.client.held(Duration::from_secs(30));
    let fetch = protocol::Fetch { version: domain::TasksVersion::UNKNOWN, want: protocol::Want::One, key: None };
    let key = hand.key.clone();
    let asked = tokio::spawn(async move { held.fetch(&key, fetch).await });
    // Longer than a key is believed.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let token = world.server.first_token.clone().unwrap();
    let runners = world.server.plane.store.runners(None).await.unwrap();
    let id = runners.iter().find(|runner| runner.uuid == hand.key.uuid).unwrap().id;
    let url = format!("http://{}/api/v1/admin/actions/runners/{id}/key", world.server.address);
    // With a grace the question stays open, also when the grace is over.
    let next = http().post(url).bearer_auth(token.expose()).body(r#"{"grace_s":1}"#).send().await.unwrap();
    let next: serde_json::Value = serde_json::from_str(&next.text().await.unwrap()).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let run = world.dispatch("w.yml").await;
    let (code, _) = refusal(asked.await.unwrap());
    assert_eq!(code, Code::Unauthenticated);
    world.until(&run, |_, jobs| matches!(jobs[0].phase, JobPhase::Queued { .. })).await;
    assert!(good.fetch(1).await.is_empty());
    // With its new key the runner gets the job.
    let key =
        domain::RunnerKey { uuid: hand.key.uuid.clone(), token: domain::Secret::new(next["token"].as_str().unwrap()) };
    let hand = Hand::at(&world, key);
    let id = hand.take().await.id;
    hand.end(id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test]
async fn a_question_ends_when_its_key_is_taken_back() {
    let world = world().await;
    let plane = &world.server.plane;
    let token = world.server.first_token.clone().unwrap();
    let base = format!("http://{}/api/v1", world.server.address);
    for way in ["revoked", "rotated", "removed"] {
        let hand = world.runner(&["none"]).await;
        let held = hand.client.held(Duration::from_secs(40));
        let fetch = protocol::Fetch { version: domain::TasksVersion::UNKNOWN, want: protocol::Want::One, key: None };
        let key = hand.key.clone();
        let asked = tokio::spawn(async move { held.fetch(&key, fetch).await });
        // Longer than a key is believed.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(!asked.is_finished(), "{way}: nothing is there to be given");
        let runners = plane.store.runners(None).await.unwrap();
        let id = runners.iter().find(|runner| runner.uuid == hand.key.uuid).unwrap().id;
        let keys = plane.store.tokens(store::TokenKind::Runner).await.unwrap();
        let key = keys.iter().find(|key| key.runner == Some(id)).unwrap().id;
        let request = match way {
            "revoked" => http().delete(format!("{base}/tokens/{key}")),
            "rotated" => http().post(format!("{base}/admin/actions/runners/{id}/key")).body(r#"{"grace_s":0}"#),
            _ => http().delete(format!("{base}/admin/actions/runners/{id}")),
        };
        assert!(request.bearer_auth(token.expose()).send().await.unwrap().status().is_success(), "{way}");
        let answer = tokio::time::timeout(Duration::from_secs(5), asked).await.expect(way).unwrap();
        assert_eq!(refusal(answer).0, Code::Unauthenticated, "{way}");
    }
    world.server.stop().await;
}
