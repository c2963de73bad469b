//! The tree as a terminal shows it: frames go through an emulated terminal, and its cells are what is compared.

use super::lines::{Look, ended, running};
use super::screen::{Screen, Window};
use crate::style::Palette;
use crate::view::RunRecord;
use domain::{Conclusion, JobEvent, JobEventKind, JobId, StepPhase, StepRef, Timestamp};
use std::collections::BTreeMap;

/// A run that is told event by event, ten milliseconds apart.
#[derive(Default)]
struct Story {
    record: RunRecord,
    now: u64,
}

impl Story {
    fn tell(&mut self, job: &str, kind: JobEventKind) {
        self.now += 10;
        self.record.apply(&JobEvent { job: JobId::new(job), at: Timestamp(self.now), kind });
    }

    fn job(&mut self, job: &str) {
        self.tell(job, JobEventKind::JobStarted { name: job.to_owned() });
    }

    fn step(&mut self, job: &str, step: u32, name: &str) {
        let (step, phase) = (StepRef(step), StepPhase::Main);
        self.tell(job, JobEventKind::StepStarted { step, name: name.to_owned(), phase, index: None });
    }

    fn said(&mut self, job: &str, step: u32, text: &str) {
        self.tell(job, JobEventKind::Output { step: StepRef(step), text: text.into() });
    }

    fn step_ended(&mut self, job: &str, step: u32, name: &str, outcome: Conclusion) {
        let (step, phase, name) = (StepRef(step), StepPhase::Main, name.to_owned());
        let kind =
            JobEventKind::StepFinished { step, name, phase, index: None, outcome, conclusion: outcome, micros: 42_000 };
        self.tell(job, kind);
    }

    fn job_ended(&mut self, job: &str, conclusion: Conclusion) {
        self.tell(job, JobEventKind::JobFinished { conclusion, outputs: BTreeMap::new(), micros: 1_500_000 });
    }

    fn lines(&self, rows: usize) -> Vec<String> {
        let look = Look { palette: Palette::Plain, turn: 0, now: Timestamp(self.now) };
        running(look, self.record.jobs.iter(), rows)
    }

    fn left(&self, job: &str) -> String {
        let job = self.record.job(&JobId::new(job)).unwrap();
        ended(Palette::Plain, job, None).into_iter().map(|line| line + "\n").collect()
    }
}

/// An emulated terminal with a shell prompt on it, and what our screen thinks of it.
struct Terminal {
    parser: vt100::Parser,
    screen: Screen,
}

impl Terminal {
    fn new(rows: u16, columns: u16) -> Self {
        let mut parser = vt100::Parser::new(rows, columns, 500);
        parser.process(b"$ ekiden exec\r\n");
        Self { parser, screen: Screen::default() }
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.screen_mut().set_size(rows, columns);
    }

    fn window(&self) -> Window {
        Window::new(self.parser.screen().size())
    }

    fn draw(&mut self, story: &Story, leaving: &str) {
        let window = self.window();
        let frame = self.screen.frame(window, leaving, &story.lines(window.rows - 1));
        // What the line discipline of a terminal does.
        self.parser.process(frame.replace('\n', "\r\n").as_bytes());
    }

    fn shows(&self) -> String {
        self.parser.screen().contents().trim_end().to_owned()
    }
}

fn three_jobs() -> Story {
    let mut story = Story::default();
    for job in ["build", "test", "docs"] {
        story.job(job);
        story.step(job, 1, "Run actions/checkout@v4");
        story.step_ended(job, 1, "Run actions/checkout@v4", Conclusion::Success);
        story.step(job, 2, "Work");
        for line in 1..=9 {
            story.said(job, 2, &format!("{job} line {line}\n"));
        }
    }
    story
}

#[test]
fn a_frame_replaces_the_one_before() {
    let (mut terminal, mut story) = (Terminal::new(12, 40), Story::default());
    story.job("build");
    story.step("build", 1, "Compile");
    story.said("build", 1, "##[group]fetch\na\nb\n##[endgroup]\ncc one.c\n\u{1b}[31mwarning\u{1b}[0m: x\n");
    terminal.draw(&story, "");
    insta::assert_snapshot!(terminal.shows(), @r"
    $ ekiden exec
    ⠋ build  0.0 ms
      ⠋ Compile  0.0 ms
        │ ▸ fetch
        │ cc one.c
        │ warning: x
    ");
    story.step_ended("build", 1, "Compile", Conclusion::Success);
    story.step("build", 2, "Link");
    terminal.draw(&story, "");
    insta::assert_snapshot!(terminal.shows(), @r"
    $ ekiden exec
    ⠋ build  0.0 ms
      ✓ Compile  42 ms
      ⠋ Link  0.0 ms
    ");
    story.step_ended("build", 2, "Link", Conclusion::Success);
    story.job_ended("build", Conclusion::Success);
    let left = story.left("build");
    terminal.draw(&story, &left);
    insta::assert_snapshot!(terminal.shows(), @r"
    $ ekiden exec
    ✓ build  1.5 s
    ");
}

#[test]
fn a_failed_job_stays_with_its_steps_and_its_last_lines() {
    let mut story = three_jobs();
    story.said("test", 2, "##[error]2 of 7 failed\n");
    story.step_ended("test", 2, "Work", Conclusion::Failure);
    story.step_ended("test", 3, "Upload", Conclusion::Skipped);
    story.job_ended("test", Conclusion::Failure);
    insta::assert_snapshot!(story.left("test"), @r"
    ✗ test  1.5 s
      ✓ Run actions/checkout@v4  42 ms
      ✗ Work  42 ms
        │ test line 1
        │ test line 2
        │ test line 3
        │ test line 4
        │ test line 5
        │ test line 6
        │ test line 7
        │ test line 8
        │ test line 9
        │ error: 2 of 7 failed
      ○ Upload  skipped
    ");
}

#[test]
fn the_script_of_a_step_is_not_told_twice() {
    let mut story = Story::default();
    story.job("a");
    story.step("a", 1, "Run make test");
    story.said("a", 1, "##[group]Run make test\nmake test\nshell: bash -e {0}\n##[endgroup]\nno rule\n");
    assert_eq!(story.lines(10)[2..], ["    │ no rule"]);
    // A name of its own says something else.
    let mut story = Story::default();
    story.job("a");
    story.step("a", 1, "Tests");
    story.said("a", 1, "##[group]Run make test\nmake test\n##[endgroup]\nno rule\n");
    assert_eq!(story.lines(10)[2..], ["    │ ▸ Run make test", "    │ no rule"]);
}

#[test]
fn in_a_low_window_names_stay_before_lines() {
    let story = three_jobs();
    assert_eq!(story.lines(9).join("\n"), {
        "⠋ build  300 ms\n  ⠋ Work  300 ms\n    │ build line 9\n\
         ⠋ test  200 ms\n  ⠋ Work  200 ms\n    │ test line 9\n\
         ⠋ docs  100 ms\n  ⠋ Work  0.0 ms\n    │ docs line 9"
    });
    for rows in 1..40 {
        let lines = story.lines(rows);
        assert!(lines.len() <= rows, "{rows} rows: {lines:#?}");
        assert!(lines[0].starts_with("⠋ build") || rows < 3, "{lines:#?}");
    }
    assert_eq!(story.lines(2), ["⠋ build  300 ms", "… and 2 more jobs run"]);
    assert_eq!(story.lines(23).len(), 23, "all the room there is");
}

#[test]
fn twenty_cells_fit_into_a_small_window() {
    let (mut terminal, mut story) = (Terminal::new(12, 30), Story::default());
    for cell in 1..=20 {
        story.job(&format!("test ({cell})"));
        story.step(&format!("test ({cell})"), 1, "Run it");
    }
    terminal.draw(&story, "");
    terminal.draw(&story, "");
    insta::assert_snapshot!(terminal.shows(), @r"
    ⠋ test (1)  300 ms
    ⠋ test (2)  300 ms
    ⠋ test (3)  300 ms
    ⠋ test (4)  300 ms
    ⠋ test (5)  300 ms
    ⠋ test (6)  200 ms
    ⠋ test (7)  200 ms
    ⠋ test (8)  200 ms
    ⠋ test (9)  200 ms
    ⠋ test (10)  200 ms
    … and 10 more jobs run
    ");
}

#[test]
fn long_and_wide_lines_take_one_row() {
    let (mut terminal, mut story) = (Terminal::new(8, 24), Story::default());
    story.job("a");
    story.step("a", 1, "A step with a name that is longer than the window");
    story.said("a", 1, &format!("{}\n日本語日本語日本語日本語\n\u{1b}[32m{}\n", "x".repeat(100_000), "é".repeat(40)));
    for _ in 0..3 {
        terminal.draw(&story, "");
    }
    insta::assert_snapshot!(terminal.shows(), @r"
    $ ekiden exec
    ⠋ a  0.0 ms
      ⠋ A step with a name…
        │ xxxxxxxxxxxxxxxx…
        │ 日本語日本語日本…
        │ éééééééééééééééé…
    ");
}

#[test]
fn a_window_may_grow_and_shrink_while_jobs_run() {
    let (mut terminal, story) = (Terminal::new(30, 60), three_jobs());
    terminal.draw(&story, "");
    terminal.resize(40, 100);
    terminal.draw(&story, "");
    let wide = terminal.shows();
    assert_eq!(wide.matches("⠋ docs").count(), 1, "{wide}");
    assert!(wide.starts_with("$ ekiden exec\n⠋ build"), "{wide}");
    terminal.resize(10, 30);
    terminal.draw(&story, "");
    terminal.draw(&story, "");
    insta::assert_snapshot!(terminal.shows(), @r"
    ⠋ build  300 ms
      ⠋ Work  300 ms
        │ build line 9
    ⠋ test  200 ms
      ⠋ Work  200 ms
        │ test line 9
    ⠋ docs  100 ms
      ⠋ Work  0.0 ms
        │ docs line 9
    ");
}

#[test]
fn a_narrower_window_has_wrapped_the_old_lines() {
    let mut screen = Screen::default();
    let lines = ["x".repeat(50), String::new(), "short".to_owned()];
    screen.frame(Window { rows: 24, columns: 80 }, "", &lines);
    // 50 cells are three rows of 20; an empty line is one.
    let frame = screen.frame(Window { rows: 24, columns: 20 }, "", &lines);
    assert!(frame.contains("\u{1b}[5F"), "{frame:?}");
}

#[test]
fn the_window_is_never_erased_from_its_first_cell() {
    // tmux takes that for `clear`, and keeps what stood there: a copy of the tree in the history with every frame.
    let (mut terminal, mut story) = (Terminal::new(12, 40), three_jobs());
    terminal.draw(&story, "");
    terminal.draw(&story, "");
    story.step_ended("build", 2, "Work", Conclusion::Success);
    story.job_ended("build", Conclusion::Success);
    let window = terminal.window();
    for leaving in ["", "✓ build  1.5 s\n"] {
        let frame = terminal.screen.frame(window, leaving, &story.lines(11));
        let up = frame.find("F").unwrap();
        assert!(!frame[up + 1..].starts_with("\u{1b}[J"), "{frame:?}");
        if !leaving.is_empty() {
            assert!(frame[up + 1..].starts_with("\u{1b}[2K\u{1b}[1B\u{1b}[J\u{1b}[1A✓ build"), "{frame:?}");
        }
    }
}

#[test]
fn what_others_wrote_stays_when_the_screen_was_forgotten() {
    let (mut terminal, mut story) = (Terminal::new(12, 40), Story::default());
    story.job("a");
    story.step("a", 1, "Work");
    terminal.draw(&story, "");
    terminal.parser.process(b"^Z\r\n[1]+  Stopped\r\n$ fg\r\n");
    terminal.screen.forget();
    terminal.draw(&story, "");
    insta::assert_snapshot!(terminal.shows(), @r"
    $ ekiden exec
    ⠋ a  0.0 ms
      ⠋ Work  0.0 ms
    ^Z
    [1]+  Stopped
    $ fg
    ⠋ a  0.0 ms
      ⠋ Work  0.0 ms
    ");
}
