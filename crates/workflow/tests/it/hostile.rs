//! Files that are made to hurt: each ends in an error that says what was exceeded, or is read; none panics or grows past its
//! budget. How long they take is measured by the bench.

use workflow::diagnostic::{Colours, code, render};
use workflow::plan::{FileReference, Files, PlanOutcome, plan};
use workflow::yaml::{FaultKind, FileId, Limits, read};

fn fault(text: &str) -> (FaultKind, String) {
    let fault = read(FileId::default(), text, &Limits::default()).unwrap_err();
    (fault.kind, fault.message)
}

#[test]
fn budgets_end_it() {
    let limit = |text: &str, words: &str| {
        let (kind, message) = fault(text);
        assert!(kind == FaultKind::Limit && message.contains(words), "{words}: {kind:?} {message}");
    };
    limit(&"a: b\n".repeat(2_000_000), "file size of 1048576 characters");
    limit(&"- ".repeat(100_000), "depth");
    limit(&"? ".repeat(100_000), "depth");
    limit(&"{a: ".repeat(10_000), "depth");
    limit(&format!("[{}]", "a,".repeat(500_000)), "characters '[]{},'");
    limit(&format!("[{}", "\"\" ".repeat(340_000)), "of the characters");
    limit(&format!("[{}]", "a,".repeat(60_000)), "nodes");
    limit(&"- a\n".repeat(60_000), "nodes");
    limit(&format!("- &a x\n{}", "- *a\n".repeat(60_000)), "nodes");
    let bomb: String = (b'b'..=b'u')
        .map(|c| format!("{0}: &{0} [{1}]\n", char::from(c), vec![format!("*{}", char::from(c - 1)); 9].join(",")))
        .collect();
    limit(&format!("a: &a [x,x,x,x,x,x,x,x,x]\n{bomb}"), "nodes");
    let deep: String =
        (b'b'..=b'z').map(|c| format!("{0}: &{0} [[*{1}]]\n", char::from(c), char::from(c - 1))).collect();
    limit(&format!("a: &a [[x]]\n{deep}"), "depth");
    let wide = "x".repeat(100_000);
    limit(&format!("- &a {wide}\n{}", "- *a\n".repeat(60)), "object size");
    limit(&"[".repeat(50_000), "depth");
    let circle = format!("a: &a [{}]", "*a,".repeat(20_000));
    let circle = read(FileId::default(), &circle, &Limits::default()).unwrap();
    assert!(circle.circles.len() == 100 && circle.circles[0].kind == FaultKind::Alias);
    assert_eq!(fault("a: *b").0, FaultKind::Syntax);
    assert_eq!(fault("a: 1\n---\nb: 1\n").0, FaultKind::SecondDocument);
}

#[test]
fn findings_are_bounded() {
    let text =
        format!("on: push\njobs:\n{}", (0..8_000).map(|at| format!("  a{at}: {{foo{at}: 1}}\n")).collect::<String>());
    let mut files = Files::new();
    files.insert(FileReference::Local("ci.yml".to_owned()), text.as_str());
    let PlanOutcome::Invalid(found) = plan(&files, "ci.yml") else { panic!("it is valid") };
    assert_eq!(found.len(), 500);
    assert!(render(&found[499], "ci.yml", &text, Colours::None).contains("ci.yml:"));
}

#[test]
fn expressions_of_a_file_are_counted() {
    let found = |steps: usize| {
        let step =
            format!("      - if: 1 && {}true\n        run: echo ${{{{ {}0 }}}}\n", "!".repeat(45), "!".repeat(45));
        let head = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n";
        let mut files = Files::new();
        files.insert(FileReference::Local("ci.yml".to_owned()), format!("{head}{}", step.repeat(steps)).as_str());
        match plan(&files, "ci.yml") {
            PlanOutcome::Invalid(found) => found,
            _ => Vec::new(),
        }
    };
    assert_eq!(found(1_900), [], "200,000 at most");
    let found = found(2_500);
    let limits: Vec<_> = found.iter().filter(|finding| finding.code == code::LIMIT).collect();
    assert!(limits.len() == 1 && limits[0].message.contains("200000 characters of expressions"), "{limits:?}");
    assert_eq!(found.len(), 1, "what was not read is not found fault with: {:?}", &found[1]);
}

#[test]
fn calls_do_not_explode() {
    // Every file calls the next one a hundred times.
    let mut files = Files::new();
    for level in 0..9 {
        let jobs: String =
            (0..100).map(|job| format!("  j{job}: {{uses: ./.github/workflows/f{}.yml}}\n", level + 1)).collect();
        let path = format!(".github/workflows/f{level}.yml");
        files.insert(FileReference::Local(path), format!("on: [push, workflow_call]\njobs:\n{jobs}").as_str());
    }
    files.insert(
        FileReference::Local(".github/workflows/f9.yml".to_owned()),
        "on: workflow_call\njobs: {a: {runs-on: x}}\n",
    );
    let PlanOutcome::Invalid(found) = plan(&files, ".github/workflows/f0.yml") else { panic!("it is valid") };
    assert!(found.iter().any(|finding| finding.code == code::LIMIT), "{found:?}");
}

/// What is said of a file by the linter and the planner, as text; neither says more than its budget.
fn said(text: &str) -> String {
    let path = ".github/workflows/ci.yml";
    let linted = workflow::parse::linted_workflow(FileId::default(), path, text, &|_| None).diagnostics;
    let mut files = Files::new();
    files.insert(FileReference::Local(path.to_owned()), text);
    let planned = match plan(&files, path) {
        PlanOutcome::Ready(plan) => plan.warnings,
        PlanOutcome::Invalid(found) => found,
        PlanOutcome::NeedsFiles(_) => Vec::new(),
    };
    assert!(linted.len() <= 1_000 && planned.len() <= 500, "{} and {} findings", linted.len(), planned.len());
    let said: String =
        linted.iter().chain(&planned).map(|finding| render(finding, path, text, Colours::None)).collect();
    assert!(said.len() < 4 << 20, "{} bytes are said of {} bytes", said.len(), text.len());
    said
}

fn steps(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn what_is_said_is_bounded() {
    let keys = "on: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n";
    let mut wrong = Vec::new();
    let list = |count: usize, item: &dyn Fn(usize) -> String| many(count, |at| format!("{},", item(at)));
    for (text, words) in [
        (steps(&many(3_000, |_| "      - run: ${{ githu.sha }}\n".to_owned())), "Unrecognized named-value"),
        (steps(&many(3_000, |_| "      - run: ${{ runner.oss }}\n".to_owned())), "there is no property"),
        (steps(&many(12_000, |at| format!("      - k{at}: x\n"))), "Unexpected value"),
        (
            steps(&many(2_000, |at| format!("      - {{id: s{at}, run: '${{{{ steps.s{at}.outputs.x }}}}'}}\n"))),
            "no property",
        ),
        (steps(&format!("      - run: \"{}\"\n", "${{ 1 }}".repeat(15_000))), "max expression length"),
        (steps(&format!("      - run: \"{}\"\n", "${{ ".repeat(30_000))), "is not closed"),
        (steps(&format!("      - {}: x\n", "k".repeat(900_000))), "Mapping values are not allowed"),
        (steps(&format!("      - run: |\n{}", "          echo ::set-output name=x::1\n".repeat(20_000))), "deprecated"),
        (
            format!("on: push\njobs:\n{}", many(1_000, |at| format!("  job{at}: {{runs-on: x, needs: [jbo{at}]}}\n"))),
            "unknown job",
        ),
        (format!("on: push\njobs: {{a: {{runs-on: x, needs: [{}]}}}}\n", "b,".repeat(2_000)), "unknown job"),
        (format!("on: [{}]\n{}", list(5_000, &|at| format!("pusch{at}")), &keys[9..]), "Unknown event"),
        (
            keys.replace("runs-on: x", &format!("runs-on: [{}]", list(3_000, &|at| format!("ubuntu-lates{at}")))),
            "no label",
        ),
        (
            keys.replace("runs-on: x", &format!("runs-on: [{}]", "ubuntu-22.04,ubuntu-24.04,".repeat(1_500))),
            "both labels",
        ),
        (
            keys.replace(
                "runs-on: x",
                &format!(
                    "runs-on: [{}], strategy: {{matrix: {{a: [{}]}}}}",
                    "'${{ matrix.a }}',".repeat(200),
                    list(3_000, &|at| format!("l{at}"))
                ),
            ),
            "no label",
        ),
        (
            keys.replace("runs-on: x", &format!("runs-on: x, strategy: {{matrix: {{a: [{}]}}}}", "x,".repeat(3_000))),
            "twice",
        ),
        (
            keys.replace(
                "runs-on: x",
                &format!(
                    "runs-on: x, strategy: {{matrix: {{a: [{}], exclude: [{}]}}}}",
                    list(1_500, &|at| at.to_string()),
                    list(1_500, &|at| format!("{{a: {at}x}}"))
                ),
            ),
            "",
        ),
        (
            format!(
                "on: {{push: {{branches: [{}]}}}}\n{}",
                list(1_000, &|at| format!("'{}a+?{at}'", "*".repeat(90))),
                &keys[9..]
            ),
            "pattern",
        ),
        (
            format!(
                "on: {{push: {{branches: ['{}', '{}']}}}}\n{}",
                "[".repeat(30_000),
                "a+".repeat(100_000),
                &keys[9..]
            ),
            "pattern",
        ),
        (
            format!(
                "on:\n  schedule:\n{}{}",
                many(2_000, |at| format!("    - {{cron: '0 0 * * *', timezone: Europe/Berln{at}}}\n")),
                &keys[9..]
            ),
            "time zone",
        ),
        (format!("on: {{schedule: [{{cron: '{}1 * * * *'}}]}}\n{}", "1,".repeat(200_000), &keys[9..]), ""),
        (
            format!(
                "on:\n  workflow_call:\n    inputs:\n{}{}",
                many(2_000, |at| format!("      i{at}: {{type: string, default: \"${{{{ inputs.i{at} }}}}\"}}\n")),
                &keys[9..]
            ),
            "no property",
        ),
        (
            keys.replace(
                "runs-on: x",
                &format!("runs-on: x, env: {{{}}}", list(2_000, &|at| format!("A{at}: &a{at} x"))),
            ),
            "names the anchor",
        ),
    ] {
        let said = said(&text);
        if !said.contains(words) {
            wrong.push(format!("{words}: {}", said.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_expressions_make_is_bounded() {
    use workflow::expr::{Expression, MapScope, write_json};
    let numbers = |count: usize, number: &str| vec![number; count].join(",");
    for text in [
        format!("{}'{}'{}", "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', ".repeat(9), "x".repeat(1_000), ")".repeat(9)),
        format!("join(fromJSON('[{}]'), '{}')", numbers(9_000, "1"), "x".repeat(2_000)),
        format!("{}'{}'{}", "toJSON(".repeat(45), "\"".repeat(200), ")".repeat(45)),
        format!("contains(fromJSON('[{}]'), fromJSON('[{}]'))", numbers(9_000, "1"), numbers(900, "2")),
        format!("format('{}', '{}')", "{0}".repeat(6_000), "x".repeat(1_000)),
        format!("fromJSON('[{}]'){}", numbers(4_000, "[1]"), ".*".repeat(40)),
        format!("fromJSON('{}')", "[".repeat(10_000)),
        vec!["1"; 7_000].join("||"),
        "!".repeat(20_000),
        "(".repeat(20_000),
        "9".repeat(20_000),
    ] {
        let Ok(expression) = Expression::parse(&text) else { continue };
        if let Ok(value) = expression.evaluate(&MapScope::new()) {
            assert!(write_json(&value).len() <= 2 << 20, "{}", text.chars().take(80).collect::<String>());
        }
    }
}
