//! The rules of the schema, one by one: what is refused, where, under which code, with which help.

use workflow::diagnostic::{Diagnostic, Severity, code};
use workflow::model::{JobKind, Runs, StepKind, Workflow};
use workflow::parse;
use workflow::yaml::FileId;

/// What is found, without the remark at the key that an unknown one goes against, which has a test of its own.
fn found(text: &str) -> Vec<Diagnostic> {
    let mut found = parse::workflow(FileId::default(), "ci.yml", text).diagnostics;
    found.retain(|finding| finding.code != code::EXCLUSIVE);
    found
}

fn valid(text: &str) -> Workflow {
    let parsed = parse::workflow(FileId::default(), "ci.yml", text);
    parsed.value.unwrap_or_else(|| panic!("{text}\n{:#?}", parsed.diagnostics))
}

/// A job in a file that is right but for it: its first line is the fourth.
fn job(lines: &[&str]) -> String {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("on: push\njobs:\n  a:\n{body}")
}

/// Each finding as `line:column code`.
fn places(text: &str) -> Vec<String> {
    found(text).iter().map(|f| format!("{}:{} {}", f.span.line, f.span.column, f.code)).collect()
}

#[test]
fn keys_of_two_forms_are_both_named() {
    for (lines, first, second) in [
        (&["runs-on: x", "steps: [{run: x, uses: a/b@c}]"][..], "5:14 exclusive-keys", "5:22 unknown-key"),
        (&["runs-on: x", "steps: [{uses: a/b@c, shell: x}]"], "5:14 exclusive-keys", "5:27 unknown-key"),
        (&["runs-on: x", "uses: ./x.yml"], "4:5 exclusive-keys", "5:5 unknown-key"),
    ] {
        let found = parse::workflow(FileId::default(), "ci.yml", &job(lines)).diagnostics;
        let places: Vec<String> =
            found.iter().map(|f| format!("{}:{} {}", f.span.line, f.span.column, f.code)).collect();
        assert_eq!(places, [first, second], "{lines:?}");
        assert_eq!((found[0].severity, found[1].severity), (Severity::Warning, Severity::Error));
    }
}

#[test]
fn merge_keys_do_not_exist() {
    let text = job(&["runs-on: x", "env: &e {A: b}", "steps:", "  - run: x", "    env: {<<: *e, B: c}"]);
    assert_eq!(places(&text), ["8:15 unknown-key"]);
    // A variable of that name is somebody's own affair.
    assert_eq!(places(&job(&["runs-on: x", "steps:", "  - run: x", "    env: {<<: e}"])), [""; 0]);
}

#[test]
fn aliases_that_hold_themselves_are_all_named() {
    let text = job(&["runs-on: x", "steps: &s", "  - &a", "    run: *a", "    env: *s", "  - *a"]);
    let found: Vec<u32> = found(&text).iter().filter(|f| f.code == code::YAML).map(|f| f.span.line).collect();
    assert_eq!(found, [7, 8]);
}

#[test]
fn jobs_are_refused_where_they_are_wrong() {
    let run = "steps: [{run: x}]";
    let cases: &[(&[&str], &[&str])] = &[
        (&["runs_on: x", run], &["4:5 unknown-key", "4:5 missing-key"]),
        (&["runs-on: ''", run], &["4:14 wrong-type"]),
        (&["runs-on: []", run], &["4:14 wrong-type"]),
        (&["runs-on: x", "Runs-on: y", run], &["5:5 duplicate-key"]),
        (&["runs-on: {group: a/b}", run], &["4:22 runner-group"]),
        (&["runs-on: {group: ent/}", run], &["4:22 runner-group"]),
        (&["runs-on: {group: ent/x/y}", run], &["4:22 runner-group"]),
        (&["runs-on: {group: org/x, labels: [y]}", run], &[]),
        (&["runs-on: x", "timeout-minutes: ten", run], &["5:22 wrong-type"]),
        (&["runs-on: x", "timeout-minutes: ${{ inputs.t }}", run], &[]),
        (&["runs-on: x", "continue-on-error: 'true'", run], &["5:24 wrong-type"]),
        (&["runs-on: x", "needs: b", run], &["2:1 x", "5:12 unknown-job"]),
        (&["runs-on: x", "permissions: {contents: admin}", run], &["5:29 wrong-type"]),
        (&["runs-on: x", "permissions: {id-token: read}", run], &["5:29 wrong-type"]),
        (&["runs-on: x", "permissions: {models: write}", run], &["5:27 wrong-type"]),
        (&["runs-on: x", "permissions: {content: read}", run], &["5:19 unknown-key"]),
        (&["runs-on: x", "permissions: write", run], &["5:18 wrong-type"]),
        (&["runs-on: x", "permissions: write-all", run], &[]),
        (&["runs-on: x", "concurrency: {cancel-in-progress: true}", run], &["5:18 missing-key"]),
        (&["runs-on: x", "concurrency: {group: g, queue: min}", run], &["5:36 wrong-type"]),
        (&["runs-on: x", "concurrency: {group: g, queue: max, cancel-in-progress: true}", run], &["5:36 concurrency"]),
        (&["runs-on: x", "container: 'docker://'", run], &["5:16 container"]),
        (&["runs-on: x", "container: ''", run], &[]),
        (&["runs-on: x", "container: {image: i, credentials: {username: u}}", run], &["5:40 container"]),
        (&["runs-on: x", "services: {s: ''}", run], &["5:19 container"]),
        (&["runs-on: x", "snapshot: {image-name: i, version: v1}", run], &["5:15 snapshot"]),
        (&["runs-on: x", "environment: {url: u}", run], &["5:18 missing-key"]),
        (&["runs-on: x", "env: [a]", run], &["5:10 wrong-type"]),
        (&["runs-on: x", "env: ${{ fromJSON(vars.e) }}", run], &[]),
        (&["runs-on: x", "env: {a: '${{ env.b }}'}", run], &["5:19 unknown-context"]),
        (&["runs-on: x", "if: secrets.a", run], &["5:9 unknown-context"]),
        (&["runs-on: x", "if: hashFiles('a')", run], &["5:9 unknown-function"]),
        (&["runs-on: x", "if: 'a ${{ true }}'", run], &["5:9 if-always-true"]),
        (&["runs-on: x", "if: ${{ true }} && ${{ false }}", run], &["5:9 if-always-true"]),
        (&["runs-on: x", "if: ${{ true }}", run], &[]),
        (&["runs-on: x", "strategy: {matrix: {}}", run], &["5:24 matrix"]),
        (&["runs-on: x", "strategy: {matrix: {a: []}}", run], &["5:28 matrix"]),
        (&["runs-on: x", "strategy: {matrix: {a: [1], exclude: [{b: 1}]}}", run], &["5:44 matrix"]),
        (&["runs-on: x", "strategy: {matrix: {a: [1], exclude: [{}]}}", run], &["5:43 matrix"]),
        (&["runs-on: x", "strategy: {matrix: {include: [{}]}}", run], &["5:35 matrix"]),
        (&["runs-on: x", "strategy: {matrix: {include: []}}", run], &["5:24 matrix"]),
        (&["runs-on: x", "strategy: {matrix: '${{ fromJSON(vars.m) }}'}", run], &[]),
        (&["runs-on: x", "strategy: {matrix: $languages}", run], &["5:24 placeholder"]),
        (&["runs-on: x", "strategy: {max-parallel: two}", run], &["5:30 wrong-type"]),
        (&["uses: a/b@c"], &["4:11 bad-uses"]),
        (&["uses: ./.github/workflows/x.yml@v1"], &["4:11 bad-uses"]),
        (&["uses: ./.github/workflows/x.yml", "steps: []"], &["5:5 unknown-key"]),
        (&["uses: ./.github/workflows/x.yml", "secrets: inherited"], &["5:14 wrong-type"]),
        (&["uses: ./.github/workflows/x.yml", "with: {a: [1]}"], &["5:15 wrong-type"]),
        (&["name: x"], &["4:5 missing-key"]),
    ];
    for (lines, wanted) in cases {
        // A need of nobody leaves no job to start with, too.
        let wanted: Vec<&str> =
            wanted.iter().map(|place| if *place == "2:1 x" { "3:3 needs-cycle" } else { place }).collect();
        assert_eq!(places(&job(lines)), wanted, "{lines:?}");
    }
}

#[test]
fn steps_are_refused_where_they_are_wrong() {
    // Each step starts at column 9.
    let cases: &[(&str, &[&str])] = &[
        ("{runn: x}", &["9 missing-key", "10 unknown-key"]),
        ("{run: x, uses: a/b@c}", &["18 unknown-key"]),
        ("{run: x, with: {a: b}}", &["18 unknown-key"]),
        ("{uses: a/b@c, shell: bash}", &["23 unknown-key"]),
        ("{uses: a/b}", &["16 bad-uses"]),
        ("{uses: './a'}", &[]),
        ("{uses: '$/a'}", &[]),
        ("{uses: 'https://example.org/a/b@c'}", &[]),
        ("{uses: 'docker://a'}", &[]),
        ("{uses: '${{ github.x }}'}", &["16 expression-not-allowed"]),
        ("{run: x, shell: '${{ env.s }}'}", &["25 expression-not-allowed"]),
        ("{run: x, id: 1a}", &["22 bad-id"]),
        ("{run: x, id: __a}", &["22 bad-id"]),
        ("{run: 'a ${{ nope }}'}", &["22 unknown-context"]),
        ("{run: 'a ${{ nope() }}'}", &["22 unknown-function"]),
        ("{run: 'é ${{ nope }}'}", &["22 unknown-context"]),
        ("{run: 'a ${{ github.x'}", &["18 expression"]),
        ("{run: 'a ${{ }} b'}", &["18 expression"]),
        ("{run: 'a ${{ 1 + 1 }}'}", &["24 expression"]),
        ("{run: x, if: success('a')}", &["22 expression"]),
        ("{run: x, if: 'true && nope'}", &["31 unknown-context"]),
        ("{run: x, timeout-minutes: 5.5}", &[]),
        ("{wait: a}", &["16 background"]),
        ("{cancel: a}", &["18 background"]),
        ("{wait-all: null, if: true}", &["26 unknown-key"]),
        ("{parallel: [{run: a}, {uses: a/b@c}]}", &[]),
        ("{parallel: [{wait-all: }]}", &["21 missing-key", "22 unknown-key"]),
    ];
    for (step, wanted) in cases {
        let text = job(&["runs-on: x", "steps:", &format!("  - {step}")]);
        let wanted: Vec<String> = wanted.iter().map(|place| format!("6:{place}")).collect();
        assert_eq!(places(&text), wanted, "{step}");
    }
}

#[test]
fn faults_in_blocks_are_named_by_their_own_line() {
    let text = job(&[
        "runs-on: x",
        "steps:",
        "  - run: |",
        "      echo a",
        "      echo ${{ github.sha }} ${{ nope.x }}",
        "  - run: >-",
        "      folded",
        "      ${{ github.sha",
        "      }} ${{ gone }}",
        "  - run: \"a\\n${{ nope }}\"",
    ]);
    assert_eq!(places(&text), ["8:38 unknown-context", "12:18 unknown-context", "13:14 unknown-context"]);
}

#[test]
fn triggers_are_checked() {
    let at = |on: &str| {
        let text = format!("on:\n{on}\njobs: {{a: {{runs-on: x, steps: [{{run: x}}]}}}}\n");
        found(&text)
            .iter()
            .map(|f| format!("{}:{} {} {:?}", f.span.line, f.span.column, f.code, f.severity))
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(at("  push: {branches: [main], branches-ignore: [x]}"), ["2:28 filter Error"]);
    assert_eq!(at("  push: {branches: ['!x']}"), ["2:20 filter Error"]);
    assert_eq!(at("  push: {branches: main, tags: [v*], paths-ignore: []}"), none);
    assert_eq!(at("  push: {branch: main}"), ["2:10 unknown-key Warning"]);
    assert_eq!(at("  push: {branches: {a: b}}"), ["2:20 wrong-type Error"]);
    assert_eq!(at("  pull_request: {types: [open]}"), ["2:26 unknown-activity Warning"]);
    assert_eq!(at("  pul_request:"), ["2:3 unknown-event Warning"]);
    assert_eq!(at("  [push, pull_request_comment]"), none);
    assert_eq!(at("  repository_dispatch: {types: [anything]}"), none);
    assert_eq!(at("  schedule: [{cron: '1 2 * * *', timezone: Europe/Berlin}]"), none);
    assert_eq!(at("  schedule: [{crn: x}]"), ["2:14 missing-key Error", "2:15 unknown-key Warning"]);
    assert_eq!(at("  workflow_dispatch: {inputs: {a: , b: {type: boolean, default: true}}}"), none);
    assert_eq!(at("  workflow_dispatch: {inputs: {a: {type: text}}}"), ["2:42 wrong-type Error"]);
    assert_eq!(at("  workflow_dispatch: {inputs: {a: {type: choice}}}"), ["2:32 input Error"]);
    assert_eq!(
        at("  workflow_dispatch: {inputs: {a: {type: choice, options: [x], default: y}}}"),
        ["2:73 input Error"]
    );
    assert_eq!(at("  workflow_call: {inputs: {a: {type: number, default: x}}}"), ["2:55 wrong-type Error"]);
    assert_eq!(at("  workflow_call: {inputs: {1a: {type: string}}}"), ["2:28 bad-id Error"]);
    assert_eq!(at("  workflow_call: {outputs: {a: {value: '${{ steps.x }}'}}}"), ["2:45 unknown-context Error"]);
    assert_eq!(at("  workflow_call: {secrets: {a: {required: yes}}}"), ["2:43 wrong-type Error"]);
    let missing = found("jobs: {a: {runs-on: x, steps: [{run: x}]}}\n");
    assert!(missing.len() == 1 && missing[0].message.contains("'on' is missing"), "{missing:?}");
}

#[test]
fn the_right_word_is_suggested() {
    let help = |text: &str| found(text).first().and_then(|f| f.help.clone()).unwrap_or_default();
    assert_eq!(help(&job(&["runs_on: x", "steps: [{run: x}]"])), "did you mean 'runs-on'?");
    assert_eq!(help(&job(&["runs-on: x", "permissions: {content: read}"])), "did you mean 'contents'?");
    assert_eq!(help(&job(&["runs-on: x", "concurrency: {group: g, queue: sinlge}"])), "did you mean 'single'?");
    assert_eq!(help("on: pusk\njobs: {a: {runs-on: x}}"), "did you mean 'push'?");
    assert!(help(&job(&["runs-on: x", "env: {a: '${{ githb.x }}'}"])).starts_with("did you mean 'github'?"));
}

#[test]
fn everything_is_reported_at_once_and_in_order() {
    let text = "on: push\nnmae: x\njobs:\n  b: {runs-on: x, needs: nobody, steps: [{runn: y}]}\n  b: {}\n  1: {runs-on: '${{ x }}', steps: [{uses: z}]}\n";
    let codes: Vec<&str> = found(text).iter().map(|f| f.code).collect();
    assert_eq!(
        codes,
        [
            "unknown-key",
            "unknown-job",
            "missing-key",
            "unknown-key",
            "duplicate-key",
            "bad-id",
            "unknown-context",
            "bad-uses"
        ]
    );
}

#[test]
fn anchors_are_replayed() {
    let workflow = valid(
        "on: push\njobs:\n  a: &a\n    runs-on: &os x\n    steps: &s\n      - run: &r echo\n      - run: *r\n  b: *a\n  c: {runs-on: *os, steps: *s}\n",
    );
    assert_eq!(workflow.jobs.len(), 3);
    for job in &workflow.jobs {
        let JobKind::Normal(normal) = &job.kind else { panic!("{job:?}") };
        let ids: Vec<&str> = normal.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["__run", "__run_2"]);
    }
    let merged = found("on: push\nx: &x {a: b}\njobs:\n  a:\n    <<: *x\n    runs-on: x\n");
    assert!(merged.iter().any(|f| f.code == "unknown-key" && f.message.contains("'<<'")), "{merged:?}");
}

#[test]
fn a_byte_order_mark_and_other_line_breaks_are_read() {
    let text = "\u{feff}on: push\r\njobs:\r\n  a:\r\n    runs-on: x\r\n    steps:\r\n      - run: |\r\n          é\r\n          ${{ nope }}\r\n";
    assert_eq!(places(text), ["8:15 unknown-context"]);
}

#[test]
fn generated_ids_avoid_given_ones() {
    let workflow = valid(&job(&[
        "runs-on: x",
        "steps:",
        "  - uses: actions/checkout@v4",
        "  - {id: server, run: x, background: true}",
        "  - parallel: [{run: a}, {id: b, run: b}]",
        "  - wait: server",
        "  - run: last",
    ]));
    let JobKind::Normal(normal) = &workflow.jobs[0].kind else { panic!("no steps") };
    let ids: Vec<&str> = normal.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["__actions_checkout", "server", "__parallel", "__wait", "__run_2"]);
    let StepKind::Parallel(inner) = &normal.steps[2].kind else { panic!("not parallel") };
    assert_eq!(inner.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["__run", "b"]);
}

fn action(text: &str) -> (Option<Runs>, Vec<String>) {
    let parsed = parse::action(FileId::default(), text);
    let places = parsed.diagnostics.iter().map(|f| format!("{}:{} {}", f.span.line, f.span.column, f.code)).collect();
    (parsed.value.map(|action| action.runs), places)
}

#[test]
fn actions_are_read() {
    let (runs, found) = action(
        "name: x\ninputs: {a: {default: 1.10, required: 'true'}}\nruns: {using: node20, main: a.js, post: b.js, post-if: 'success()'}\n",
    );
    assert!(found.is_empty(), "{found:?}");
    let Some(Runs::Node(node)) = runs else { panic!("{runs:?}") };
    assert_eq!((node.major, node.main.as_str(), node.post.as_deref()), (20, "a.js", Some("b.js")));
    assert!(node.post_if.is_some() && node.pre_if.is_none());
    let (runs, _) = action("runs: {using: Docker, image: Dockerfile, args: ['${{ inputs.a }}'], env: {a: b}}\n");
    assert!(matches!(runs, Some(Runs::Docker(_))));
    let (runs, _) = action("runs:\n  using: composite\n  steps:\n    - {run: x, shell: bash}\n    - uses: ./a\n");
    let Some(Runs::Composite(composite)) = runs else { panic!("{runs:?}") };
    assert_eq!(composite.steps.len(), 2);
}

#[test]
fn actions_are_refused_where_they_are_wrong() {
    for (text, wanted) in [
        ("name: x\n", "1:1 missing-key"),
        ("runs: {using: node18, main: a}\n", "1:15 action-using"),
        ("runs: {using: node20}\n", "1:7 missing-key"),
        ("runs: {using: composite, steps: [{run: x}]}\n", "1:34 missing-key"),
        ("runs: {using: composite, steps: [{run: '${{ secrets.x }}', shell: sh}]}\n", "1:45 unknown-context"),
        ("runs: {using: docker, image: x, main: y}\n", "1:33 unknown-key"),
        ("inputs: {a: {default: '${{ inputs.b }}'}}\nruns: {using: node20, main: a}\n", "1:28 unknown-context"),
        ("runs: {using: node20, main: a, post-if: nope()}\n", "1:41 unknown-function"),
    ] {
        let (runs, mut found) = action(text);
        found.retain(|found| !found.ends_with(code::EXCLUSIVE));
        assert!(runs.is_none() && found == [wanted], "{text}: {found:?}");
    }
}
