//! Tests of `step`: whole outputs through commands, matchers and masks, in chunks of any size.

use super::*;
use crate::commands::Verdict;
use crate::events::EventSink;
use crate::output::Debugging;
use domain::{Annotation, JobEvent, JobEventKind, JobId, ManualClock, StepRef};
use mask::Masker;
use proptest::prelude::*;
use testkit::Shelf;
use tokio::sync::mpsc;

struct Ran {
    text: String,
    annotations: Vec<Annotation>,
    effects: Effects,
    events: usize,
    /// Bytes of the longest one.
    longest: usize,
}

fn run(secrets: &[&str], files: &[(&str, &str)], debugging: Debugging, chunks: &[&[u8]]) -> Ran {
    let chunks: Vec<_> = chunks.iter().map(|chunk| (Speaker::Output, *chunk)).collect();
    run_both(secrets, files, debugging, &chunks)
}

fn run_both(secrets: &[&str], files: &[(&str, &str)], debugging: Debugging, chunks: &[(Speaker, &[u8])]) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let masker = Masker::new();
    for secret in secrets {
        masker.add(secret);
    }
    let shelf = Shelf::new(files);
    let identity = RepositoryIdentity { server_url: "https://example.invalid".into(), repository: "o/r".into() };
    let (sender, mut receiver) = mpsc::channel::<JobEvent>(4);
    let work = async {
        let sink = EventSink::new(JobId::new("job"), Arc::new(ManualClock::default()), sender);
        let log = Arc::new(StepLog::new(sink, StepRef(1), masker, debugging));
        let mut output = StepOutput::new(log, &shelf, JobMatchers::default(), identity, CommandRules::default());
        for (speaker, chunk) in chunks {
            output.take(*speaker, chunk).await;
        }
        output.finish().await;
        output.into_effects()
    };
    let read = async {
        let (mut text, mut annotations, mut events, mut longest) = (String::new(), Vec::new(), 0, 0);
        while let Some(event) = receiver.recv().await {
            match event.kind {
                JobEventKind::Output { text: more, .. } => {
                    assert!(more.ends_with('\n'), "an event holds whole lines: {more:?}");
                    longest = longest.max(more.len());
                    text.push_str(&more);
                    events += 1;
                }
                JobEventKind::Annotation { annotation, .. } => annotations.push(annotation),
                _ => {}
            }
        }
        (text, annotations, events, longest)
    };
    let (effects, (text, annotations, events, longest)) = runtime.block_on(async { tokio::join!(work, read) });
    Ran { text, annotations, effects, events, longest }
}

fn say(text: &str) -> Ran {
    run(&[], &[], Debugging::Hidden, &[text.as_bytes()])
}

#[test]
fn commands_act_and_the_rest_is_printed() {
    let ran = say(
        "before\n::error file=/w/repo/src/a.rs,line=3,title=Broken::first%0Asecond line\n::debug::hidden\n::group::Folded\ninside\n::endgroup::\n::set-output name=old::way\nno end",
    );
    assert!(ran.text.starts_with(
        "before\n##[error]first\nsecond line\n##[group]Folded\ninside\n##[endgroup]\n##[warning]The `set-output`"
    ));
    assert!(ran.text.ends_with("\nno end\n"));
    let error = &ran.annotations[0];
    assert_eq!(
        (error.file.as_deref(), error.line, error.title.as_deref()),
        (Some("src/a.rs"), Some(3), Some("Broken"))
    );
    assert_eq!(error.message, "first\nsecond line");
    assert_eq!(ran.effects.outputs["old"], "way");
    assert_eq!(ran.effects.verdict, Verdict::Passed);
}

#[test]
fn masks_hold_from_their_line_on_in_one_chunk() {
    let ran = say("late-secret\n::add-mask::late-secret\nlate-secret and bGF0ZS1zZWNyZXQ=\n::add-mask::x\n");
    assert_eq!(
        ran.text,
        "late-secret\n*** and ***\n##[warning]A mask of a single character would hide most of the log; it was not added.\n"
    );
}

#[test]
fn secrets_in_commands_and_annotations_are_masked() {
    let ran = run(
        &["hunter2"],
        &[],
        Debugging::Hidden,
        &[b"::error title=a hunter2,file=hunter2.rs::b hunter2\n::set-env name=hunter2::x\n"],
    );
    assert!(!ran.text.contains("hunter2") && !format!("{:?}", ran.annotations).contains("hunter2"));
    assert_eq!(ran.effects.verdict, Verdict::Failed);
    assert!(ran.text.contains("##[error]Unable to process command '::set-env name=***::x' successfully.\n"));
}

#[test]
fn annotations_have_limits_but_the_log_has_all() {
    let ran = say(&format!("{}::error::{}\n::warning::w\n", "::error::e\n".repeat(11), "é".repeat(5000)));
    assert_eq!(ran.annotations.iter().filter(|annotation| annotation.level == AnnotationLevel::Error).count(), 10);
    assert_eq!(ran.annotations.len(), 11);
    assert_eq!(ran.text.matches("##[error]").count(), 12);
    assert_eq!(say(&format!("::error::{}\n", "é".repeat(5000))).annotations[0].message.chars().count(), 4096);
}

const MATCHER: &str = r#"{"problemMatcher":[{"owner":"cc","pattern":[{"regexp":"^(\\S+):(\\d+): (.*)$","file":1,"line":2,"message":3}]}]}"#;

#[test]
fn matchers_work_from_their_line_on() {
    let files = [
        ("/w/repo/m.json", MATCHER),
        ("/w/repo/sub/a.c", "x"),
        ("/w/repo/.git/config", "[remote \"origin\"]\n url = https://example.invalid/O/r.git\n"),
        ("/w/repo/other/b.c", "x"),
        ("/w/repo/other/.git/config", "[remote \"origin\"]\n url = https://example.invalid/o/other\n"),
    ];
    let text = "a.c:1: early\n::add-matcher::m.json\nplain\n\u{1b}[31msub/../sub/a.c:2: late\u{1b}[0m\nother/b.c:3: theirs\ngone.c:4: lost\n::remove-matcher owner=cc::\na.c:5: after\n";
    let ran = run(&[], &files, Debugging::Hidden, &[text.as_bytes()]);
    assert_eq!(
        ran.text,
        "a.c:1: early\nplain\n##[error]sub/../sub/a.c:2: late\n##[error]other/b.c:3: theirs\n##[error]gone.c:4: lost\na.c:5: after\n"
    );
    let places: Vec<_> = ran
        .annotations
        .iter()
        .map(|annotation| (annotation.file.as_deref(), annotation.line, annotation.message.as_str()))
        .collect();
    assert_eq!(places, [(Some("sub/a.c"), Some(2), "late"), (None, Some(3), "theirs"), (None, Some(4), "lost")]);
}

#[test]
fn a_matcher_file_that_is_wrong_fails_the_step() {
    let ran = run(
        &[],
        &[("/w/repo/bad.json", "{")],
        Debugging::Hidden,
        &[b"::add-matcher::bad.json\n::add-matcher::/none.json\n"],
    );
    assert_eq!(ran.effects.verdict, Verdict::Failed);
    assert!(ran.text.contains("##[error]Could not find file '/none.json'.\n"));
    assert!(ran.text.contains("##[error]Unable to process command '::add-matcher::bad.json' successfully.\n"));
}

#[test]
fn debug_lines_are_shown_when_asked_for() {
    let ran = run(&[], &[], Debugging::Shown, &[b"::debug::one%0Atwo\n"]);
    assert_eq!(ran.text, "##[debug]one\n##[debug]two\n");
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let ran = run(&["hunter2"], &[], Debugging::Hidden, &[b"a\xff", b"hunter2\xfe\0\n"]);
    assert_eq!(ran.text, "a\u{fffd}***\u{fffd}\0\n");
}

#[test]
fn a_secret_across_the_pieces_of_a_long_line_is_masked() {
    use crate::output::framing::LONGEST_LINE;
    for shift in 0..8 {
        let text = format!("{}hunter2{}\nnext\n", "x".repeat(LONGEST_LINE - shift), "y".repeat(LONGEST_LINE));
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(LONGEST_LINE).collect();
        let ran = run(&["hunter2"], &[], Debugging::Hidden, &chunks);
        let joined = ran.text.replace('\n', "");
        assert!(!joined.contains("hunter2") && joined.contains("***") && ran.text.ends_with("\nnext\n"), "{shift}");
    }
}

#[test]
fn a_line_that_may_be_a_command_becomes_events_of_bounded_size() {
    use crate::output::framing::{LONGEST_COMMAND, LONGEST_LINE};
    for (line, end) in [
        (format!("::{}", "x".repeat(LONGEST_COMMAND - 3)), "\n"),
        // Without an end, and longer than a command may be.
        (format!("::{}", "é".repeat(LONGEST_COMMAND / 2 + 500_000)), ""),
        (format!("before\n::{}", "€".repeat(LONGEST_LINE)), "\nafter\n"),
        (format!("::{}", "x".repeat(LONGEST_LINE - 2)), "\n"),
    ] {
        let chunks = [line.as_bytes(), end.as_bytes()];
        let ran = run(&[], &[], Debugging::Hidden, &chunks);
        assert!(ran.longest <= LONGEST_LINE + 1, "{}", ran.longest);
        let (all, said) = (format!("{line}{end}"), &ran.text);
        assert_eq!(said.replace('\n', "").len(), all.replace('\n', "").len());
        assert!(said.replace('\n', "") == all.replace('\n', ""));
        // No more lines than pieces, and the end of a line that was given out before it.
        let pieces: usize = all.lines().map(|line| line.len().div_ceil(LONGEST_LINE - 3).max(1)).sum();
        assert!(said.lines().count() <= pieces + 1, "{}", said.lines().count());
    }
}

#[test]
fn a_large_chunk_becomes_few_events() {
    let text = "0123456789\n".repeat(100_000);
    let ran = say(&text);
    assert_eq!(ran.text, text);
    assert!(ran.events < 30, "{}", ran.events);
}

fn chunked(bytes: &[u8], cuts: &[usize]) -> Ran {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        chunks.push(&bytes[from..cut]);
        from = cut;
    }
    run(&["hunter2", "two\nx\ny"], &[("/w/repo/m.json", MATCHER)], Debugging::Hidden, &chunks)
}

fn output_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "(::|##\\[|:: |  ::)(error|group|endgroup|add-mask|stop-commands|set-output name=a|echo|debug|tok|warning file=a,line=1)(::|\\])(hunter2|on|tok|[a-z:%0-9]{0,12})",
        "[a-z]\\.c:[0-9]: [a-z]{1,5}",
        Just("::add-matcher::m.json".to_owned()),
        Just("say hunter2 twice aHVudGVyMg==".to_owned()),
        Just("two\nx\ny".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_change_nothing(lines in prop::collection::vec(output_line(), 0..20), ends in prop::sample::select(vec!["\n", "\r\n"]), cuts in prop::collection::vec(any::<usize>(), 0..30)) {
        let text = lines.join(ends);
        let whole = chunked(text.as_bytes(), &[]);
        let parts = chunked(text.as_bytes(), &cuts);
        prop_assert_eq!(&whole.text, &parts.text);
        prop_assert_eq!(whole.annotations, parts.annotations);
        prop_assert_eq!(whole.effects, parts.effects);
        prop_assert!(!whole.text.contains("hunter2") && !whole.text.contains("aHVudGVyMg"));
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400), cuts in prop::collection::vec(any::<usize>(), 0..10)) {
        chunked(&bytes, &cuts);
    }
}

#[test]
fn the_two_outputs_are_read_each_for_itself() {
    let said = |chunks: &[(Speaker, &str)]| {
        let chunks: Vec<_> = chunks.iter().map(|(speaker, text)| (*speaker, text.as_bytes())).collect();
        run_both(&["first-half-second-half"], &[], Debugging::Hidden, &chunks)
    };
    let ran = said(&[
        (Speaker::Output, "half "),
        (Speaker::Error, "::error::e\nend"),
        (Speaker::Output, "rest\n::set-output name=a::1\n"),
        (Speaker::Output, "last"),
    ]);
    assert_eq!(
        ran.text.lines().filter(|line| !line.contains("deprecated")).collect::<Vec<_>>(),
        ["##[error]e", "half rest", "last", "end"]
    );
    assert_eq!(ran.effects.outputs["a"], "1");
    // A secret in two pieces of a line without an end, and a line of the other output between them.
    let long = "x".repeat(crate::output::framing::LONGEST_LINE);
    let ran = said(&[
        (Speaker::Output, &format!("{long}first-half-")),
        (Speaker::Error, "between first-half-second-half\n"),
        (Speaker::Output, "second-half\n"),
    ]);
    assert!(ran.text.contains("between ***\n") && !ran.text.contains("-half"), "{}", &ran.text[ran.text.len() - 200..]);
}

#[test]
fn stop_commands_of_one_output_hold_for_the_other() {
    let chunks: [(Speaker, &[u8]); 3] = [
        (Speaker::Output, b"::stop-commands::long-token\n"),
        (Speaker::Error, b"::error::no\n::long-token::\n"),
        (Speaker::Output, b"::error::yes\n"),
    ];
    let ran = run_both(&[], &[], Debugging::Hidden, &chunks);
    assert_eq!(ran.annotations.len(), 1);
}
