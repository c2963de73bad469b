//! What another try of a run sees anew: variables, and what it calls of other repositories.

use super::*;
use domain::control::RunId;
use testkit::TempRepository;

fn value(value: &str) -> CreateVariable {
    CreateVariable { value: value.to_owned(), description: String::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_has_one_value_of_a_variable_and_the_next_one_that_of_its_time() {
    let text = "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, name: \"${{ vars.WHO }}\", steps: [{run: 'true'}]}\n  b: {needs: a, if: vars.WHO == 'new', runs-on: lab, steps: [{run: 'true'}]}\n";
    let rest = Rest::of(World::with(&[(".gitea/workflows/w.yml", text)]).await);
    let Rest { admin, project, place, world } = &rest;
    let runner = world.runner(&["lab"]).await;
    admin.create_variable(place, "WHO", &value("old")).await.unwrap();
    let id = rest.dispatch().await;
    let stored = world.server.plane.store.run(RunId(id)).await.unwrap();
    admin.set_variable(place, "WHO", &value("new")).await.unwrap();
    let task = runner.take().await;
    assert_eq!(task.vars["WHO"], "old", "as its name and its condition");
    runner.end(task.id, Conclusion::Failure, &[]).await;
    world.finished(&stored).await;
    assert_eq!(world.jobs(&stored).await[0].name, "old");
    for all in [false, true] {
        if all {
            admin.rerun(project, id).await.unwrap();
        } else {
            admin.rerun_failed(project, id).await.unwrap();
        }
        let task = runner.take().await;
        assert_eq!((&task.context["job"], task.vars["WHO"].as_str()), (&"a".into(), "new"));
        runner.end(task.id, Conclusion::Success, &[]).await;
        let task = runner.take().await;
        assert_eq!(task.context["job"], "b");
        runner.end(task.id, Conclusion::Failure, &[]).await;
        world.finished(&stored).await;
        let stored = world.run(&stored).await;
        assert!(world.jobs(&stored).await.iter().any(|job| job.name == "new"));
        admin.set_variable(place, "WHO", &value("new")).await.unwrap();
    }
    rest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_run_calls_others_as_they_are_now_and_a_part_of_it_as_they_were() {
    let inner = |job: &str| format!("on: workflow_call\njobs:\n  {job}: {{runs-on: lab, steps: [{{run: 'true'}}]}}\n");
    let path = ".gitea/workflows/in.yml";
    let called = TempRepository::with(&[(path, &inner("first"))]);
    let text = format!("on: workflow_dispatch\njobs:\n  call: {{uses: lab/called/{path}@main}}\n");
    let rest = Rest::of(World::with(&[(".gitea/workflows/w.yml", &text)]).await);
    let Rest { admin, project, world, .. } = &rest;
    let git = called.path().to_str().unwrap().to_owned();
    let new = NewProject { owner: "lab".to_owned(), name: "called".to_owned(), git };
    admin.add_project(&new).await.unwrap();
    let runner = world.runner(&["lab"]).await;
    let id = rest.dispatch().await;
    let stored = world.server.plane.store.run(RunId(id)).await.unwrap();
    let next = async |wanted: &str| {
        let task = runner.take().await;
        assert_eq!(task.context["job"], wanted);
        runner.end(task.id, Conclusion::Failure, &[]).await;
        assert_eq!(world.finished(&stored).await, Conclusion::Failure);
    };
    next("first").await;
    called.commit("another", &[(path, &inner("second"))]);
    admin.rerun_failed(project, id).await.unwrap();
    next("first").await;
    admin.rerun(project, id).await.unwrap();
    next("second").await;
    // What gives no plan any more runs as it was.
    called.commit("broken", &[(path, "on: [\n")]);
    admin.rerun(project, id).await.unwrap();
    next("second").await;
    rest.end().await;
}
