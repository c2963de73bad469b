//! Runs, jobs, logs, workflows.

use super::*;

#[tokio::test]
async fn a_run_is_started_shown_cancelled_run_again_and_deleted() {
    let rest = Rest::new().await;
    let Rest { admin, project, place, .. } = &rest;
    let workflows = admin.workflows(project).await.unwrap();
    assert_eq!((workflows.total_count, workflows.workflows[0].id.as_str()), (1, "w.yml"));
    let written = workflows.workflows[0].updated_at.unwrap();
    assert!(written > domain::Timestamp(1_000_000_000_000), "{written:?} is not when the commit was written");
    // Forgejo's clients ask in the body.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = rest.world.server.first_token.clone().unwrap();
    let base = format!("http://{}/api/v1", rest.world.server.address);
    let asked = http.post(format!("{base}/repos/lab/p/actions/workflows/w.yml/dispatches")).bearer_auth(token.expose());
    let made = asked.body(r#"{"ref": "main", "return_run_info": true}"#).send().await.unwrap();
    assert_eq!(made.status().as_u16(), 201);
    let made: serde_json::Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    assert_eq!(made, serde_json::json!({"id": 1, "run_number": 1, "jobs": ["a", "b"]}));
    let first = rest.world.server.plane.store.run(domain::control::RunId(1)).await.unwrap();
    admin.cancel_run(project, 1).await.unwrap();
    rest.world.finished(&first).await;
    admin.delete_run(project, 1).await.unwrap();
    let keys = http.get(format!("{base}/user/keys")).bearer_auth(token.expose()).send().await.unwrap();
    assert_eq!((keys.status().as_u16(), keys.text().await.unwrap().trim()), (200, "[]"));
    let id = rest.dispatch().await;
    let run = admin.run(project, id).await.unwrap();
    assert_eq!((run.status, run.conclusion, run.run_number, run.run_attempt), (Status::Queued, None, 2, 1));
    assert_eq!((run.path.as_str(), run.head_branch.as_str()), ("w.yml@refs/heads/main", "main"));
    assert_eq!(run.actor.as_ref().unwrap().login, "admin");
    assert_eq!(admin.run_by_id(id).await.unwrap().repository.unwrap().full_name, "lab/p");
    let jobs = admin.jobs_of_run(project, id, PageQuery::default()).await.unwrap();
    let states: Vec<_> = jobs.jobs.iter().map(|job| (job.name.as_str(), job.status)).collect();
    assert_eq!(states, [("a", Status::Queued), ("b", Status::Waiting)]);
    let (a, b) = (jobs.jobs[0].id, jobs.jobs[1].id);
    assert_eq!((&jobs.jobs[0].labels, &jobs.jobs[1].labels), (&vec!["lab".to_owned()], &vec!["lab".to_owned()]));
    assert_eq!(admin.why(project, a).await.unwrap().reason.as_deref(), Some("no_matching_label"));
    let why = admin.why(project, b).await.unwrap();
    assert_eq!((why.reason.as_deref(), why.text.as_str()), (Some("dependency"), "it needs 'a', which has not ended"));
    let queue = admin.queue(PageQuery::default()).await.unwrap();
    assert_eq!((queue.total_count, queue.jobs[0].id, queue.reasons.len()), (2, a, 2));
    assert_eq!(admin.job_by_id(b).await.unwrap().project, "lab/p");
    let waiting = admin.jobs(place, &["queued".to_owned()], PageQuery::default()).await.unwrap();
    assert_eq!((waiting.total_count, waiting.jobs[0].id), (1, a));
    assert!(refused(admin.job_log(project, a).await.map(drop)).1.contains("has no log"));
    let (status, text) = refused(admin.delete_run(project, id).await);
    assert_eq!((status, text.as_str()), (400, "this workflow run is not done; cancel it, or wait"));
    assert_eq!(refused(admin.rerun(project, id).await).0, 400);
    admin.cancel_run(project, id).await.unwrap();
    let stored = rest.world.server.plane.store.run(domain::control::RunId(id)).await.unwrap();
    assert_eq!(rest.world.finished(&stored).await, Conclusion::Cancelled);
    let run = admin.run(project, id).await.unwrap();
    assert_eq!((run.status, run.conclusion), (Status::Completed, Some(Conclusion::Cancelled)));
    assert_eq!(admin.job(project, a).await.unwrap().detail.as_deref(), Some("cancelled by admin"));
    assert_eq!(refused(admin.cancel_run(project, id).await).0, 409);
    let again = admin.rerun_job(project, a).await.unwrap();
    assert_eq!((again.name.as_str(), again.run_id, again.run_attempt), ("a", id, 2));
    assert_ne!(again.id, a);
    let run = admin.run(project, id).await.unwrap();
    assert_eq!(run.run_attempt, 2);
    assert!(run.previous_attempt_url.unwrap().ends_with(&format!("/lab/p/actions/runs/{id}/attempts/1")));
    admin.cancel_run(project, id).await.unwrap();
    rest.world.finished(&stored).await;
    admin.rerun_failed(project, id).await.unwrap();
    admin.cancel_run(project, id).await.unwrap();
    rest.world.finished(&stored).await;
    admin.delete_run(project, id).await.unwrap();
    assert_eq!(refused(admin.run(project, id).await).0, 404);
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_conditions_keep_is_ended_by_asking_again_by_force_and_by_its_button() {
    let text = "on: workflow_dispatch\njobs:\n  a: {if: always(), runs-on: nosuch, steps: [{run: 'true'}]}\n  b: {needs: a, if: always(), runs-on: lab, steps: [{run: 'true'}]}\n";
    let rest = Rest::of(World::with(&[(".gitea/workflows/w.yml", text)]).await);
    let Rest { admin, project, world, .. } = &rest;
    let browser = crate::browse::Browser::with(world, world.server.first_token.clone().unwrap().expose()).await;
    for way in ["again", "force", "button"] {
        let id = rest.dispatch().await;
        let stored = world.server.plane.store.run(domain::control::RunId(id)).await.unwrap();
        if way != "force" {
            admin.cancel_run(project, id).await.unwrap();
            world.until(&stored, |run, _| run.cancelled.is_some()).await;
            assert_eq!(world.states(&stored).await, ["a: queued", "b: held"], "conditions hold");
        }
        match way {
            "again" => admin.cancel_run(project, id).await.unwrap(),
            "force" => admin.force_cancel_run(project, id).await.unwrap(),
            _ => {
                let path = format!("/lab/p/runs/{id}");
                let page = browser.get(&path).await;
                assert!(page.text.contains("Cancel what still goes on"), "{}", page.text);
                let (at, form) = (format!("{path}/cancel"), format!("form={}", page.form()));
                assert_eq!(browser.post(&at, &form).await.status, 303, "the first button, pressed twice");
                assert_eq!(world.run(&stored).await.cancelled.unwrap().all_from, None);
                assert_eq!(browser.post(&at, &format!("{form}&what=all")).await.status, 303);
            }
        }
        assert_eq!(world.finished(&stored).await, Conclusion::Cancelled, "{way}");
        assert_eq!(world.states(&stored).await, ["a: cancelled", "b: cancelled"], "{way}");
        admin.delete_run(project, id).await.unwrap();
    }
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_skipped_says_what_it_needed() {
    let text = "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n  b: {needs: a, runs-on: lab, steps: [{run: 'true'}]}\n  c: {needs: b, runs-on: lab, steps: [{run: 'true'}]}\n  d: {if: github.ref == 'x', runs-on: lab, steps: [{run: 'true'}]}\n";
    let world = World::with(&[(".gitea/workflows/w.yml", text)]).await;
    let rest = Rest::of(world);
    let hand = rest.world.runner(&["lab"]).await;
    let id = rest.dispatch().await;
    let stored = rest.world.server.plane.store.run(domain::control::RunId(id)).await.unwrap();
    hand.end(hand.take().await.id, Conclusion::Failure, &[]).await;
    assert_eq!(rest.world.finished(&stored).await, Conclusion::Failure);
    let jobs = rest.admin.jobs_of_run(&rest.project, id, PageQuery::default()).await.unwrap();
    let said: Vec<_> = jobs.jobs.iter().map(|job| (job.name.as_str(), job.detail.as_deref().unwrap_or(""))).collect();
    let condition = "its condition is false: github.ref == 'x'";
    let mut expected =
        [("a", ""), ("b", "it needs 'a', which failed"), ("c", "it needs 'b', which was skipped"), ("d", condition)];
    let mut sorted = said.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    let b = jobs.jobs.iter().find(|job| job.name == "b").unwrap().id;
    assert_eq!(rest.admin.why(&rest.project, b).await.unwrap().text, "it needs 'a', which failed");
    let browser =
        crate::browse::Browser::with(&rest.world, rest.world.server.first_token.clone().unwrap().expose()).await;
    let page = browser.get(&format!("/lab/p/runs/{id}")).await;
    for text in [
        "it needs &#39;a&#39;, which failed",
        "it needs &#39;b&#39;, which was skipped",
        "its condition is false: github.ref",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let page = browser.get(&format!("/lab/p/runs/{id}/jobs/{b}")).await;
    assert!(page.text.contains("it needs &#39;a&#39;, which failed"), "{}", page.text);
    rest.end().await;
}

#[tokio::test]
async fn lists_of_runs_are_narrowed_and_come_in_pages() {
    let rest = Rest::new().await;
    for _ in 0..3 {
        rest.dispatch().await;
    }
    let Rest { admin, place, project, .. } = &rest;
    admin.cancel_run(project, 2).await.unwrap();
    rest.world.finished(&rest.world.server.plane.store.run(domain::control::RunId(2)).await.unwrap()).await;
    let ids = async |place: &Place, query: RunQuery, on| {
        let list = admin.runs(place, &query, on).await.unwrap();
        (list.workflow_runs.iter().map(|run| run.id).collect::<Vec<_>>(), list.total_count)
    };
    let all = RunQuery::default();
    assert_eq!(ids(place, all.clone(), page(1, 2)).await, (vec![3, 2], 3));
    assert_eq!(ids(place, all.clone(), page(2, 2)).await, (vec![1], 3));
    assert_eq!(ids(place, all.clone(), page(3, 2)).await, (vec![], 3));
    assert_eq!(ids(&Place::Instance, all.clone(), page(1, 9)).await.1, 3);
    assert_eq!(ids(&Place::Owner("lab".to_owned()), all.clone(), page(1, 9)).await.1, 3);
    let status = |word: &str| RunQuery { status: vec![word.to_owned()], ..RunQuery::default() };
    assert_eq!(ids(place, status("queued"), page(1, 9)).await.0, [3, 1]);
    assert_eq!(ids(place, status("completed"), page(1, 9)).await.0, [2]);
    assert_eq!(ids(place, status("success"), page(1, 9)).await.1, 0);
    let both = RunQuery { status: vec!["cancelled".to_owned(), "queued".to_owned()], ..RunQuery::default() };
    assert_eq!(ids(place, both, page(1, 9)).await.1, 3);
    for (query, count) in [
        (RunQuery { event: Some("workflow_dispatch".to_owned()), ..all.clone() }, 3),
        (RunQuery { event: Some("push".to_owned()), ..all.clone() }, 0),
        (RunQuery { branch: Some("main".to_owned()), ..all.clone() }, 3),
        (RunQuery { branch: Some("other".to_owned()), ..all.clone() }, 0),
        (RunQuery { actor: Some("admin".to_owned()), ..all.clone() }, 3),
        (RunQuery { head_sha: Some("0".repeat(40)), ..all.clone() }, 0),
    ] {
        assert_eq!(ids(place, query.clone(), page(1, 9)).await.1, count, "{query:?}");
    }
    let (code, text) = refused(admin.runs(place, &status("asleep"), page(1, 1)).await);
    assert!(code == 400 && text.starts_with("invalid status asleep; there are queued"), "{text}");
    let jobs = admin.jobs(place, &[], page(2, 4)).await.unwrap();
    assert_eq!((jobs.jobs.len(), jobs.total_count), (2, 6));
    assert!(jobs.jobs[0].id < jobs.jobs[1].id);
    rest.end().await;
}

#[tokio::test]
async fn a_log_is_text_and_can_be_followed_to_its_end() {
    let rest = Rest::new().await;
    let Rest { admin, project, world, .. } = &rest;
    let id = rest.dispatch().await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await;
    let job = admin.jobs_of_run(project, id, PageQuery::default()).await.unwrap().jobs.remove(0);
    assert_eq!((job.status, job.runner_name.as_str()), (Status::InProgress, "hand"));
    let names: Vec<_> = job.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["hello", "Run actions/checkout@v4"]);
    hand.start(task.id).await;
    hand.log(task.id, 0, &["one", "two"], domain::LogEnd::Open).await.unwrap();
    let read = async |mut log: api::LogText| {
        let mut text = Vec::new();
        while let Some(piece) = log.next().await.unwrap() {
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).unwrap()
    };
    let now = read(admin.job_log(project, job.id).await.unwrap()).await;
    assert_eq!(now.lines().map(|line| line.split_once(' ').unwrap().1).collect::<Vec<_>>(), ["one", "two"]);
    let mut followed = admin.follow_job_log(project, job.id).await.unwrap();
    let first = followed.next().await.unwrap().unwrap();
    assert_eq!(first, now.as_bytes(), "the same form");
    hand.log(task.id, 2, &["three"], domain::LogEnd::Last).await.unwrap();
    hand.end(task.id, Conclusion::Success, &[]).await;
    assert!(read(followed).await.ends_with(" three\n"));
    let tasks = admin.tasks(project, PageQuery::default()).await.unwrap();
    assert_eq!((tasks.total_count, tasks.workflow_runs[0].status.as_str()), (1, "success"));
    assert_eq!(tasks.workflow_runs[0].workflow_id, "w.yml");
    let artifacts = admin.artifacts(project, PageQuery::default()).await.unwrap();
    assert_eq!(artifacts.total_count, 0);
    rest.end().await;
}

#[tokio::test]
async fn a_workflow_is_switched_off_and_on() {
    let rest = Rest::new().await;
    let Rest { admin, project, .. } = &rest;
    admin.disable_workflow(project, "w.yml").await.unwrap();
    assert_eq!(admin.workflow(project, "w.yml").await.unwrap().state, api::WorkflowState::DisabledManually);
    let dispatch = Dispatch { reference: "main".to_owned(), ..Dispatch::default() };
    assert_eq!(refused(admin.dispatch(project, "w.yml", &dispatch).await).0, 403);
    admin.enable_workflow(project, "w.yml").await.unwrap();
    let workflow = admin.workflow(project, "w.yml").await.unwrap();
    assert_eq!((workflow.state, workflow.events.len()), (api::WorkflowState::Active, 2));
    rest.dispatch().await;
    assert_eq!(refused(admin.disable_workflow(project, "other.yml").await).0, 404);
    rest.end().await;
}

#[tokio::test]
async fn who_follows_a_log_with_a_token_that_is_revoked_is_cut_off() {
    let rest = Rest::new().await;
    let Rest { admin, project, world, .. } = &rest;
    let id = rest.dispatch().await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await;
    hand.start(task.id).await;
    hand.log(task.id, 0, &["one"], domain::LogEnd::Open).await.unwrap();
    let job = admin.jobs_of_run(project, id, PageQuery::default()).await.unwrap().jobs[0].id;
    let made = admin.make_token(&user("follower")).await.unwrap();
    let mut followed = client(world, Some(&made.token)).follow_job_log(project, job).await.unwrap();
    assert!(followed.next().await.unwrap().unwrap().ends_with(b" one\n"));
    admin.revoke_token(made.facts.id).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(5), followed.next()).await.unwrap();
    assert!(end.unwrap().is_none());
    hand.log(task.id, 1, &["two"], domain::LogEnd::Last).await.unwrap();
    rest.end().await;
}
