//! What `up` says of the runs of its project: those of each commit, as they go, and how they ended.

use crate::commands::client::{Follower, LOOK, Sight, client_failure, made, reference, verdict};
use crate::failure::Failure;
use crate::style::{Ink, Palette, data};
use crate::text::plain;
use api::{Client, PageQuery, Place, ProjectName, Run, RunQuery};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How often the server is asked for new runs while none is open.
const IDLE: Duration = Duration::from_millis(500);

/// The event of what a commit starts.
pub(super) const PUSH: &str = "push";

/// From when the first of some runs was made until the last one ended.
fn length(runs: &[Run]) -> Duration {
    let made = runs.iter().filter_map(made).min();
    let ended = runs.iter().filter_map(|run| run.completed_at).max();
    made.zip(ended).map_or(Duration::ZERO, |(made, ended)| ended.since(made))
}

/// How the runs of a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Green,
    Red,
    /// Nothing ran.
    Nothing,
}

/// Which runs are told of next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    Any,
    /// What a push of this commit started.
    Push(&'a str),
}

impl Which<'_> {
    fn is(self, run: &Run) -> bool {
        match self {
            Self::Any => true,
            Self::Push(commit) => run.event == PUSH && run.head_sha == commit,
        }
    }
}

/// Follows the runs of a project.
#[derive(Debug)]
pub(super) struct Story {
    client: Client,
    project: ProjectName,
    known: HashSet<i64>,
    /// Those that were seen, and are told of when their turn comes.
    waiting: Vec<Run>,
}

impl Story {
    pub(super) fn new(client: Client, project: ProjectName) -> Self {
        Self { client, project, known: HashSet::new(), waiting: Vec::new() }
    }

    /// The newest runs of the project; none of those that were told of.
    async fn new_runs(&mut self) -> Result<Vec<Run>, Failure> {
        let place = Place::Project(self.project.clone());
        let page = PageQuery { page: None, limit: Some(50) };
        let found = self.client.runs(&place, &RunQuery::default(), page).await;
        let mut found = found.map_err(|error| client_failure(&error))?.workflow_runs;
        found.retain(|run| self.known.insert(run.id));
        found.reverse();
        Ok(found)
    }

    /// Lets what ran before this start be.
    pub(super) async fn forget_old(&mut self, but: &[i64]) -> Result<(), Failure> {
        let old = self.new_runs().await?;
        for run in old.iter().filter(|run| but.contains(&run.id)) {
            self.known.remove(&run.id);
        }
        Ok(())
    }

    /// Takes the runs out of those that wait which one thing started: a push of a commit, or else one run alone.
    async fn next(&mut self, which: Which<'_>) -> Result<Vec<Run>, Failure> {
        let new = self.new_runs().await?;
        self.waiting.extend(new);
        let Some(at) = self.waiting.iter().position(|run| which.is(run)) else { return Ok(Vec::new()) };
        let first = self.waiting.remove(at);
        if first.event != PUSH {
            return Ok(vec![first]);
        }
        let with = self.waiting.extract_if(.., |run| Which::Push(&first.head_sha).is(run)).collect::<Vec<_>>();
        Ok(std::iter::once(first).chain(with).collect())
    }

    /// Tells of the next runs that are there or come within `patience`, to their end. `began`: from when their time counts.
    pub(super) async fn tell(
        &mut self,
        which: Which<'_>,
        patience: Duration,
        began: Option<Instant>,
    ) -> Result<Outcome, Failure> {
        let looked = Instant::now();
        let runs = loop {
            let runs = self.next(which).await?;
            if !runs.is_empty() {
                break runs;
            }
            if looked.elapsed() >= patience {
                return Ok(Outcome::Nothing);
            }
            tokio::time::sleep(if began.is_some() { LOOK / 4 } else { IDLE }).await;
        };
        let first = runs[0].clone();
        data(&head(&first))?;
        let reference = reference(&first).to_owned();
        let is_one = runs.len() == 1;
        let mut open: Vec<Follower> = runs
            .into_iter()
            .map(|run| Follower::new(self.client.clone(), self.project.clone(), run))
            .map(|follower| if is_one { follower } else { follower.named(&reference) })
            .collect();
        let mut over: Vec<Follower> = Vec::new();
        while !open.is_empty() {
            let mut still = Vec::new();
            for mut follower in open {
                match follower.look().await? {
                    Sight::Open => still.push(follower),
                    Sight::Over => over.push(follower),
                }
            }
            open = still;
            if !open.is_empty() {
                tokio::time::sleep(LOOK / 4).await;
            }
            // What the same push started a moment later belongs to it.
            if first.event == PUSH {
                for run in self.next(Which::Push(&first.head_sha)).await? {
                    open.push(Follower::new(self.client.clone(), self.project.clone(), run).named(&reference));
                }
            }
        }
        for follower in &mut over {
            follower.faults().await?;
        }
        let is_green = over.iter().all(Follower::is_green);
        let runs: Vec<Run> = over.into_iter().map(|follower| follower.run).collect();
        let time = began.map_or_else(|| length(&runs), |began| began.elapsed());
        data(&verdict(&runs, time))?;
        Ok(if is_green { Outcome::Green } else { Outcome::Red })
    }
}

/// The line above what is told of a run and those that came with it.
fn head(run: &Run) -> String {
    let commit = run.head_sha.get(..8).unwrap_or(&run.head_sha);
    let title: String = plain(&run.display_title).chars().take(60).collect();
    let event = if run.event == PUSH { String::new() } else { format!(" ({})", plain(&run.event)) };
    format!("\n{} {}{event}  {title}\n", Palette::stdout().paint(Ink::Strong, commit), reference(run))
}
