//! What makes runs, and of which workflows.

use crate::plane::World;
use domain::control::RunPhase;
use domain::{Conclusion, Timestamp};
use server::event::{fire, push, read_schedules};
use std::future::Future as _;
use std::task::Poll;
use store::{RefChange, RefMove, RunFilter, StoredRun, WorkflowState};

const HOUR: u64 = 3_600_000;

async fn runs(world: &World) -> Vec<StoredRun> {
    let mut runs = world.server.plane.store.runs(&RunFilter { limit: 50, ..RunFilter::default() }).await.unwrap();
    runs.reverse();
    runs
}

fn workflow(on: &str) -> String {
    format!("on: {on}\njobs: {{a: {{runs-on: lab, steps: [{{run: 'true'}}]}}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_runs_once_and_what_was_missed_does_not_pile_up() {
    let world = World::with(&[
        (".github/workflows/hourly.yml", &workflow("{schedule: [{cron: '0 * * * *'}]}")),
        (".github/workflows/other.yml", &workflow("push")),
    ])
    .await;
    let plane = &world.server.plane;
    read_schedules(plane, &world.project).await.unwrap();
    let now = plane.now();
    assert_eq!(fire(plane, now).await.unwrap().runs, 0);
    let later = Timestamp(now.0 + 5 * HOUR);
    assert_eq!(fire(plane, later).await.unwrap().runs, 1);
    assert_eq!(fire(plane, later).await.unwrap().runs, 0);
    assert_eq!(fire(plane, Timestamp(later.0 + HOUR)).await.unwrap().runs, 1);
    let runs = runs(&world).await;
    assert_eq!((runs.len(), runs[0].event.as_str(), runs[0].reference.as_str()), (2, "schedule", "refs/heads/main"));
    assert_eq!(runs[0].facts["github"]["event"]["schedule"], "0 * * * *");
    // A branch that says otherwise now.
    world.repository.commit("second", &[(".github/workflows/hourly.yml", &workflow("push"))]);
    read_schedules(plane, &world.project).await.unwrap();
    assert_eq!(fire(plane, Timestamp(later.0 + 9 * HOUR)).await.unwrap().runs, 0);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_stopped_anywhere_leaves_one_run_to_each_time() {
    let file = ".github/workflows/hourly.yml";
    let world = World::with(&[(file, &workflow("{schedule: [{cron: '0 * * * *'}]}"))]).await;
    let plane = &world.server.plane;
    read_schedules(plane, &world.project).await.unwrap();
    let mut now = plane.now();
    // Stopped where it waits for the first time, for the second, and so on, until it is not stopped any more.
    for (steps, made) in (0..).zip(1..) {
        now = Timestamp(now.0 + HOUR);
        let mut left = steps;
        let mut firing = Box::pin(fire(plane, now));
        let is_done = std::future::poll_fn(|context| match (firing.as_mut().poll(context), left) {
            (Poll::Ready(_), _) => Poll::Ready(true),
            (Poll::Pending, 0) => Poll::Ready(false),
            (Poll::Pending, _) => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        drop(firing);
        fire(plane, now).await.unwrap();
        assert_eq!(runs(&world).await.len(), made, "stopped after {steps} steps");
        assert!(plane.store.due_schedules(now, 9).await.unwrap().is_empty());
        // How many steps there are depends on what is done by the time of the next look: on a busy machine all of it may be at the first.
        if is_done && steps > 2 {
            break;
        }
    }
    // A repository that cannot be read takes no time away: it is tried again soon.
    now = Timestamp(now.0 + HOUR);
    let (git, away) = (world.repository.path().to_owned(), world.repository.path().with_extension("away"));
    std::fs::rename(&git, &away).unwrap();
    let fired = fire(plane, now).await.unwrap();
    assert_eq!((fired.runs, fired.failed), (0, 1));
    std::fs::rename(&away, &git).unwrap();
    assert_eq!(fire(plane, now).await.unwrap().runs, 0);
    assert_eq!(fire(plane, Timestamp(now.0 + HOUR / 6)).await.unwrap().runs, 1);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_starts_what_its_filters_let_through() {
    let folder = ".gitea/workflows";
    let world = World::with(&[
        (&format!("{folder}/all.yml"), &workflow("push")),
        (&format!("{folder}/docs.yml"), &workflow("{push: {paths: ['docs/**']}}")),
        (&format!("{folder}/tags.yml"), &workflow("{push: {tags: ['v*']}}")),
        (&format!("{folder}/off.yml"), &workflow("push")),
        (&format!("{folder}/broken.yml"), "on: [push\n"),
        // The first folder that exists counts.
        (".github/workflows/never.yml", &workflow("push")),
    ])
    .await;
    let plane = &world.server.plane;
    let off = format!("{folder}/off.yml");
    plane
        .store
        .set_workflow(world.project.id, &off, WorkflowState::Disabled, plane.now(), &crate::plane::audit())
        .await
        .unwrap();
    let before = world.repository.commit("docs", &[("docs/a.md", "a")]);
    let after = world.repository.commit("code: a\n\nmore of it", &[("src/a.rs", "a")]);
    let change = RefChange { name: "refs/heads/main".to_owned(), to: RefMove::Moved { before, after: after.clone() } };
    push(plane, &world.project, &change, Some("pusher"), None).await.unwrap();
    let runs = runs(&world).await;
    let names: Vec<&str> = runs.iter().map(|run| run.workflow.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["all.yml", "broken.yml"]);
    assert_eq!(
        (runs[0].title.as_str(), runs[0].actor.as_str(), runs[0].commit.as_str()),
        ("code: a", "pusher", after.as_str())
    );
    let payload = &runs[0].facts["github"]["event"];
    assert_eq!(payload["head_commit"]["message"], "code: a\n\nmore of it");
    assert_eq!(payload["commits"].as_array().unwrap().len(), 1);
    assert_eq!(runs[1].phase, RunPhase::Finished(Conclusion::Failure));
    assert!(runs[1].fault.as_ref().unwrap().contains("broken.yml:"), "{:?}", runs[1].fault);
    let long = world.repository.commit(&"é".repeat(50_000), &[("src/a.rs", "c")]);
    let change =
        RefChange { name: "refs/heads/main".to_owned(), to: RefMove::Moved { before: after, after: long.clone() } };
    let made = push(plane, &world.project, &change, None, None).await.unwrap();
    assert_eq!(made[0].title, "é".repeat(254) + "…");
    let skipped = world.repository.commit("wip [skip ci]", &[("src/a.rs", "b")]);
    let change = RefChange { name: "refs/heads/main".to_owned(), to: RefMove::Moved { before: long, after: skipped } };
    let made = push(plane, &world.project, &change, None, None).await.unwrap();
    // What cannot be read cannot be skipped either.
    assert_eq!(made.iter().map(|run| run.workflow.as_str()).collect::<Vec<_>>(), [format!("{folder}/broken.yml")]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_branch_is_compared_with_where_it_left_the_others_and_a_forced_push_says_so() {
    let docs = ".gitea/workflows/docs.yml";
    let world = World::with(&[(docs, &workflow("{push: {paths: ['docs/**']}}"))]).await;
    let plane = &world.server.plane;
    let pushed = async |name: &str, to| {
        let change = RefChange { name: format!("refs/heads/{name}"), to };
        push(plane, &world.project, &change, None, None).await.unwrap()
    };
    let main = world.repository.commit("docs", &[("docs/a.md", "a")]);
    world.repository.git(["checkout", "-q", "-b", "code"]);
    let code = world.repository.commit("code", &[("src/a.rs", "a")]);
    assert_eq!(pushed("code", RefMove::Made(code.clone())).await, [], "no docs are new on it");
    world.repository.git(["checkout", "-q", "-b", "docs"]);
    world.repository.commit("more docs", &[("docs/b.md", "b")]);
    let more = world.repository.commit("more code", &[("src/b.rs", "b")]);
    let run = pushed("docs", RefMove::Made(more)).await.pop().unwrap();
    assert_eq!(run.facts["github"]["event"]["forced"], false);
    world.repository.git(["checkout", "-q", "-B", "code", &main]);
    let other = world.repository.commit("other docs", &[("docs/c.md", "c")]);
    let run = pushed("code", RefMove::Moved { before: code, after: other }).await.pop().unwrap();
    assert_eq!(run.facts["github"]["event"]["forced"], true);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_read_is_a_failed_run_of_the_push_that_brings_it() {
    let folder = ".gitea/workflows";
    let world = World::with(&[(&format!("{folder}/all.yml"), &workflow("push"))]).await;
    let plane = &world.server.plane;
    let before = world.repository.commit("a", &[("a", "a")]);
    let cron = |cron: &str| workflow(&format!("{{schedule: [{{cron: '{cron}'}}]}}"));
    let after = world.repository.commit(
        "times",
        &[
            (&format!("{folder}/daily.yml"), &cron("@daily")),
            (&format!("{folder}/monday.yml"), &cron("0 0 ? * MON")),
            (&format!("{folder}/seconds.yml"), &cron("0 * * * * *")),
            (&format!("{folder}/mars.yml"), &workflow("{schedule: [{cron: '0 0 * * *', timezone: Mars/X}]}")),
            // A way to say that it never comes.
            (&format!("{folder}/never.yml"), &cron("0 0 31 2 *")),
        ],
    );
    let pushed = async |name: &str, before: &str, after: &str| {
        let to = RefMove::Moved { before: before.to_owned(), after: after.to_owned() };
        let change = RefChange { name: format!("refs/heads/{name}"), to };
        let runs = push(plane, &world.project, &change, None, None).await.unwrap();
        runs.into_iter().map(|run| (run.workflow.rsplit('/').next().unwrap().to_owned(), run.fault)).collect::<Vec<_>>()
    };
    // Times are those of the default branch.
    assert_eq!(pushed("other", &before, &after).await, [("all.yml".to_owned(), None)]);
    let runs = pushed("main", &before, &after).await;
    let names: Vec<&str> = runs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["all.yml", "mars.yml", "seconds.yml"]);
    assert!(runs[1].1.as_ref().unwrap().contains("'Mars/X'"), "{runs:?}");
    assert!(runs[2].1.as_ref().unwrap().contains("'0 * * * * *' cannot be read"), "{runs:?}");
    let next = world.repository.commit("b", &[("a", "b")]);
    assert_eq!(pushed("main", &after, &next).await.len(), 1, "it is said once");
    let due = plane.store.due_schedules(Timestamp(plane.now().0 + 24 * 8 * HOUR), 9).await.unwrap();
    let mut due: Vec<&str> = due.iter().map(|due| due.new.cron.as_str()).collect();
    due.sort_unstable();
    assert_eq!(due, ["0 0 ? * MON", "@daily"]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_cannot_be_read_and_an_event_that_nobody_knows_are_failed_runs() {
    let folder = ".gitea/workflows";
    let world = World::with(&[(&format!("{folder}/all.yml"), &workflow("push"))]).await;
    let plane = &world.server.plane;
    let before = world.repository.commit("a", &[("a", "a")]);
    let files = [
        ("branch.yml", "{push: {branches: [main, 'rel-[z-a]']}}"),
        ("both.yml", "[pushh, pull_request]"),
        ("event.yml", "pushh"),
        ("path.yml", "{push: {branches: [main], paths: ['[']}}"),
    ];
    let files = files.map(|(name, on)| (format!("{folder}/{name}"), workflow(on)));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let after = world.repository.commit("slips", &files);
    let pushed = async |name: &str, before: &str, after: &str| {
        let to = RefMove::Moved { before: before.to_owned(), after: after.to_owned() };
        let change = RefChange { name: format!("refs/heads/{name}"), to };
        let runs = push(plane, &world.project, &change, None, None).await.unwrap();
        runs.into_iter().map(|run| (run.workflow.rsplit('/').next().unwrap().to_owned(), run.fault)).collect::<Vec<_>>()
    };
    let runs = pushed("main", &before, &after).await;
    let names: Vec<&str> = runs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["all.yml", "branch.yml", "event.yml", "path.yml"]);
    let says = |at: usize| runs[at].1.clone().unwrap();
    assert!(says(1).contains("branch.yml: the filter 'branches' cannot be used: the pattern 'rel-[z-a]' is wrong"));
    assert!(says(2).contains("Unknown event 'pushh'") && says(2).contains("did you mean 'push'?"), "{runs:?}");
    assert!(says(3).contains("the filter 'paths' cannot be used: the pattern '[' is wrong"), "{runs:?}");
    let next = world.repository.commit("b", &[("a", "b")]);
    let names: Vec<String> = pushed("main", &after, &next).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["all.yml", "branch.yml", "path.yml"], "an event is said once, by the push that brings it");
    world.server.stop().await;
}
