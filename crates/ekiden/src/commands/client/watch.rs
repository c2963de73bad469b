//! Follows a run to its end: a line for each job that starts or ends, and of what failed the lines around its first error.
//! Called by `run watch`, `run dispatch --watch` and `up`.

use super::connect::failure;
use super::first_error::Excerpt;
use super::job::Lines;
use super::output::{length, took};
use super::run::{file, find, jobs, reference};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Ink, Palette, data, note};
use crate::text::{lines, plain};
use api::{Client, Job, LogText, ProjectName, Run, Status, Step};
use domain::{Conclusion, Timestamp};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often the server is asked while a run is open.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// So many failed jobs are shown; the others are listed.
const SHOWN: usize = 3;

/// A job that waits longer than this is told of with its reason, for the first few.
const WAITS: Duration = Duration::from_secs(3);
const WAITING: usize = 3;

/// What was last said of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nothing yet: it waits since then.
    Nothing(Instant),
    /// Why it waits.
    Waits,
    Running,
    Over,
}

/// Whether there is more to see of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    Open,
    Over,
}

/// One run that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    client: Client,
    project: ProjectName,
    pub(crate) run: Run,
    said: HashMap<i64, Said>,
    failed: Vec<Job>,
    /// Before each line: which workflow it is about, where several are followed.
    prefix: String,
}

impl Follower {
    pub(crate) fn new(client: Client, project: ProjectName, run: Run) -> Self {
        Self { client, project, run, said: HashMap::new(), failed: Vec::new(), prefix: String::new() }
    }

    /// Says with each line which workflow it is about, and of which branch or tag, where that is another than the one that was named.
    pub(crate) fn named(self, known: &str) -> Self {
        let of = match reference(&self.run) {
            own if own == known => String::new(),
            own => format!("{own}: "),
        };
        Self { prefix: format!("{of}{} › ", file(&self.run)), ..self }
    }

    /// Looks once, and prints what is new.
    pub(crate) async fn look(&mut self) -> Result<Sight, Failure> {
        // The run first: a run that is over has no more news of its jobs.
        let (_, run) = find(&self.client, self.run.id).await?;
        let mut jobs = jobs(&self.client, &self.project, run.id).await?;
        jobs.sort_by_key(turn);
        for job in jobs {
            let new = match (job.status, job.conclusion) {
                (_, Some(_)) => Said::Over,
                (Status::InProgress, None) => Said::Running,
                (Status::Queued, None) => {
                    self.waits(&job).await;
                    continue;
                }
                _ => continue,
            };
            if self.said.insert(job.id, new) == Some(new) {
                continue;
            }
            data(&line(&self.prefix, &job))?;
            if job.conclusion == Some(Conclusion::Failure) {
                self.failed.push(job);
            }
        }
        self.run = run;
        Ok(if self.run.status == Status::Completed { Sight::Over } else { Sight::Open })
    }

    /// Says of a job that does not start why it does not.
    async fn waits(&mut self, job: &Job) {
        let since = match self.said.entry(job.id).or_insert_with(|| Said::Nothing(Instant::now())) {
            Said::Nothing(since) => *since,
            Said::Waits | Said::Running | Said::Over => return,
        };
        let told = self.said.values().filter(|said| **said == Said::Waits).count();
        if since.elapsed() < WAITS || told >= WAITING {
            return;
        }
        // One that starts this moment has no reason any more.
        let Ok(why) = self.client.why(&self.project, job.id).await else { return };
        if why.reason.is_some() {
            let fix = why.fix.map(|fix| format!("; fix: {fix}")).unwrap_or_default();
            note(format!("{}{} waits: {}{fix}", self.prefix, plain(&job.name), plain(&why.text)));
            self.said.insert(job.id, Said::Waits);
        }
    }

    /// Prints what went wrong, the first error first.
    pub(crate) async fn faults(&mut self) -> Result<(), Failure> {
        // What may fail made nothing fail.
        if self.is_green() {
            return Ok(());
        }
        let palette = Palette::stdout();
        if let Some(fault) = &self.run.fault {
            let fault = lines(fault);
            data(&format!("\n{}\n{fault}\n", palette.paint(Ink::Bad, format_args!("{} cannot run", file(&self.run)))))?;
        }
        self.failed.sort_by_key(|job| (job.completed_at, job.id));
        for job in self.failed.iter().take(SHOWN) {
            // One without a name is at the head of its lines.
            let named = failed_step(job).filter(|step| !step.name.starts_with("Run "));
            let at = named.map(|step| format!(": {}", plain(&step.name))).unwrap_or_default();
            data(&format!(
                "\n{}\n",
                palette.paint(Ink::Bad, format_args!("{}{} failed{at}", self.prefix, plain(&job.name)))
            ))?;
            data(&self.first_error(job).await?)?;
            data(&format!(
                "  {}\n",
                palette.paint(Ink::Dim, format_args!("the whole log: ekiden job log {}", job.id))
            ))?;
        }
        if !self.failed.is_empty() {
            let again = format!("again: ekiden run rerun {} --failed", self.run.id);
            data(&format!("  {}\n\n", palette.paint(Ink::Dim, again)))?;
        }
        Ok(())
    }

    /// Whether it went well.
    pub(crate) fn is_green(&self) -> bool {
        matches!(self.run.conclusion, Some(Conclusion::Success | Conclusion::Skipped))
    }

    /// What the step says that failed first; where nobody knows which, what the whole log does.
    async fn first_error(&self, job: &Job) -> Result<String, Failure> {
        let failed = |error| failure(&error);
        if let Some(step) = failed_step(job) {
            let log = self.client.step_log(&self.project, job.id, step.number).await.map_err(failed)?;
            let text = read(log, Excerpt::of_step()).await?;
            if !text.is_empty() {
                return Ok(text);
            }
        }
        read(self.client.job_log(&self.project, job.id).await.map_err(failed)?, Excerpt::default()).await
    }
}

/// The step that made a job fail: what may fail counts as a success.
fn failed_step(job: &Job) -> Option<&Step> {
    job.steps.iter().find(|step| step.conclusion == Some(Conclusion::Failure))
}

async fn read(mut log: LogText, mut excerpt: Excerpt) -> Result<String, Failure> {
    let mut lines = Lines::default();
    while let Some(piece) = log.next().await.map_err(|error| failure(&error))? {
        excerpt.push(&lines.push(&piece));
    }
    excerpt.push(&lines.rest());
    Ok(excerpt.text())
}

/// Follows one run. Exit code 1 when it did not go well, 7 when it takes longer than `timeout`.
pub(super) async fn follow(
    client: &Client,
    project: &ProjectName,
    run: Run,
    timeout: Option<Duration>,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    data(&format!("run {}  {}  {}\n{}\n", run.id, file(&run), plain(&run.display_title), run.html_url))?;
    let mut follower = Follower::new(client.clone(), project.clone(), run);
    while follower.look().await? == Sight::Open {
        if timeout.is_some_and(|timeout| began.elapsed() > timeout) {
            return Err(Failure::new(Exit::TimedOut, format!("run {} is not over yet", follower.run.id))
                .fix(format!("ekiden run watch {}", follower.run.id)));
        }
        tokio::time::sleep(LOOK).await;
    }
    follower.faults().await?;
    let run = &follower.run;
    let time = match (made(run), run.completed_at) {
        (Some(from), Some(to)) => to.since(from),
        _ => began.elapsed(),
    };
    data(&verdict(std::slice::from_ref(run), time))?;
    Ok(if follower.is_green() { Exit::Ok } else { Exit::Failed })
}

/// From when the time of a run counts: the first try was made long before another one began.
pub(crate) const fn made(run: &Run) -> Option<Timestamp> {
    match (run.started_at, run.created_at) {
        (Some(started), _) if run.run_attempt > 1 => Some(started),
        (_, created) => created,
    }
}

/// `green in 1.2s`, or what it was instead.
pub(crate) fn verdict(runs: &[Run], time: Duration) -> String {
    let palette = Palette::stdout();
    let wrong = runs.iter().find(|run| !matches!(run.conclusion, Some(Conclusion::Success | Conclusion::Skipped)));
    match wrong {
        None => format!("{} in {}\n", palette.paint(Ink::Good, "green"), length(time)),
        Some(run) => {
            let word = run.conclusion.map_or("not over", Conclusion::as_str);
            format!("{} after {}: {}\n", palette.paint(Ink::Bad, word), length(time), file(run))
        }
    }
}

/// The order in which the news of one look are told: what ended, then what started, each by its time.
fn turn(job: &Job) -> (bool, u64, bool, i64) {
    let time = |moment: Option<Timestamp>| moment.map_or(u64::MAX, |moment| moment.0);
    match job.conclusion {
        Some(end) => (false, time(job.completed_at), end == Conclusion::Skipped, job.id),
        None => (true, time(job.started_at), false, job.id),
    }
}

fn line(prefix: &str, job: &Job) -> String {
    let palette = Palette::stdout();
    let (mark, ink) = match job.conclusion {
        None => ("▶", Ink::Mark),
        Some(Conclusion::Success) => ("✓", Ink::Good),
        Some(Conclusion::Failure) => ("✗", Ink::Bad),
        Some(Conclusion::Cancelled) => ("■", Ink::Warn),
        Some(Conclusion::Skipped) => ("○", Ink::Dim),
    };
    let time = match job.conclusion {
        Some(Conclusion::Skipped) => "skipped".to_owned(),
        // One that ended before it was heard of.
        _ if job.started_at.is_none() => String::new(),
        None => String::new(),
        Some(_) => took(job.started_at, job.completed_at),
    };
    let line = format!("{} {prefix}{}  {}", palette.paint(ink, mark), plain(&job.name), palette.paint(Ink::Dim, time));
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{made, turn};
    use domain::Timestamp;

    #[test]
    fn the_time_of_another_try_is_its_own() {
        let run = |attempt| -> api::Run {
            serde_json::from_value(serde_json::json!({
                "id": 1, "url": "", "html_url": "", "display_title": "", "path": "", "event": "push", "run_attempt": attempt, "run_number": 1,
                "head_sha": "", "status": "completed", "created_at": "1970-01-01T00:00:01Z", "started_at": "1970-01-01T00:01:00Z",
            }))
            .unwrap()
        };
        assert_eq!([made(&run(1)), made(&run(2))], [Some(Timestamp(1_000)), Some(Timestamp(60_000))]);
    }

    #[test]
    fn what_ended_is_told_in_the_order_of_time() {
        let job = |id: i64, conclusion: Option<&str>, second: u64| -> api::Job {
            let at = format!("1970-01-01T00:00:{second:02}Z");
            let status = if conclusion.is_some() { "completed" } else { "in_progress" };
            serde_json::from_value(serde_json::json!({
                "id": id, "url": "", "html_url": "", "run_id": 1, "run_url": "", "name": "", "run_attempt": 1, "head_sha": "",
                "status": status, "conclusion": conclusion, "started_at": at, "completed_at": conclusion.map(|_| at.clone()),
            }))
            .unwrap()
        };
        let mut jobs = [
            job(1, Some("success"), 9),
            job(2, None, 3),
            job(3, Some("skipped"), 5),
            job(4, Some("failure"), 5),
            job(5, None, 2),
        ];
        jobs.sort_by_key(turn);
        assert_eq!(jobs.map(|job| job.id), [4, 3, 1, 5, 2]);
    }
}
