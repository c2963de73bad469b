//! Runs from their dispatch to their end, over real sockets, with runners by hand.

use crate::hostile_runner::refusal;
use crate::plane::{Hand, World};
use domain::control::{CancelCause, JobPhase, RunPhase};
use domain::{Conclusion, LogEnd, RunnerLife, TaskPhase, TaskResult};
use server::run::{Rerun, cancel, rerun};
use std::time::Duration;

const PATH: &str = ".gitea/workflows/w.yml";

async fn world(jobs: &str) -> World {
    World::with(&[(PATH, &format!("on: workflow_dispatch\njobs:\n{jobs}"))]).await
}

fn job(id: &str, more: &str) -> String {
    format!("  {id}:\n    runs-on: lab\n{more}    steps: [{{run: 'true'}}]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_from_its_dispatch_to_its_end() {
    let jobs = job("a", "    outputs: {v: x}\n    strategy: {matrix: {n: [1, 2]}}\n")
        + &job("b", "    needs: a\n")
        + &job("c", "    needs: b\n    if: ${{ false }}\n")
        + &job("d", "")
        + &job("e", "    needs: d\n    if: ${{ always() }}\n");
    let world = world(&jobs).await;
    let run = world.dispatch("w.yml").await;
    assert_eq!(
        world.states(&run).await,
        ["a (1): queued", "a (2): queued", "d: queued", "b: held", "c: held", "e: held"]
    );
    let runner = world.runner(&["lab"]).await;
    for _ in 0..3 {
        let task = runner.take().await;
        assert_eq!(task.context["event_name"], "workflow_dispatch");
        assert_eq!(task.context["actor"], "somebody");
        // From 13 on Forgejo's runner shows the job's token where it clones actions.
        let like = task.context["forgejo_server_version"].as_str().unwrap();
        assert!(like.split('.').next().unwrap().parse::<u32>().unwrap() >= 13, "{like}");
        runner.start(task.id).await;
        let ends = if task.context["job"] == "d" { Conclusion::Failure } else { Conclusion::Success };
        let outputs: &[(&str, &str)] = if task.context["job"] == "a" { &[("v", "said")] } else { &[] };
        let reported = runner.end(task.id, ends, outputs).await;
        assert_eq!(reported.phase.result(), Some(TaskResult::Concluded(ends)));
    }
    for _ in 0..2 {
        let task = runner.take().await;
        match task.context["job"].as_str().unwrap() {
            "b" => assert_eq!(task.needs["a"].outputs["v"], "said"),
            "e" => assert_eq!(task.needs["d"].result, Some(TaskResult::Concluded(Conclusion::Failure))),
            other => panic!("{other}"),
        }
        runner.end(task.id, Conclusion::Success, &[]).await;
    }
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let mut states = world.states(&run).await;
    states.sort();
    assert_eq!(states, ["a (1): success", "a (2): success", "b: success", "c: skipped", "d: failure", "e: success"]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_and_an_end_counts_once() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch(PATH).await;
    let runner = world.runner(&["lab", "more"]).await;
    let first = runner.fetch_as("same", 3).await;
    assert_eq!(first.len(), 1);
    let again = runner.fetch_as("same", 3).await;
    assert_eq!(again, first);
    let task = first[0].id;
    runner.end(task, Conclusion::Success, &[]).await;
    // Said again, and otherwise: it stays as it was.
    let late = runner.end(task, Conclusion::Failure, &[]).await;
    assert_eq!(late.phase.result(), Some(TaskResult::Concluded(Conclusion::Success)));
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    assert!(runner.fetch_as("same", 3).await.is_empty());
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_what_waits_and_tells_what_runs() {
    let jobs = job("a", "    strategy: {matrix: {n: [1, 2, 3]}, max-parallel: 2}\n")
        + &job("b", "    needs: a\n")
        + &job("c", "    needs: a\n    if: ${{ always() }}\n");
    let world = world(&jobs).await;
    let run = world.dispatch("w").await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    cancel(&world.server.plane, run.id, CancelCause::Person("p".to_owned()), store::Ending::Again, None).await.unwrap();
    let cancelling = world.until(&run, |run, _| run.phase == RunPhase::Cancelling).await;
    assert_eq!(cancelling.cancelled.unwrap().by, CancelCause::Person("p".to_owned()));
    let heard = runner.start(task.id).await;
    assert_eq!(heard.phase.result(), Some(TaskResult::Concluded(Conclusion::Cancelled)));
    // Its clean-up is over: whatever it says, it was cancelled.
    runner.end(task.id, Conclusion::Success, &[]).await;
    let task = runner.take().await;
    assert_eq!(task.context["job"], "c");
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    let mut states = world.states(&run).await;
    states.sort();
    assert_eq!(states, ["a (1): cancelled", "a (2): cancelled", "a (3): cancelled", "b: skipped", "c: success"]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_knows_no_clean_up_is_done_when_it_hears_of_the_cancellation() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch("w").await;
    let runner = world.runner_that(&["lab"], RunnerLife::Lasting, Vec::new()).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    cancel(&world.server.plane, run.id, CancelCause::Person("p".to_owned()), store::Ending::Again, None).await.unwrap();
    world.until(&run, |run, _| run.phase == RunPhase::Cancelling).await;
    let heard = runner.start(task.id).await;
    assert_eq!(heard.phase.result(), Some(TaskResult::Concluded(Conclusion::Cancelled)));
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    // Its last rows are taken still.
    assert_eq!(runner.log(task.id, 0, &["bye"], LogEnd::Last).await.unwrap(), 1);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_run_again_with_what_others_said() {
    let jobs = job("a", "    outputs: {v: x}\n") + &job("b", "    needs: a\n") + &job("c", "    needs: b\n");
    let world = world(&jobs).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.end(task.id, Conclusion::Success, &[("v", "kept")]).await;
    let task = runner.take().await;
    runner.end(task.id, Conclusion::Failure, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let again = rerun(&world.server.plane, run.id, Rerun::Failed, "again", None).await.unwrap();
    assert_eq!(again.attempt.get(), 2);
    let task = runner.take().await;
    assert_eq!((&task.context["job"], &task.context["run_attempt"]), (&"b".into(), &"2".into()));
    assert_eq!(task.context["triggering_actor"], "again");
    assert_eq!(task.needs["a"].outputs["v"], "kept");
    runner.end(task.id, Conclusion::Success, &[]).await;
    let task = runner.take().await;
    assert_eq!(task.context["job"], "c");
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    let all = rerun(&world.server.plane, run.id, Rerun::All, "again", None).await.unwrap();
    assert_eq!(all.attempt.get(), 3);
    assert_eq!(runner.take().await.context["job"], "a");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was() {
    let world = world(&(job("a", "") + &job("b", "    needs: a\n") + &job("z", ""))).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner(&["lab"]).await;
    let task = runner.take().await;
    runner.start(task.id).await;
    let world = world.again().await;
    let runner = crate::plane::Hand::at(&world, runner.key);
    // What was begun goes on; what waited waits still.
    runner.end(task.id, Conclusion::Success, &[]).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let task = runner.take().await;
        seen.push(task.context["job"].as_str().unwrap().to_owned());
        runner.end(task.id, Conclusion::Success, &[]).await;
    }
    seen.sort();
    assert_eq!(seen, ["b", "z"]);
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_cannot_be_used_is_a_failed_run_that_says_why() {
    let world = World::with(&[(PATH, "on: workflow_dispatch\njobs: {a: {runs-on: x, stepz: []}}\n")]).await;
    let run = world.dispatch("w.yml").await;
    assert_eq!(run.phase, RunPhase::Finished(Conclusion::Failure));
    let fault = run.fault.unwrap();
    assert!(fault.contains(".gitea/workflows/w.yml:2:") && fault.contains("stepz"), "{fault}");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_lets_one_run_go_on_and_cancels_for_the_newest() {
    let text = "on: workflow_dispatch\nconcurrency: {group: g, cancel-in-progress: true}\njobs:\n";
    let world = World::with(&[(PATH, &(text.to_owned() + &job("a", "")))]).await;
    let runner = world.runner(&["lab"]).await;
    let first = world.dispatch("w.yml").await;
    let task = runner.take().await;
    runner.start(task.id).await;
    let second = world.dispatch("w.yml").await;
    world.until(&first, |run, _| run.phase == RunPhase::Cancelling).await;
    assert_eq!(runner.fetch(4).await, [], "its group is taken");
    runner.end(task.id, Conclusion::Cancelled, &[]).await;
    assert_eq!(world.finished(&first).await, Conclusion::Cancelled);
    let task = runner.take().await;
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&second).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_for_one_job_gets_one() {
    let world = world(&(job("a", "") + &job("b", ""))).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner_for(&["lab"], RunnerLife::Ephemeral).await;
    let is_queued = |job: &store::StoredJob| matches!(job.phase, JobPhase::Queued { .. });
    world.until(&run, |_, jobs| jobs.iter().filter(|job| is_queued(job)).count() == 2).await;
    let mut tasks = runner.fetch(5).await;
    assert_eq!(tasks.len(), 1);
    let task = tasks.remove(0);
    assert_eq!(runner.fetch(5).await, []);
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(runner.fetch(5).await, []);
    // It goes when its log is whole.
    assert_eq!(world.server.plane.store.runners(None).await.unwrap().len(), 1);
    runner.log(task.id, 0, &["bye"], LogEnd::Last).await.unwrap();
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !world.server.plane.store.runners(None).await.unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_for_another_runners_task() {
    let world = world(&job("a", "")).await;
    let run = world.dispatch("w.yml").await;
    let (runner, other) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let task = runner.take().await;
    runner.start(task.id).await;
    let report = protocol::Report {
        state: domain::TaskState {
            id: task.id,
            phase: TaskPhase::Ended {
                result: TaskResult::Concluded(Conclusion::Success),
                started: None,
                stopped: domain::Timestamp(1),
            },
            steps: Vec::new(),
        },
        outputs: Default::default(),
    };
    assert!(other.client.report(&other.key, report).await.is_err());
    assert!(other.log(task.id, 0, &["mine"], LogEnd::Open).await.is_err());
    assert_eq!(world.states(&run).await, ["a: running"]);
    assert_eq!(runner.log(task.id, 0, &["one", "two"], LogEnd::Open).await.unwrap(), 2);
    // A gap stores nothing and is told where to go on.
    assert_eq!(runner.log(task.id, 5, &["six"], LogEnd::Open).await.unwrap(), 2);
    runner.log(task.id, 2, &["three"], LogEnd::Last).await.unwrap();
    assert!(runner.log(task.id, 3, &["four"], LogEnd::Open).await.is_err());
    let page = world.server.plane.logs.read(task.id, 0, 10).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.content.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_question_would_stay_open_and_asks_for_nothing_is_full() {
    let world = world(&(job("a", "") + &job("b", ""))).await;
    let hand = world.runner(&["lab"]).await;
    let held = hand.client.held(Duration::from_millis(10));
    for (client, reason) in [(hand.client.clone(), "no_idle_runner"), (held, "capacity_max")] {
        let runner = Hand::of(client, hand.key.clone());
        // As one asks that has ended a job and asks for the next before its end is heard of.
        assert_eq!(runner.fetch(2).await.len(), 0);
        let run = world.dispatch("w.yml").await;
        let mut tasks = Vec::new();
        while tasks.is_empty() {
            tasks = runner.fetch(1).await;
        }
        let jobs = world.jobs(&run).await;
        let waits = jobs.iter().find(|job| matches!(job.phase, JobPhase::Queued { .. })).unwrap();
        let why = world.server.plane.queue.why(waits.number).await.unwrap();
        assert_eq!(why.reason.kind().as_str(), reason, "{}", why.reason);
        for task in [tasks.remove(0), runner.take().await] {
            runner.end(task.id, Conclusion::Success, &[]).await;
        }
        world.finished(&run).await;
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_fit_whatever_their_case_and_the_document_has_those_of_the_runner() {
    let jobs = "  a: {runs-on: [Self-Hosted, Linux], steps: [{run: 'true'}]}\n";
    let world = world(jobs).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner(&["self-hosted", "linux", "other"]).await;
    let task = runner.take().await;
    let document = String::from_utf8(task.workflow).unwrap();
    assert!(document.contains("runs-on:\n      - \"self-hosted\"\n      - \"linux\"\n"), "{document}");
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_called_workflow_sees_the_github_of_its_caller() {
    let folder = ".gitea/workflows";
    let called = format!(
        "name: Called\non: {{workflow_call: {{inputs: {{word: {{type: string}}, loud: {{type: boolean}}}}}}}}\njobs:\n{}",
        job("in", "")
    );
    let caller = format!(
        "name: Caller\non: {{workflow_dispatch: {{inputs: {{word: {{type: string}}}}}}}}\njobs:\n  a: {{uses: ./{folder}/called.yml, with: {{word: b, loud: true}}}}\n  z: {{needs: a, runs-on: lab, steps: [{{run: 'true'}}]}}\n"
    );
    let world = World::with(&[(PATH, &caller), (&format!("{folder}/called.yml"), &called)]).await;
    let hand = world.runner(&["lab"]).await;
    let ours = Hand::of(hand.client.held(Duration::from_millis(10)), hand.key.clone());
    let given = serde_json::json!({ "word": "b", "loud": "true" });
    for (runner, is_ours) in [(ours, true), (hand, false)] {
        let inputs = serde_json::json!({ "word": "of the dispatch" });
        let run = world.dispatch_with("w.yml", inputs.as_object().unwrap().clone()).await;
        let task = runner.take().await;
        let context = &task.context;
        assert_eq!(context["workflow_ref"], format!("lab/p/{PATH}@refs/heads/main"));
        if is_ours {
            assert_eq!((&context["event_name"], &context["event"]["inputs"]), (&"workflow_dispatch".into(), &inputs));
            assert_eq!(context[protocol::context::INPUTS], given);
            let file = serde_json::json!({ "path": format!("{folder}/called.yml") });
            assert_eq!(context[protocol::context::WORKFLOW], file);
        } else {
            // Runners of forges look at the inputs of an event of this name alone.
            assert_eq!((&context["event_name"], &context["event"]["inputs"]), (&"workflow_call".into(), &given));
            assert!(context.keys().all(|key| !key.starts_with("ekiden")));
        }
        let document = String::from_utf8(task.workflow).unwrap();
        assert!(document.starts_with("name: \"Caller\"\n"), "{document}");
        runner.end(task.id, Conclusion::Success, &[]).await;
        let task = runner.take().await;
        assert_eq!(task.context["event"]["inputs"], inputs);
        let own = is_ours.then(|| serde_json::json!({ "path": PATH }));
        assert_eq!(task.context.get(protocol::context::WORKFLOW), own.as_ref());
        assert_eq!(task.context.get(protocol::context::INPUTS), None);
        runner.end(task.id, Conclusion::Success, &[]).await;
        world.finished(&run).await;
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_matrix_knows_which_it_is_where_its_runner_reads_it() {
    let world = world(&job("a", "    strategy: {fail-fast: false, max-parallel: 2, matrix: {n: [5, 6]}}\n")).await;
    let gitea = world.runner(&["lab"]).await;
    let other = world.runner_that(&["lab"], RunnerLife::Lasting, Vec::new()).await;
    // One look of an agent of ours.
    let ours = Hand::of(other.client.held(Duration::ZERO), other.key.clone());
    for (runner, knows) in [(gitea, true), (other, false), (ours, true)] {
        let run = world.dispatch("w.yml").await;
        for index in 0..2 {
            let task = runner.take().await;
            let document = String::from_utf8(task.workflow).unwrap();
            let place = format!("      job-index: {index}\n      job-total: 2\n");
            assert_eq!(document.contains(&place), knows, "{document}");
            assert_eq!(document.contains("job-"), knows, "{document}");
            assert!(document.contains("      fail-fast: false\n      max-parallel: 2\n"), "{document}");
            runner.end(task.id, Conclusion::Success, &[]).await;
        }
        world.finished(&run).await;
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_was_removed_does_not_wait_for_jobs() {
    let world = world(&job("a", "")).await;
    let hand = world.runner(&["lab"]).await;
    // Its key is believed for two seconds more.
    assert_eq!(hand.fetch(1).await.len(), 0);
    let plane = &world.server.plane;
    let id = plane.store.runners(None).await.unwrap()[0].id;
    plane.store.remove_runner(id, plane.now(), &crate::plane::audit()).await.unwrap();
    plane.queue.runner_gone(id);
    let held = hand.client.held(Duration::from_secs(40));
    let fetch = protocol::Fetch { version: domain::TasksVersion::UNKNOWN, want: protocol::Want::One, key: None };
    let asked = tokio::time::timeout(Duration::from_secs(20), held.fetch(&hand.key, fetch)).await;
    // While its key is believed it hears that there is nothing, then that it is unknown.
    match asked.expect("it is held") {
        Ok(fetched) => assert_eq!(fetched.tasks, []),
        refused => assert_eq!(refusal(refused).0, protocol::Code::Unauthenticated),
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_job_failed_has_failed_whatever_was_cancelled_for_it() {
    let world = world(&job("a", "    strategy: {matrix: {n: [1, 2]}}\n")).await;
    let runner = world.runner(&["lab"]).await;
    let run = world.dispatch("w").await;
    let (first, second) = (runner.take().await, runner.take().await);
    runner.start(second.id).await;
    runner.end(first.id, Conclusion::Failure, &[]).await;
    world.until(&run, |run, _| run.phase == RunPhase::Cancelling).await;
    runner.end(second.id, Conclusion::Cancelled, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let mut states = world.states(&run).await;
    states.sort();
    assert_eq!(states, ["a (1): failure", "a (2): cancelled"]);
    world.server.stop().await;
}

const CALLER: &str = "on: workflow_dispatch\njobs:\n  call:\n    strategy: {fail-fast: false, matrix: {n: [p, 'q / test']}}\n    uses: ./.gitea/workflows/leaf.yml\n  end: {needs: call, runs-on: lab, steps: [{run: 'true'}]}\n";

/// Plays a job to its end and gives its key.
async fn play(runner: &Hand, ends: Conclusion) -> String {
    let task = runner.take().await;
    runner.end(task.id, ends, &[("v", "kept")]).await;
    task.context["job"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_call_what_succeeded_does_not_run_again() {
    let leaf = "on: workflow_call\njobs:\n".to_owned()
        + &job("build", "    outputs: {v: x}\n")
        + &job("deploy", "    needs: build\n")
        + &job("test", "    needs: build\n")
        + &job("after", "    needs: test\n");
    let world = World::with(&[(PATH, CALLER), (".gitea/workflows/leaf.yml", &leaf)]).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner(&["lab"]).await;
    let mut failed = 0;
    // Two configurations of four jobs each; of one a job fails, and another one is left out for it.
    for _ in 0..7 {
        let task = runner.take().await;
        let fails = failed == 0 && task.context["job"] == "test";
        failed += u32::from(fails);
        let ends = if fails { Conclusion::Failure } else { Conclusion::Success };
        runner.end(task.id, ends, &[("v", "kept")]).await;
    }
    assert_eq!(world.finished(&run).await, Conclusion::Failure);
    let plane = &world.server.plane;
    rerun(plane, run.id, Rerun::Failed, "again", None).await.unwrap();
    let task = runner.take().await;
    assert_eq!((&task.context["job"], task.needs["build"].outputs["v"].as_str()), (&"test".into(), "kept"));
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!([play(&runner, Conclusion::Success).await, play(&runner, Conclusion::Success).await], ["after", "end"]);
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    // One job alone: what needs it within its call, and what needs the call.
    let jobs = world.jobs(&run).await;
    let build = jobs.iter().find(|job| job.id.as_str() == "call (q / test) / build").unwrap();
    rerun(plane, run.id, Rerun::Job(build.number), "again", None).await.unwrap();
    let mut played = Vec::new();
    for _ in 0..5 {
        played.push(play(&runner, Conclusion::Success).await);
    }
    assert_eq!(played.pop().unwrap(), "end");
    played.sort();
    assert_eq!(played, ["after", "build", "deploy", "test"]);
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_asks_for_a_handle_gets_no_other_job() {
    let world = world(&job("a", "")).await;
    world.dispatch("w").await;
    let runner = world.runner(&["lab"]).await;
    let fetch = |handle: Option<&str>| {
        let want = protocol::Want::Handle(handle.map(str::to_owned));
        runner.client.fetch(&runner.key, protocol::Fetch { version: domain::TasksVersion::UNKNOWN, want, key: None })
    };
    assert!(fetch(Some("aaaa")).await.unwrap().tasks.is_empty());
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while fetch(None).await.unwrap().tasks.is_empty() {
        assert!(tokio::time::Instant::now() < end);
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nothing_follows_from_an_end_is_written_later() {
    let wide = job("a", "") + &job("b", "") + "  c: {runs-on: other, steps: [{run: 'true'}]}\n";
    let chain = job("x", "") + &job("y", "    needs: x\n") + &job("z", "    needs: y\n");
    let (wide, chain) = [wide, chain].map(|jobs| format!("on: workflow_dispatch\njobs:\n{jobs}")).into();
    let world = World::with(&[(PATH, &wide), (".gitea/workflows/chain.yml", &chain)]).await;
    let run = world.dispatch("w.yml").await;
    let runner = world.runner(&["lab"]).await;
    let mut played = Vec::new();
    for _ in 0..2 {
        played.push(play(&runner, Conclusion::Success).await);
    }
    // One worker looks at all runs: once something followed from ends that came later, it has looked at these.
    world.dispatch("chain.yml").await;
    for _ in 0..3 {
        played.push(play(&runner, Conclusion::Success).await);
    }
    assert_eq!(played, ["a", "b", "x", "y", "z"]);
    let seen = world.run(&run).await;
    assert_eq!((seen.ends, seen.advanced, seen.phase), (2, 0, RunPhase::Waiting));
    let world = world.again().await;
    let runner = world.runner(&["lab", "other"]).await;
    assert_eq!(play(&runner, Conclusion::Success).await, "c");
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}
