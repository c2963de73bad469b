//! `ekiden job`: the log of a job, and why it waits.

use super::connect::{connect, failure};
use super::output::{length, one};
use super::watch::LOOK;
use crate::args::{JobCommand, JobLogArgs, JobWhyArgs};
use crate::commands::runtime;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{JobColors, data, job_colors, note};
use crate::text::plain;
use crate::view::clean;
use api::{Client, FaultKind, Job, LogText, ProjectName, Status, Why};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

/// Runs one of its verbs.
pub(crate) fn run(command: &JobCommand) -> Result<Exit, Failure> {
    match command {
        JobCommand::Log(args) => runtime()?.block_on(log(args)),
        JobCommand::Why(args) => runtime()?.block_on(why(args)),
    }
}

/// A job and its project.
async fn find(client: &Client, job: i64) -> Result<(ProjectName, Job), Failure> {
    let job = client.job_by_id(job).await.map_err(|error| failure(&error))?;
    let project = job.project.parse::<ProjectName>();
    let project = project.map_err(|error| Failure::platform("the server names no project").cause(&error))?;
    Ok((project, job))
}

async fn log(args: &JobLogArgs) -> Result<Exit, Failure> {
    let client = connect(&args.at)?;
    let (project, job) = find(&client, args.job).await?;
    let mut log = if args.follow {
        begun(&client, &project, job.id).await?
    } else {
        client.job_log(&project, job.id).await.map_err(|error| failure(&error))?
    };
    let mut lines = Lines { keep_times: args.timestamps, ..Lines::default() };
    let (colors, to) = (job_colors(), if std::io::stdout().is_terminal() { To::Terminal } else { To::Pipe });
    while let Some(piece) = log.next().await.map_err(|error| failure(&error))? {
        data(&printed(lines.push(&piece), colors, to))?;
    }
    data(&printed(lines.rest(), colors, to))?;
    Ok(Exit::Ok)
}

/// The log of a job, which may have to begin yet; why it waits is said once.
async fn begun(client: &Client, project: &ProjectName, job: i64) -> Result<LogText, Failure> {
    let mut said = false;
    loop {
        // Asked first: a job that was over has the log that it will ever have.
        let now = client.job(project, job).await.map_err(|error| failure(&error))?;
        match client.follow_job_log(project, job).await {
            Err(error) if error.kind() == FaultKind::Missing && now.status != Status::Completed => {}
            log => return log.map_err(|error| failure(&error)),
        }
        // One that starts this moment has no reason any more.
        if !said
            && let Ok(why) = client.why(project, job).await
            && why.reason.is_some()
        {
            let fix = why.fix.map(|fix| format!("; fix: {}", plain(&fix))).unwrap_or_default();
            note(format!("{} waits: {}{fix}", plain(&now.name), plain(&why.text)));
            said = true;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where a log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// What moves its cursor or names its window is taken out.
    Terminal,
    /// As it is.
    Pipe,
}

fn printed(text: String, colors: JobColors, to: To) -> String {
    let text = match to {
        To::Terminal => text.lines().map(|line| clean(line) + "\n").collect(),
        To::Pipe => text,
    };
    match colors {
        JobColors::Kept => text,
        JobColors::Removed => console::strip_ansi_codes(&text).into_owned(),
    }
}

/// Takes the times off lines that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) keep_times: bool,
    open: Vec<u8>,
}

impl Lines {
    /// The whole lines that a piece completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> String {
        self.open.extend_from_slice(piece);
        let Some(end) = self.open.iter().rposition(|byte| *byte == b'\n') else { return String::new() };
        let whole: Vec<u8> = self.open.drain(..=end).collect();
        let text = String::from_utf8_lossy(&whole);
        text.split_inclusive('\n').map(|line| self.shown(line)).collect()
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> String {
        let rest = String::from_utf8_lossy(&std::mem::take(&mut self.open)).into_owned();
        if rest.is_empty() { rest } else { format!("{}\n", self.shown(&rest)) }
    }

    fn shown<'a>(&self, line: &'a str) -> &'a str {
        match line.split_once(' ') {
            // `2026-01-31T10:00:00.1234567Z text`
            Some((time, text)) if !self.keep_times && time.ends_with('Z') && time.as_bytes().get(10) == Some(&b'T') => {
                text
            }
            _ => line,
        }
    }
}

async fn why(args: &JobWhyArgs) -> Result<Exit, Failure> {
    let client = connect(&args.show.at)?;
    let (project, job) = find(&client, args.job).await?;
    let why = client.why(&project, job.id).await.map_err(|error| failure(&error))?;
    one(args.show.output, &why, || text(&job, &why))?;
    Ok(Exit::Ok)
}

/// The reason first, then what it is not, then what helps.
fn text(job: &Job, why: &Why) -> String {
    let mut out = format!("{} of {} · {}", plain(&job.name), job.project, why.status.word());
    if let Some(reason) = &why.reason {
        let _never = write!(out, " · {reason}");
    }
    if let Some(position) = &why.position {
        let _never = write!(out, " · {} of {}", position.place, position.of);
    }
    let _never = writeln!(out, "\n  {}", plain(&why.text));
    if let Some(estimate) = &why.estimate {
        let (likely, late) = (Duration::try_from_secs_f64(estimate.p50_s), Duration::try_from_secs_f64(estimate.p90_s));
        if let (Ok(likely), Ok(late)) = (likely, late) {
            let _never = writeln!(out, "  starts in ~{} (p50), {} (p90)", length(likely), length(late));
        }
    }
    if !why.passed.is_empty() {
        let _never = writeln!(out, "  passed: {}", why.passed.join(", "));
    }
    if let Some(fix) = &why.fix {
        let _never = writeln!(out, "  fix: {}", plain(fix));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Lines, To, printed};
    use crate::style::JobColors;

    #[test]
    fn a_log_does_not_move_the_cursor_of_a_terminal() {
        let said = "\u{1b}]0;title\u{7}\u{1b}[31mred\u{1b}[0m\u{1b}[2J end\nnext\n";
        let of = |colors, to| printed(said.to_owned(), colors, to);
        assert_eq!(of(JobColors::Kept, To::Pipe), said);
        assert_eq!(of(JobColors::Kept, To::Terminal), "\u{1b}[31mred\u{1b}[0m end\u{1b}[0m\nnext\n");
        assert_eq!(of(JobColors::Removed, To::Terminal), "red end\nnext\n");
        assert_eq!(of(JobColors::Removed, To::Pipe), " end\nnext\n".replace(" end", "red end"));
    }

    #[test]
    fn times_are_taken_off_lines_that_come_in_pieces() {
        let mut lines = Lines::default();
        let mut out = lines.push(b"2026-01-31T10:00:00.1234567Z one two\n2026-01-31T10:0");
        out.push_str(&lines.push(b"0:00Z three\nno time\n2026-01-31T10:00:00Z \n"));
        out.push_str(&lines.push(b"2026-01-31T10:00:00Z open"));
        out.push_str(&lines.rest());
        assert_eq!(out, "one two\nthree\nno time\n\nopen\n");
        let mut kept = Lines { keep_times: true, ..Lines::default() };
        assert_eq!(kept.push(b"2026-01-31T10:00:00Z x\n"), "2026-01-31T10:00:00Z x\n");
    }
}
