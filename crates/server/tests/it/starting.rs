//! A workflow is started by hand, from a page.

use crate::browse::Browser;
use crate::pages::admin;
use crate::plane::World;
use api::Right;
use domain::control::Scope;

const WORKFLOW: &str = r#"
name: <i>by hand</i>
on:
  push:
  workflow_dispatch:
    inputs:
      who: {description: "whom <b>to</b> greet", required: true}
      level: {type: choice, options: [low, '"><img src=x>'], default: low}
      really: {type: boolean, default: true}
      ref: {default: 'not the branch'}
jobs:
  a: {runs-on: lab, steps: [{run: 'true'}]}
"#;
const PUSHED: &str = "on: push\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_started_from_a_form_of_the_session_alone() {
    let files = [(".gitea/workflows/hand.yml", WORKFLOW), (".gitea/workflows/push.yml", PUSHED)];
    let world = World::with(&files).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let start = "/lab/p/start?workflow=.gitea%2Fworkflows%2Fhand.yml";
    let project = browser.get("/lab/p").await;
    assert!(project.links().iter().any(|link| link == start), "{:?}", project.links());
    assert_eq!(project.text.matches("/lab/p/start?").count(), 1, "what is not started by hand has no button");
    let page = browser.get(start).await;
    assert_eq!(page.status, 200);
    for said in ["value=\"main\"", "input.who", "whom &#60;b&#62;to", "<option selected>low", "<option selected>true"] {
        assert!(
            page.text.contains(said) || page.text.contains(&said.replace("&#60;", "&lt;").replace("&#62;", "&gt;")),
            "{said} {}",
            page.text
        );
    }
    assert!(!page.text.contains("<img src=x") && !page.text.contains("<b>to") && !page.text.contains("<i>by"));
    let form = page.form();
    // Another's form, a form without its input, one that is not of its type, a branch that is not there.
    assert_eq!(browser.post(start, "ref=main&input.who=x").await.status, 403);
    for (body, said) in [
        ("ref=main", "&#39;who&#39; is required"),
        ("ref=main&input.who=x&input.level=high", "level"),
        ("ref=nowhere&input.who=kept+word", "no branch, tag or commit"),
    ] {
        let again = browser.post(start, &format!("form={form}&{body}")).await;
        assert_eq!(again.status, 200, "{body}");
        assert!(again.text.contains("role=\"alert\"") && again.text.contains(said), "{body} {}", again.text);
    }
    let kept = browser.post(start, &format!("form={form}&ref=nowhere&input.who=kept+word")).await;
    assert!(kept.text.contains("value=\"kept word\"") && kept.text.contains("value=\"nowhere\""));
    let body = format!("form={form}&ref=main&input.who=you&input.level=low&input.really=false&input.ref=r");
    let done = browser.post(start, &body).await;
    assert_eq!(done.status, 303);
    let to = done.header("location").unwrap().to_owned();
    assert!(to.starts_with("/lab/p/runs/"), "{to}");
    assert!(browser.get(&to).await.text.contains("workflow_dispatch"));
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await;
    let context = serde_json::to_string(&task.context).unwrap();
    for said in ["\"who\":\"you\"", "\"really\":\"false\"", "\"ref\":\"r\""] {
        assert!(context.replace(' ', "").contains(said), "{said} {context}");
    }
    // What is not started by hand, is not there, or may not be started by this person.
    for path in ["/lab/p/start", "/lab/p/start?workflow=x", "/lab/p/start?workflow=.gitea%2Fworkflows%2Fpush.yml"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let reader = crate::pages::token(&world, &[Right::ReadRuns], Scope::Instance).await;
    let reader = Browser::with(&world, &reader).await;
    assert!(!reader.get("/lab/p").await.text.contains("/start?"));
    assert_eq!(reader.get(start).await.status, 404);
    world.server.stop().await;
}
