//! The news of changes go to those alone who may see what changed.

use crate::browse::Browser;
use crate::live::{FILE, Stream, WORKFLOW};
use crate::pages::{admin, other_project, token};
use crate::plane::World;
use api::Right;
use domain::control::Scope;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_what_they_may_not_see() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let run = world.dispatch("live").await;
    let elsewhere = other_project(&world).await;
    let foreign = token(&world, &[Right::ReadRuns], Scope::Repository(elsewhere.id)).await;
    let foreign = Browser::with(&world, &foreign).await;
    let own = token(&world, &[Right::ReadRuns], Scope::Repository(world.project.id)).await;
    let own = Browser::with(&world, &own).await;
    let admin = Browser::with(&world, &admin(&world)).await;
    for (browser, path, status) in [
        (&foreign, format!("/changes?run={}", run.id), 404),
        (&foreign, "/changes?run=999999".to_owned(), 404),
        (&foreign, "/changes?runners=1".to_owned(), 404),
    ] {
        assert_eq!(browser.get(&path).await.status, status, "{path}");
    }
    let mut deaf = Stream::open(&foreign, "/changes", &[]).await;
    let mut hears = Stream::open(&own, "/changes", &[]).await;
    let mut all = Stream::open(&admin, "/changes", &[]).await;
    let mut one = Stream::open(&own, &format!("/changes?run={}", run.id), &[]).await;
    let mut runners = Stream::open(&admin, "/changes?runners=1", &[]).await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.end(task, domain::Conclusion::Success, &[]).await;
    for stream in [&mut hears, &mut all, &mut one, &mut runners] {
        stream.wait("change").await;
    }
    assert!(tokio::time::timeout(Duration::from_secs(2), deaf.next()).await.is_err());
    world.server.stop().await;
}
