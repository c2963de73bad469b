//! Scripts, environment, results, command files.

use crate::play::Play;
use domain::Conclusion::{Failure, Skipped, Success};

#[tokio::test]
async fn a_script_says_what_it_says_and_its_head_is_folded() {
    let played = Play::steps("- run: |\n    echo one\n    echo two >&2\n    printf three\n  env: {A: b}").run().await;
    assert_eq!(
        played.step("Run echo one"),
        "##[group]Run echo one\n\x1b[36;1mecho one\x1b[0m\n\x1b[36;1mecho two >&2\x1b[0m\n\x1b[36;1mprintf three\x1b[0m\nshell: /usr/bin/bash -e {0}\nenv:\n  A: b\n##[endgroup]\none\ntwo\nthree\n"
    );
    assert_eq!(played.report.conclusion, Success);
}

#[tokio::test]
async fn what_one_output_leaves_unfinished_does_not_begin_a_line_of_the_other() {
    let played = Play::steps(
        r#"
- run: |
    printf 'Password: ' >&2; echo "::add-mask::hunter2-hunter2"
    echo "[hunter2-hunter2]"
- run: |
    printf 'half'; echo "::error::said on standard error" >&2; echo ' rest'
    printf 'at the end' >&2
"#,
    )
    .run()
    .await;
    played.has(&["[***]\n", "##[error]said on standard error\n", "half rest\n", "\nPassword: \n", "\nat the end\n"]);
}

#[tokio::test]
async fn a_shell_is_shown_where_it_lies_and_the_path_that_a_step_added_comes_first() {
    let played = Play::steps(
        r#"
- run: mkdir -p "$RUNNER_TEMP/own" && ln -s /bin/sh "$RUNNER_TEMP/own/mysh" && echo "$RUNNER_TEMP/own" >> "$GITHUB_PATH"
- {run: 'echo 1', shell: 'mysh -e {0}'}
- {run: 'echo 2', env: {PATH: /nowhere}}
- {run: 'echo 3', shell: '/bin/sh {0}'}
"#,
    )
    .run()
    .await;
    played.has(
        &["/_temp/own/mysh -e {0}\n", "shell: /usr/bin/bash -e {0}\n", "shell: /bin/sh {0}\n", "1\n2\n3\n"].map(
            |text| {
                if text == "1\n2\n3\n" { "\n3\n" } else { text }
            },
        ),
    );
}

#[tokio::test]
async fn shells_start_as_the_reference_starts_them() {
    let played = Play::steps(
        r#"
- run: false | true; echo plain-$?; case $- in *e*) echo errexit;; esac; shopt -q login_shell || echo no-login
- run: false | true; echo never-reached
  shell: bash
  continue-on-error: true
- run: echo "[$BASH_VERSION]" | sed s/[0-9].*]/posix/
  shell: sh
- run: echo with-args "$@"
  shell: bash {0} one "two three"
- run: exit 3
  shell: bash -c "echo custom; exec bash -e {0}"
  continue-on-error: true
"#,
    )
    .run()
    .await;
    played.has(&["\nplain-0\nerrexit\nno-login\n", "\nwith-args one two three\n", "\ncustom\n"]);
    played.lacks(&["\nnever-reached\n"]);
    played.has(&["##[error]Process completed with exit code 1.", "##[error]Process completed with exit code 3."]);
}

#[tokio::test]
async fn a_program_of_any_kind_is_a_shell() {
    if std::process::Command::new("perl").arg("-v").output().is_err() {
        println!("SKIP: there is no perl here");
        return;
    }
    let steps = "\n- run: print \"perl-\", 40 + 2, \"\\n\";\n  shell: perl {0}\n";
    Play::steps(steps).run().await.has(&["\nperl-42\n"]);
}

#[tokio::test]
async fn a_shell_that_is_none_and_one_that_is_absent() {
    let played = Play::steps(
        "- {id: a, run: 'true', shell: ruby-without-a-place, continue-on-error: true}\n- {run: 'true', shell: 'no-such-program {0}'}",
    )
    .run()
    .await;
    played.has(&["##[error]Invalid shell option.", "##[error]no-such-program: command not found"]);
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn a_step_with_a_path_of_its_own_still_finds_its_shell() {
    let played = Play::steps("- run: echo found-in $PATH\n  env: {PATH: /nowhere}").run().await;
    played.has(&["\nfound-in /nowhere\n"]);
}

#[tokio::test]
async fn exit_codes_outcomes_and_conclusions() {
    let played = Play::steps(
        r#"
- {id: soft, run: exit 4, continue-on-error: true}
- run: echo soft ${{ steps.soft.outcome }} ${{ steps.soft.conclusion }} ${{ job.status }}
- {id: hard, run: exit 5}
- run: echo never-1
- if: ${{ failure() }}
  run: echo on-failure ${{ steps.hard.outcome }} ${{ job.status }}
- if: always() && steps.soft.outcome == 'failure'
  run: echo on-always
- if: ${{ !failure() }}
  run: echo never-2
- if: cancelled()
  run: echo never-3
- if: steps.soft.outcome == 'failure'
  run: echo never-4
"#,
    )
    .run()
    .await;
    played.has(&[
        "\nsoft failure success success\n",
        "\non-failure failure failure\n",
        "\non-always\n",
        "exit code 5.",
    ]);
    played.lacks(&["\nnever"]);
    assert_eq!(played.end("Run exit 4"), (Failure, Success));
    assert_eq!(played.end("Run exit 5"), (Failure, Failure));
    assert_eq!(played.end("Run echo never-1"), (Skipped, Skipped));
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn a_killed_script_tells_its_signal_as_shells_do() {
    let played = Play::steps("- run: kill -9 $$").run().await;
    played.has(&["##[error]Process completed with exit code 137."]);
}

#[tokio::test]
async fn wrong_conditions_and_environments_fail_whatever_continue_on_error_says() {
    let played = Play::steps(
        r#"
- {if: fromJSON('x'), run: echo never-1, continue-on-error: true}
- {if: always(), run: echo never-2, continue-on-error: true, env: {A: '${{ fromJSON(github.actor) }}'}}
- {if: always(), run: 'echo after ${{ job.status }}'}
"#,
    )
    .run()
    .await;
    assert_eq!(played.end("Run echo never-1"), (Failure, Failure));
    assert_eq!(played.end("Run echo never-2"), (Failure, Failure));
    played.has(&["\nafter failure\n"]);
    played.lacks(&["\nnever"]);
}

/// The reference unravels an expression before it looks at the type: "A mapping was not expected".
#[tokio::test]
async fn lists_and_mappings_are_no_texts() {
    let played = Play::new(
        r#"
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: {event: '${{ github.event }}'}
    steps:
      - {id: env, run: echo never-env, env: {X: '${{ github.event }}'}, continue-on-error: true}
      - {id: with, if: always(), uses: o/r@v1, with: {x: "${{ fromJSON('[1]') }}"}, continue-on-error: true}
      - if: always()
        run: echo "${{ steps.env.outcome }}-${{ steps.with.outcome }}"
  b:
    runs-on: ubuntu-latest
    env: {Y: "${{ fromJSON('[]') }}"}
    steps: [{run: echo never-job}]
"#,
    )
    .action(
        "o/r",
        "action.yml",
        "inputs: {x: {}}\nruns: {using: composite, steps: [{run: echo never-with, shell: sh}]}",
    )
    .run()
    .await;
    played.has(&["while reading 'X'", "while reading 'x'", "while reading 'Y'", "while reading 'event'"]);
    played.has(&["\nfailure-failure\n", "Fail to evaluate job outputs"]);
    played.lacks(&["\nnever-"]);
    assert_eq!(played.report.jobs.iter().map(|job| job.conclusion).collect::<Vec<_>>(), [Failure, Failure]);
}

#[tokio::test]
async fn command_files_are_read_after_the_step_and_after_a_failed_one() {
    let played = Play::steps(
        r#"
- id: s
  run: |
    echo "word=ekiden" >> "$GITHUB_OUTPUT"
    { echo 'TEXT<<END'; echo one; echo 'a=b'; echo END; } >> "$GITHUB_ENV"
    mkdir -p tools; printf '#!/bin/sh\necho from-tool\n' > tools/mytool; chmod +x tools/mytool
    echo "$PWD/tools" >> "$GITHUB_PATH"
    echo "[$TEXT]"
    echo '# Title' >> "$GITHUB_STEP_SUMMARY"
- run: |
    echo "$TEXT" | tr '\n' '/'; mytool; echo "[${{ steps.s.outputs.word }}] ${{ env.TEXT == format('one{0}a=b', fromJSON('"\n"')) }}"
- run: echo LATE=yes >> "$GITHUB_ENV"; exit 1
  continue-on-error: true
- run: echo "late $LATE"; ls "$RUNNER_TEMP/_runner_file_commands" | wc -l
- {id: bad, run: 'echo no-equals-sign >> "$GITHUB_ENV"', continue-on-error: true}
- run: echo "bad ${{ steps.bad.outcome }}"
"#,
    )
    .run()
    .await;
    played.has(&["\n[]\n", "one/a=b/from-tool\n[ekiden] true\n", "\nlate yes\n7\n", "\nbad failure\n"]);
    played.has(&[
        "##[error]Unable to process file command 'env' successfully.\n##[error]Invalid format 'no-equals-sign'",
    ]);
    let summaries: Vec<_> = played
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            domain::JobEventKind::Summary { markdown, .. } => Some(markdown.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(summaries, ["# Title\n"]);
}

#[tokio::test]
async fn the_path_has_the_last_added_first_and_knows_job_env() {
    let played = Play::steps(
        r#"
- run: echo /first >> "$GITHUB_PATH"
- run: printf '/second\n/first\n/third\n' >> "$GITHUB_PATH"
- run: echo "path $PATH"
"#,
    )
    .run()
    .await;
    played.has(&["path /third:/first:/second:/usr/local/bin:"]);
}

#[tokio::test]
async fn the_process_environment_has_the_order_of_the_reference() {
    let played = Play::new(
        r#"
on: push
env: {A: workflow, B: workflow, C: workflow}
jobs:
  a:
    runs-on: ubuntu-latest
    env: {B: job, C: job, FROM_OUTSIDE: inside}
    steps:
      - run: printf 'C=written\nGITHUB_SHA=forged\nCI=no\nSTAYS=written\n' >> "$GITHUB_ENV"
      - env: {STAYS: step, GITHUB_ACTOR: forged}
        run: |
          echo "$A $B $C $STAYS $FROM_OUTSIDE ${GITHUB_SHA::4} $GITHUB_ACTOR $CI $GITHUB_ACTIONS [${GITHUB_TOKEN-unset}] [${ACTIONS_RUNTIME_TOKEN-unset}]"
          test "$GITHUB_WORKSPACE" = "$PWD" && test -d "$RUNNER_TEMP" && grep -q payload "$GITHUB_EVENT_PATH" && echo places
          echo "$GITHUB_JOB $RUNNER_OS $RUNNER_ARCH $GITHUB_ACTION [$GITHUB_ACTION_REF] $HOME" | sed s,/tmp.*/home,HOME,
"#,
    )
    .run()
    .await;
    played.has(&["\nworkflow job written step inside 0123 somebody no true [unset] [unset]\nplaces\na Linux X64 __run_2 [] HOME\n"]);
}

#[tokio::test]
async fn names_are_evaluated_and_masked() {
    let played = Play::steps(
        r#"
- {name: 'to ${{ github.actor }} and ${{ secrets.WORD }}', run: 'true'}
- run: |

    echo ${{ github.actor }}
- {name: 'skipped ${{ github.ref_name }}', if: false, run: 'true'}
- {name: "it's [${{ fromJSON(github.actor) }}] {x}", run: 'true'}
"#,
    )
    .secret("WORD", "very-secret-word")
    .run()
    .await;
    let names: Vec<String> = played.ends().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names,
        ["to somebody and ***", "Run echo somebody", "skipped main", "it's [${{ fromJSON(github.actor) }}] {x}"]
    );
}

#[tokio::test]
async fn defaults_come_from_the_job_and_then_from_the_workflow() {
    let played = Play::new(
        r#"
on: push
defaults: {run: {working-directory: sub dir, shell: bash}}
jobs:
  a:
    runs-on: ubuntu-latest
    defaults: {run: {shell: sh}}
    steps:
      - {run: mkdir -p 'sub dir/deep', working-directory: .}
      - run: basename "$PWD"
      - {run: 'basename "$PWD"; echo shell $0', working-directory: sub dir/deep, shell: bash}
      - {run: 'true', working-directory: nowhere}
"#,
    )
    .run()
    .await;
    played.has(&[
        "\nsub dir\n",
        "shell: /usr/bin/sh -e {0}",
        "\ndeep\nshell ",
        "shell: /usr/bin/bash --noprofile --norc -e -o pipefail {0}",
    ]);
    assert_eq!(played.report.conclusion, Failure, "a folder that is not there fails the step");
}

#[tokio::test]
async fn commands_of_the_old_way() {
    let played = Play::steps(
        r#"
- id: s
  run: |
    echo "::set-output name=old::way"
    echo "::error file=src/a.rs,line=3,title=Broken::first%0Asecond line"
    echo "::debug::hidden-debug-line"
    echo "::stop-commands::tok-en-123"
    echo "::error::not-an-error"
    echo "::tok-en-123::"
    echo "::add-mask::late-secret-value"
    echo "now late-secret-value"
- run: echo "old ${{ steps.s.outputs.old }} late-secret-value"
- {id: e, continue-on-error: true, run: 'echo "::set-env name=X::y"'}
- run: echo "unsecure ${{ steps.e.outcome }}"
"#,
    )
    .run()
    .await;
    played.has(&["\nold way ***\n", "\nunsecure failure\n", "##[error]first\nsecond line\n", "\nnow ***\n"]);
    let errors: Vec<_> =
        played.annotations().into_iter().filter(|(level, _)| *level == domain::AnnotationLevel::Error).collect();
    assert_eq!(errors[0].1, "first\nsecond line");
}

#[tokio::test]
async fn debug_lines_show_when_asked_for() {
    for (value, shown) in [("true", true), ("false", false)] {
        let played = Play::steps("- run: echo ::debug::deep; echo \"[$RUNNER_DEBUG]\"")
            .secret("ACTIONS_STEP_DEBUG", value)
            .run()
            .await;
        assert_eq!(played.log().contains("##[debug]deep"), shown, "{value}");
        assert_eq!(played.log().contains("\n[1]\n"), shown, "{value}");
    }
    let played =
        Play::steps("- run: echo ::debug::deep").vars(serde_json::json!({"ACTIONS_STEP_DEBUG": "true"})).run().await;
    played.has(&["##[debug]deep"]);
}

#[tokio::test]
async fn secrets_are_masked_wherever_they_come_out() {
    let secret = "p4ss/W0rd+with=chars";
    let played = Play::steps(
        r#"
- env: {T: '${{ secrets.T }}'}
  run: |
    echo "direct $T end"; printf %s "$T" | base64; printf '%s' "$T" | sed 's/./&\n/g' | tr -d '\n'; echo
    echo "::warning title=$T::about $T"
    echo "$T" >> "$GITHUB_STEP_SUMMARY"
"#,
    )
    .secret("T", secret)
    .run()
    .await;
    let all = serde_json::to_string(&played.events).unwrap();
    assert!(!all.contains(secret) && !all.contains("cDRzcy9XMHJkK3dpdGg9Y2hhcnM"), "{all}");
    played.has(&["direct *** end"]);
}

#[tokio::test]
async fn hooks_run_around_the_steps_and_fail_the_job() {
    let steps = "\n- run: echo \"step $FROM_HOOK\"\n- run: exit 1\n";
    let started =
        "echo 'started ${{ github.job }}'; echo FROM_HOOK=given >> $GITHUB_ENV; test $PWD = $GITHUB_WORKSPACE";
    let played = Play::steps(steps).hooks(started, "echo completed $FROM_HOOK").run().await;
    played.has(&["\nstarted ${{ github.job }}\n", "\nstep given\n", "\ncompleted given\n"]);
    let names: Vec<String> = played.ends().into_iter().map(|end| end.0).collect();
    assert_eq!((names[0].as_str(), names[names.len() - 1].as_str()), ("Set up runner", "Complete runner"), "{names:?}");

    let played = Play::steps("\n- run: echo never\n").hooks("exit 3", "true").run().await;
    assert_eq!(played.report.conclusion, domain::Conclusion::Failure);
    played.lacks(&["\nnever\n"]);
}
