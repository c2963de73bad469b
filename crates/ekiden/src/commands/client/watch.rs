//! Follows a run to its end: a line for each job that starts or ends, and of what failed the last lines of its log, first error first.
//! Called by `run watch`, `run dispatch --watch` and `up`.

use super::connect::failure;
use super::job::Lines;
use super::output::took;
use super::run::{file, find, jobs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Ink, Palette, data};
use api::{Client, Job, ProjectName, Run, Status};
use domain::Conclusion;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How often the server is asked.
const LOOK: Duration = Duration::from_millis(250);
/// So many lines of a failed job are shown.
const LAST_LINES: usize = 20;

/// What was last said of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Running,
    Over,
}

/// Follows a run. Exit code 1 when it did not go well, 7 when it takes longer than `timeout`.
pub(super) async fn follow(
    client: &Client,
    project: &ProjectName,
    run: Run,
    timeout: Option<Duration>,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let palette = Palette::stdout();
    data(&format!("run {}  {}  {}\n{}\n", run.id, file(&run), run.display_title, run.html_url))?;
    let mut said: HashMap<i64, Said> = HashMap::new();
    let mut failed: Vec<Job> = Vec::new();
    let run = loop {
        let (_, now) = find(client, run.id).await?;
        for job in jobs(client, project, run.id).await? {
            let new = match (job.status, job.conclusion) {
                (_, Some(_)) => Said::Over,
                (Status::InProgress, None) => Said::Running,
                _ => continue,
            };
            if said.insert(job.id, new) == Some(new) {
                continue;
            }
            data(&line(&job, palette))?;
            if job.conclusion == Some(Conclusion::Failure) {
                failed.push(job);
            }
        }
        if now.status == Status::Completed {
            break now;
        }
        if timeout.is_some_and(|timeout| began.elapsed() > timeout) {
            return Err(Failure::new(Exit::TimedOut, format!("run {} is not over yet", run.id))
                .fix(format!("ekiden run watch {}", run.id)));
        }
        tokio::time::sleep(LOOK).await;
    };
    failed.sort_by_key(|job| (job.completed_at, job.id));
    for job in failed.iter().take(3) {
        data(&format!("\n{}\n", palette.paint(Ink::Bad, format_args!("{} failed", job.name))))?;
        data(&last_lines(client, project, job).await?)?;
    }
    if let Some(fault) = &run.fault {
        data(&format!("\n{}\n{fault}\n", palette.paint(Ink::Bad, "this run could not be planned")))?;
    }
    let time = took(run.started_at.or(run.created_at), run.completed_at);
    match run.conclusion {
        Some(Conclusion::Success | Conclusion::Skipped) => {
            data(&format!("{} in {time}\n", palette.paint(Ink::Good, "green")))?;
            Ok(Exit::Ok)
        }
        conclusion => {
            let word = conclusion.map_or("not over", Conclusion::as_str);
            data(&format!("{} after {time}\n", palette.paint(Ink::Bad, word)))?;
            if let Some(job) = failed.first() {
                data(&format!(
                    "the whole log: ekiden job log {}; again: ekiden run rerun {} --failed\n",
                    job.id, run.id
                ))?;
            }
            Ok(Exit::Failed)
        }
    }
}

fn line(job: &Job, palette: Palette) -> String {
    let (mark, ink) = match job.conclusion {
        None => ("▶", Ink::Mark),
        Some(Conclusion::Success) => ("✓", Ink::Good),
        Some(Conclusion::Failure) => ("✗", Ink::Bad),
        Some(Conclusion::Cancelled) => ("■", Ink::Warn),
        Some(Conclusion::Skipped) => ("-", Ink::Dim),
    };
    let time = match job.conclusion {
        Some(Conclusion::Skipped) | None => String::new(),
        Some(_) => took(job.started_at, job.completed_at),
    };
    let name: String = job.name.chars().filter(|c| !c.is_control()).collect();
    format!("{} {name}  {}\n", palette.paint(ink, mark), palette.paint(Ink::Dim, time))
}

/// The lines around the first error of a log, else its last ones.
async fn last_lines(client: &Client, project: &ProjectName, job: &Job) -> Result<String, Failure> {
    let mut log = client.job_log(project, job.id).await.map_err(|error| failure(&error))?;
    let mut lines = Lines::default();
    let mut last: VecDeque<String> = VecDeque::new();
    let mut keep = |text: String| {
        for line in text.lines() {
            last.push_back(line.to_owned());
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
    };
    while let Some(piece) = log.next().await.map_err(|error| failure(&error))? {
        keep(lines.push(&piece));
    }
    keep(lines.rest());
    Ok(last.iter().map(|line| format!("  {}\n", clean(line))).collect())
}

/// What a job printed may colour, not move the cursor.
fn clean(line: &str) -> String {
    console::strip_ansi_codes(line).chars().filter(|c| !c.is_control()).collect()
}
