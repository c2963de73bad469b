//! How it looks. Pure: what was seen and the time in, a frame out.

use super::look::{Cursor, Look, Pane};
use crate::commands::client::length;
use crate::text::plain;
use api::{Admission, Status};
use domain::{Conclusion, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, TableState, Wrap};

/// What a person can do.
const KEYS: &str = "q quits · 1 2 3 Tab choose a list · ↑ ↓ move";
/// A window with fewer lines has none for the keys.
const SMALL: u16 = 14;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, look: &Look, cursor: Cursor, now: Timestamp) {
    // A small window shows lists first.
    let small = frame.area().height < SMALL;
    let (foot_lines, key_lines) = if small { (1, 0) } else { (2, 1) };
    let parts = [
        Constraint::Length(1),
        Constraint::Fill(2),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(foot_lines),
        Constraint::Length(key_lines),
    ];
    let [head, queue, runs, runners, foot, keys] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Paragraph::new(title(look)), head);
    let busy = look.runners.iter().filter(|runner| runner.busy).count();
    let waiting = look.queue.as_ref().map_or(0, |queue| queue.total_count);
    list(
        frame,
        queue,
        cursor,
        Pane::Queue,
        format!("1 queue: {waiting} waiting"),
        ["JOB", "NAME", "PROJECT", "ASKS FOR", "SINCE", "WHY"],
        &[7, 20, 18, 14, 7, 0],
        queue_rows(look, now),
    );
    list(
        frame,
        runs,
        cursor,
        Pane::Runs,
        "2 runs".to_owned(),
        ["RUN", "STATE", "PROJECT", "WORKFLOW", "TOOK", "TITLE"],
        &[7, 12, 18, 16, 7, 0],
        run_rows(look, now),
    );
    list(
        frame,
        runners,
        cursor,
        Pane::Runners,
        match look.runners.len() {
            listed if listed < look.all_runners => {
                format!("3 runners: {busy} of the first {listed} busy, {} in all", look.all_runners)
            }
            listed => format!("3 runners: {busy} of {listed} busy"),
        },
        ["ID", "STATE", "NAME", "JOBS", "HEARD", "LABELS"],
        &[7, 12, 18, 5, 7, 0],
        runner_rows(look, now),
    );
    let foot_text = match (&look.trouble, detail(look, cursor)) {
        (Some(trouble), _) => Span::styled(trouble.clone(), Style::new().fg(Color::Red)),
        (None, detail) => Span::raw(detail.unwrap_or_default()),
    };
    frame.render_widget(Paragraph::new(Line::from(foot_text)).wrap(Wrap { trim: true }), foot);
    frame.render_widget(Paragraph::new(Line::styled(KEYS, Style::new().add_modifier(Modifier::DIM))), keys);
}

fn title(look: &Look) -> Line<'static> {
    let strong = Style::new().add_modifier(Modifier::BOLD);
    let mut line = vec![Span::styled("ekiden top", strong), Span::raw(format!("  {}", look.url))];
    if look.trouble.is_some() {
        line.push(Span::styled("  the last look failed; this is what was seen before", Style::new().fg(Color::Red)));
    }
    Line::from(line)
}

#[expect(clippy::too_many_arguments, reason = "one list: where, what it is called, its heads, widths and rows")]
fn list(
    frame: &mut Frame<'_>,
    area: Rect,
    cursor: Cursor,
    pane: Pane,
    name: String,
    head: [&'static str; 6],
    widths: &[u16; 6],
    rows: Vec<Row<'static>>,
) {
    let is_here = cursor.pane == pane;
    let style =
        if is_here { Style::new().add_modifier(Modifier::BOLD) } else { Style::new().add_modifier(Modifier::DIM) };
    let block = Block::new().borders(Borders::TOP).title(Span::styled(format!(" {name} "), style));
    let widths = widths.map(|width| if width == 0 { Constraint::Fill(1) } else { Constraint::Length(width) });
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::DIM)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(block);
    let mut state = TableState::new().with_selected(is_here.then_some(cursor.row));
    frame.render_stateful_widget(table, area, &mut state);
}

fn queue_rows(look: &Look, now: Timestamp) -> Vec<Row<'static>> {
    let jobs = look.queue.iter().flat_map(|queue| &queue.jobs);
    jobs.map(|job| {
        let why = job.why.as_ref().map_or_else(String::new, |why| why.text.clone());
        let since = job.queued_at.map_or_else(|| "-".to_owned(), |at| length(now.since(at)));
        Row::new([job.id.to_string(), plain(&job.name), job.project.clone(), job.labels.join(","), since, plain(&why)])
    })
    .collect()
}

fn run_rows(look: &Look, now: Timestamp) -> Vec<Row<'static>> {
    let rows = look.runs.iter().map(|run| {
        let (word, color) = match (run.status, run.conclusion) {
            (_, Some(Conclusion::Success)) => ("success", Color::Green),
            (_, Some(Conclusion::Failure)) => ("failure", Color::Red),
            (_, Some(Conclusion::Cancelled)) => ("cancelled", Color::Yellow),
            (_, Some(Conclusion::Skipped)) => ("skipped", Color::DarkGray),
            (Status::InProgress, None) => ("in_progress", Color::Cyan),
            (status, None) => (status.word(), Color::Reset),
        };
        let project = run.repository.as_ref().map_or_else(String::new, |repository| repository.full_name.clone());
        let path = run.path.split('@').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or(path).to_owned();
        let took =
            run.started_at.map_or_else(|| "-".to_owned(), |from| length(run.completed_at.unwrap_or(now).since(from)));
        Row::new([
            Cell::new(run.id.to_string()),
            Cell::new(word).style(Style::new().fg(color)),
            Cell::new(project),
            Cell::new(file),
            Cell::new(took),
            Cell::new(plain(&run.display_title)),
        ])
    });
    rows.collect()
}

fn runner_rows(look: &Look, now: Timestamp) -> Vec<Row<'static>> {
    let rows = look.runners.iter().map(|runner| {
        let (word, color) = match (runner.admission, runner.status.as_str()) {
            (Admission::Draining, _) => ("draining", Color::Yellow),
            (Admission::Disabled, _) => ("disabled", Color::Yellow),
            (_, "offline") => ("offline", Color::Red),
            _ if runner.busy => ("busy", Color::Cyan),
            _ => ("idle", Color::Green),
        };
        let labels: Vec<&str> = runner.labels.iter().map(|label| label.name.as_str()).collect();
        let jobs = runner.tasks.len().to_string();
        Row::new([
            Cell::new(runner.id.to_string()),
            Cell::new(word).style(Style::new().fg(color)),
            Cell::new(plain(&runner.name)),
            Cell::new(jobs),
            Cell::new(runner.last_online.map_or_else(|| "-".to_owned(), |at| length(now.since(at)))),
            Cell::new(labels.join(",")),
        ])
    });
    rows.collect()
}

/// What there is to say about the chosen row: why a job waits and what helps, where a run is shown, all labels of a runner.
fn detail(look: &Look, cursor: Cursor) -> Option<String> {
    match cursor.pane {
        Pane::Queue => {
            let why = look.queue.as_ref()?.jobs.get(cursor.row)?.why.as_ref()?;
            let fix = why.fix.as_ref().map(|fix| format!(" · fix: {fix}")).unwrap_or_default();
            Some(plain(&format!("{}{fix}", why.text)))
        }
        Pane::Runs => look.runs.get(cursor.row).map(|run| plain(&run.html_url)),
        Pane::Runners => {
            let labels: Vec<&str> =
                look.runners.get(cursor.row)?.labels.iter().map(|label| label.name.as_str()).collect();
            Some(plain(&format!("labels: {}", labels.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::commands::top::look::{Cursor, Look, Pane};
    use api::{Queue, Run, Runner};
    use domain::Timestamp;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::{from_value, json};

    fn look() -> Look {
        let queue: Queue = from_value(json!({"total_count": 1, "reasons": [], "jobs": [
            {"id": 41, "run_id": 7, "project": "own/repo", "name": "train\u{1b}[2J", "labels": ["gpu"], "queued_at": "1970-01-01T00:01:00Z",
             "why": {"status": "queued", "text": "no runner serves gpu", "reason": "no_matching_label", "fix": "add the label to a runner"}}]}))
        .unwrap();
        let run: Run = from_value(json!({"id": 7, "url": "", "previous_attempt_url": null, "html_url": "http://h/own/repo/runs/7",
            "display_title": "Faster", "path": ".github/workflows/ci.yml@refs/heads/main", "event": "push", "run_attempt": 1, "run_number": 3,
            "head_sha": "abc", "status": "in_progress", "started_at": "1970-01-01T00:01:01Z", "repository": {"id": 1, "name": "repo", "full_name": "own/repo"}}))
        .unwrap();
        let runner: Runner = from_value(json!({"id": 2, "name": "vm", "status": "online", "busy": true, "disabled": false, "ephemeral": false,
            "labels": [{"id": 1, "name": "linux", "type": "custom"}], "tasks": [12], "last_online": "1970-01-01T00:01:59Z"}))
        .unwrap();
        Look {
            url: "http://h".into(),
            queue: Some(queue),
            runs: vec![run],
            runners: vec![runner],
            all_runners: 1,
            trouble: None,
        }
    }

    fn shown(look: &Look, cursor: Cursor) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 18)).unwrap();
        terminal.draw(|frame| draw(frame, look, cursor, Timestamp(120_000))).unwrap();
        let text = terminal.backend().to_string();
        text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_waits_what_runs_and_who_runs_it() {
        insta::assert_snapshot!(shown(&look(), Cursor::default()));
        let text = shown(&look(), Cursor::to(Pane::Runs));
        assert!(text.contains("\nhttp://h/own/repo/runs/7\n"), "{text}");
        let many = shown(&Look { all_runners: 240, ..look() }, Cursor::default());
        assert!(many.contains("3 runners: 1 of the first 1 busy, 240 in all"), "{many}");
    }

    #[test]
    fn no_window_is_too_small() {
        for (width, height) in [(1, 1), (20, 3), (50, 9), (300, 80)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw(frame, &look(), Cursor::default(), Timestamp(120_000))).unwrap();
        }
    }

    #[test]
    fn trouble_is_told_and_what_was_seen_stays() {
        let look = Look { trouble: Some("could not list: no answer".into()), ..look() };
        let text = shown(&look, Cursor::default());
        assert!(text.contains("no answer") && text.contains("Faster"), "{text}");
        assert!(text.lines().next().unwrap().contains("the last look failed"), "{text}");
        let empty = shown(&Look::default(), Cursor::default());
        assert!(empty.contains("0 waiting") && empty.contains("q quits"), "{empty}");
    }

    #[test]
    fn the_cursor_stays_within_the_list() {
        let look = look();
        assert_eq!(Cursor::default().by(5, &look).row, 0);
        assert_eq!(Cursor { pane: Pane::Runs, row: 9 }.by(-1, &look).row, 0);
        assert_eq!([Pane::Queue, Pane::Runs, Pane::Runners].map(Pane::next), [Pane::Runs, Pane::Runners, Pane::Queue]);
    }
}
