//! What expressions see while a job runs.

use crate::play::Play;
use domain::Conclusion::Failure;

#[tokio::test]
async fn contexts_of_a_step() {
    let played = Play::new(
        r#"
on: push
jobs:
  j:
    runs-on: ubuntu-latest
    strategy: {matrix: {n: [1]}}
    steps:
      - run: echo ${{ github.event.word }} ${{ github.job }} ${{ runner.os }} ${{ runner.name }} ${{ matrix.n }} ${{ strategy.job-total }} [${{ github.token }}${{ secrets.GITHUB_TOKEN }}] ${{ github.workflow }}
      - run: test -d ${{ runner.temp }} && test ${{ github.workspace }} = $PWD && test ${{ runner.workspace }} = $RUNNER_WORKSPACE && echo places
      - env: {A: b, c: d}
        run: echo '${{ toJSON(env) }}' | tr -d '\n'; echo; echo "[${{ env.C }}]"
      - id: later
        run: echo "[${{ steps.later.outcome }}${{ steps.never.outcome }}]" ${{ toJSON(steps) == '{}' }}
      - run: echo ${{ join(steps.*.conclusion, ',') }} ${{ vars.V }}
"#,
    )
    .vars(serde_json::json!({"V": "v"}))
    .run()
    .await;
    played.has(&[
        "\npayload j Linux here 1 1 [] .github/workflows/ci.yml\n",
        "\nplaces\n",
        "\n{  \"A\": \"b\",  \"c\": \"d\"}\n[]\n",
        "\n[] true\n",
        "\nsuccess v\n",
    ]);
}

#[tokio::test]
async fn hash_files_reads_the_workspace_of_that_moment() {
    let played = Play::steps(
        r#"
- run: echo before [${{ hashFiles('**/*.lock') }}]; touch a.lock b.lock
- if: hashFiles('*.lock') != ''
  name: hash ${{ hashFiles('*.lock') }}
  env: {H: '${{ hashFiles(''b.lock'') }}'}
  run: echo after [$H] [${{ hashFiles('*.lock', 'nothing') }}]
- run: echo ${{ hashFiles('!!') }}
"#,
    )
    .run()
    .await;
    played.has(&["\nbefore []\n", "\nafter [b.lock] [a.lock+b.lock]\n", "hashFiles('!!') failed: bad pattern"]);
    assert_eq!(played.ends()[1].0, "hash a.lock+b.lock");
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn steps_without_an_id_are_not_visible() {
    let played = Play::steps(
        "- run: echo a=b >> $GITHUB_OUTPUT\n- run: echo ${{ toJSON(steps) }} ${{ github.action }} $GITHUB_ACTION",
    )
    .run()
    .await;
    played.has(&["\n{} __run_2 __run_2\n"]);
}
