//! Composite and JavaScript actions, from the workspace and from elsewhere.

use crate::play::Play;
use domain::Conclusion::{Failure, Success};

const INNER: &str = r#"
name: inner
inputs: {name: {default: nobody}, from: {default: '${{ github.actor }}'}}
outputs: {text: {value: '${{ steps.say.outputs.text }}'}}
runs:
  using: composite
  steps:
    - id: say
      run: |
        echo "text=hello-${{ inputs.name }}-${{ inputs.from }}" >> "$GITHUB_OUTPUT"
        echo "FROM_INNER=global" >> "$GITHUB_ENV"
      shell: bash
"#;

#[tokio::test]
async fn composite_actions_inside_each_other() {
    let outer = r#"
name: outer
inputs: {who: {required: true}, mark: {default: '!'}}
outputs: {text: {value: '${{ steps.i.outputs.text }}'}}
runs:
  using: composite
  steps:
    - id: i
      uses: ./.github/actions/inner
      with: {name: '${{ inputs.who }}${{ inputs.mark }}'}
      env: {ONLY_INNER: x}
    - run: echo "in outer, extra=$EXTRA input=[$INPUT_WHO] path=$(basename "$GITHUB_ACTION_PATH") inner=[$ONLY_INNER] global=$FROM_INNER level=$LEVEL"
      shell: bash
    - if: failure()
      run: printf 'wr%s\n' ong
      shell: bash
"#;
    let played = Play::new(
        r#"
on: push
env: {LEVEL: workflow}
jobs:
  a:
    runs-on: ubuntu-latest
    env: {LEVEL: job}
    defaults: {run: {working-directory: /nowhere}}
    steps:
      - uses: actions/checkout@v4
      - {id: c, uses: ./.github/actions/outer, with: {who: relay}, env: {EXTRA: outer-step}}
      - {run: 'echo "result ${{ steps.c.outputs.text }} $LEVEL ${EXTRA:-unset} $FROM_INNER"', working-directory: /}
"#,
    )
    .file(".github/actions/inner/action.yml", INNER)
    .file(".github/actions/outer/action.yaml", outer)
    .run()
    .await;
    played.has(&[
        "\nin outer, extra=outer-step input=[] path=outer inner=[] global=global level=job\n",
        "\nresult hello-relay!-somebody job unset global\n",
        "##[group]Run ./.github/actions/outer\nwith:\n  who: relay\n  mark: !\nenv:\n  LEVEL: job\n  EXTRA: outer-step\n##[endgroup]\n",
    ]);
    played.lacks(&["wrong"]);
    assert_eq!(played.ends().len(), 3, "steps of actions are no steps of the job");
}

#[tokio::test]
async fn a_composite_action_has_a_status_of_its_own() {
    let action = r#"
name: status
outputs: {seen: {value: '${{ steps.after.outputs.seen }}'}}
runs:
  using: composite
  steps:
    - run: echo status ${{ github.action_status }}
      shell: bash
    - {id: soft, run: exit 1, shell: bash, continue-on-error: true}
    - {run: 'echo soft ${{ steps.soft.outcome }} ${{ steps.soft.conclusion }} ${{ github.action_status }}', shell: bash}
    - {run: exit 1, shell: bash}
    - {run: echo never, shell: bash}
    - {if: failure(), id: after, run: 'echo inner-failure ${{ github.action_status }} ${{ job.status }}; echo seen=yes >> $GITHUB_OUTPUT', shell: bash}
"#;
    let played = Play::steps(
        r#"
- uses: actions/checkout@v4
- {run: exit 1, continue-on-error: true}
- {id: c, uses: ./act, continue-on-error: true}
- run: echo outer ${{ steps.c.outcome }} ${{ steps.c.outputs.seen }} ${{ job.status }}
- run: exit 1
- {if: always(), uses: ./act}
"#,
    )
    .file("act/action.yml", action)
    .run()
    .await;
    played.has(&[
        "\nstatus success\n",
        "\nsoft failure success success\n",
        "\ninner-failure failure success\n",
        "\nouter failure yes success\n",
    ]);
    // The second time the job has failed already; the action starts with its own status all the same.
    assert_eq!(played.log().matches("\nstatus success\n").count(), 2);
    played.lacks(&["\nnever\n"]);
}

#[tokio::test]
async fn a_wrong_condition_inside_leaves_the_rest_out() {
    let action = "name: x\nruns:\n  using: composite\n  steps:\n    - {if: \"fromJSON('x')\", run: echo never-1, shell: bash}\n    - {if: always(), run: echo never-2, shell: bash}\n";
    let played = Play::steps("- uses: actions/checkout@v4\n- uses: ./act").file("act/action.yml", action).run().await;
    played.lacks(&["\nnever"]);
    assert_eq!(played.end("Run ./act"), (Failure, Failure));
}

#[tokio::test]
async fn local_actions_exist_only_after_checkout() {
    let played = Play::steps("- uses: ./act").file("act/action.yml", INNER).run().await;
    played.has(&[
        "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under",
        "Did you forget to run actions/checkout",
    ]);
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn a_local_action_may_check_out_as_often_as_it_likes() {
    let checkout = |path: &str| format!("    - {{uses: actions/checkout@v4, with: {{path: {path}}}}}\n");
    let head = "name: x\nruns:\n  using: composite\n  steps:\n";
    let outer = format!("{head}{}{}    - uses: ./first/b\n", checkout("one"), checkout("two"));
    let inner = format!("{head}{}{}", checkout("three"), checkout("four"));
    let steps = "- uses: actions/checkout@v4\n  with: {path: first}\n- uses: ./first/a\n- run: ls one two three four\n";
    let played = Play::steps(steps).file("a/action.yml", &outer).file("b/action.yaml", &inner).run().await;
    assert_eq!(played.jobs()["a"], Success, "{}", played.log());
    played.has(&["four:\na\nb\n"]);
}

#[tokio::test]
async fn remote_actions_are_loaded_before_the_first_step() {
    let played = Play::steps("- run: echo never\n- uses: nobody/nothing@v1").run().await;
    played.has(&["##[error]could not get nobody/nothing@v1: store: not there"]);
    played.lacks(&["\nnever\n"]);
    assert!(played.ends().is_empty());

    let outer = r#"
name: outer
runs:
  using: composite
  steps:
    - uses: some/inner/sub@v2
    - uses: $/beside
    - run: echo "outer of [${{ github.action_repository }}] [$GITHUB_ACTION_REPOSITORY] [$FROM_ENV] $GITHUB_ACTION"
      shell: bash
      env: {FROM_ENV: '${{ github.action_repository }}@${{ github.action_ref }}'}
"#;
    let say = |what: &str| {
        format!(
            "name: x\nruns:\n  using: composite\n  steps:\n    - {{run: echo {what} $(basename $GITHUB_ACTION_PATH), shell: bash}}\n"
        )
    };
    let played = Play::steps("- {id: me, uses: some/outer@v1}")
        .action("some/outer", "action.yml", outer)
        .action("some/outer", "beside/action.yml", &say("beside"))
        .action("some/inner", "sub/action.yml", &say("inner"))
        .run()
        .await;
    played.has(&[
        "\ninner sub\n",
        "\nbeside beside\n",
        "\nouter of [] [] [some/outer@v1] me\n",
        "Action repository 'some/outer@v1' (SHA:c0ffee) from store",
    ]);
    assert_eq!(played.report.conclusion, Success);
}

#[tokio::test]
async fn a_local_action_may_bring_remote_ones_and_use_itself_no_end() {
    let local = "name: x\nruns:\n  using: composite\n  steps:\n    - uses: some/late@v1\n";
    let late = "name: x\nruns:\n  using: composite\n  steps:\n    - {run: echo late, shell: bash}\n";
    let played = Play::steps("- uses: actions/checkout@v4\n- uses: ./act")
        .file("act/action.yml", local)
        .action("some/late", "action.yml", late)
        .run()
        .await;
    played.has(&["\nlate\n"]);
    let itself = "name: x\nruns:\n  using: composite\n  steps:\n    - uses: ./act\n";
    let played = Play::steps("- uses: actions/checkout@v4\n- uses: ./act").file("act/action.yml", itself).run().await;
    played.has(&["uses itself"]);
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn container_actions_get_a_clear_error() {
    for (uses, file) in [("docker://alpine:3", "x"), ("./act", "act/Dockerfile"), ("./act2", "act2/action.yml")] {
        let played = Play::steps(&format!("- uses: actions/checkout@v4\n- uses: {uses}"))
            .file(file, "name: x\nruns: {using: docker, image: Dockerfile}\n")
            .run()
            .await;
        played.has(&["cannot run containers yet"]);
        assert_eq!(played.report.conclusion, Failure);
    }
}

#[tokio::test]
async fn inputs_that_are_unknown_or_old_are_warned_about() {
    let action = "name: x\ninputs: {old: {deprecationMessage: use new}, new: {}}\nruns:\n  using: composite\n  steps: [{run: 'echo [${{ inputs.OLD }}]', shell: bash}]\n";
    let played = Play::steps("- uses: actions/checkout@v4\n- {uses: ./act, with: {OLD: a, other: b}}")
        .file("act/action.yml", action)
        .run()
        .await;
    played.has(&[
        "##[warning]Input 'OLD' has been deprecated with message: use new",
        "##[warning]Unexpected input(s) 'other', valid inputs are ['old', 'new']",
        "\n[a]\n",
    ]);
}

/// Whether this machine has a node that the tests of JavaScript actions can use.
fn has_node() -> bool {
    let found = ["/usr/bin/node", "/usr/local/bin/node"].iter().any(|node| std::path::Path::new(node).is_file());
    if !found {
        println!("SKIP: no node in /usr/bin or /usr/local/bin");
    }
    found
}

const MAIN: &str = "const fs=require('fs');const e=process.env;console.log(e.PHASE||'main',e.INPUT_NAME,e.INPUT_TWO_WORDS,e.ACTIONS_RUNTIME_TOKEN?'token':'none',e.GITHUB_ACTION_REPOSITORY);fs.appendFileSync(e.GITHUB_OUTPUT,'echoed='+e.INPUT_NAME+'\\n');fs.appendFileSync(e.GITHUB_STATE,'who='+e.INPUT_NAME+'\\n');if(e.INPUT_NAME==='bad')process.exit(1)\n";
const POST: &str = "console.log('post of',process.env.STATE_who,process.env.INPUT_NAME)\n";

#[tokio::test]
async fn javascript_actions_have_inputs_outputs_state_and_posts_in_reverse() {
    if !has_node() {
        return;
    }
    let manifest = "name: x\ninputs:\n  name: {required: true}\n  two words: {default: spaced}\nruns: {using: node16, main: main.js, post: post.js, post-if: always()}\n";
    let played = Play::steps(
        r#"
- uses: actions/checkout@v4
- {id: one, uses: ./act, with: {name: first}}
- {id: two, uses: ./act, with: {name: second}}
- run: echo outputs ${{ steps.one.outputs.echoed }} ${{ steps.two.outputs.echoed }}
- {uses: ./act, with: {name: bad}}
- {uses: ./act, with: {name: skipped}}
"#,
    )
    .file("act/action.yml", manifest)
    .file("act/main.js", MAIN)
    .file("act/post.js", POST)
    .run()
    .await;
    played.has(&["\nmain first spaced token \n", "\nmain second", "\noutputs first second\n"]);
    let log = played.log();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text}:\n{log}"));
    assert!(at("post of bad bad") < at("post of second second") && at("post of second") < at("post of first first"));
    let names: Vec<String> = played.ends().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names[names.len() - 3..], ["Post Run ./act", "Post Run ./act", "Post Run ./act"]);
    played.has(&["Post job cleanup.", "asks for Node.js 16; it runs on v"]);
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn pre_comes_first_and_posts_of_actions_inside_are_hoisted() {
    if !has_node() {
        return;
    }
    let node =
        "name: x\ninputs: {name: {default: n}}\nruns: {using: node20, pre: pre.js, main: main.js, post: post.js}\n";
    let composite = "name: c\nruns:\n  using: composite\n  steps:\n    - {uses: some/node@v1, with: {name: in-a}}\n    - {uses: some/node@v1, with: {name: in-b}}\n    - {if: false, uses: some/node@v1, with: {name: in-c}}\n";
    let played = Play::steps("- run: echo first-step\n- {name: Wrapped, uses: some/composite@v1}\n- {uses: some/node@v1, with: {name: direct}}")
        .action("some/node", "action.yml", node)
        .action("some/node", "pre.js", "console.log('pre of', process.env.INPUT_NAME)\n")
        .action("some/node", "main.js", MAIN)
        .action("some/node", "post.js", POST)
        .action("some/composite", "action.yml", composite)
        .run()
        .await;
    let log = played.log();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text}:\n{log}"));
    let order = [
        "pre of in-a",
        "pre of in-b",
        "pre of direct",
        "\nfirst-step\n",
        "main in-a",
        "main in-b",
        "main direct",
        "post of direct",
        "post of in-b",
        "post of in-a",
    ];
    for pair in order.windows(2) {
        assert!(at(pair[0]) < at(pair[1]), "{pair:?}\n{log}");
    }
    let names: Vec<String> = played.ends().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        [
            "Pre Wrapped",
            "Pre Run some/node@v1",
            "Run echo first-step",
            "Wrapped",
            "Run some/node@v1",
            "Post Run some/node@v1",
            "Post Wrapped"
        ]
    );
    assert_eq!(played.report.conclusion, Success);
}

#[tokio::test]
async fn an_action_for_a_node_that_is_not_there_says_what_to_install() {
    let manifest = "name: x\nruns: {using: node24, main: main.js}\n";
    let played = Play::steps("- uses: actions/checkout@v4\n- uses: ./act")
        .file("act/action.yml", manifest)
        .file("act/main.js", "console.log('ran')\n")
        .run()
        .await;
    let log = played.log();
    assert!(log.contains("\nran\n") || log.contains("install Node.js 24 or newer"), "{log}");
}
