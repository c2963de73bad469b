//! What `up` says of the runs of its project: those of each commit, as they go, and how they ended.

use crate::commands::client::{Follower, LOOK, Sight, client_failure, reference, verdict};
use crate::failure::Failure;
use crate::style::{Ink, Palette, data};
use crate::text::plain;
use api::{Client, PageQuery, Place, ProjectName, Run, RunQuery};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How often the server is asked for new runs while none is open.
const IDLE: Duration = Duration::from_millis(500);

/// From when the first of some runs was made until the last one ended.
fn length(runs: &[Run]) -> Duration {
    let made = runs.iter().filter_map(|run| run.created_at).min();
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

/// Follows the runs of a project.
#[derive(Debug)]
pub(super) struct Story {
    client: Client,
    project: ProjectName,
    known: HashSet<i64>,
}

impl Story {
    pub(super) fn new(client: Client, project: ProjectName) -> Self {
        Self { client, project, known: HashSet::new() }
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

    /// Tells of the runs that are there or come within `patience`, to their end. `began`: from when their time counts.
    pub(super) async fn tell(&mut self, patience: Duration, began: Option<Instant>) -> Result<Outcome, Failure> {
        let looked = Instant::now();
        let runs = loop {
            let runs = self.new_runs().await?;
            if !runs.is_empty() {
                break runs;
            }
            if looked.elapsed() >= patience {
                return Ok(Outcome::Nothing);
            }
            tokio::time::sleep(if began.is_some() { LOOK / 4 } else { IDLE }).await;
        };
        let palette = Palette::stdout();
        let first = &runs[0];
        let commit = first.head_sha.get(..8).unwrap_or(&first.head_sha);
        let title: String = plain(&first.display_title).chars().take(60).collect();
        let reference = reference(first).to_owned();
        data(&format!("\n{} {reference}  {title}\n", palette.paint(Ink::Strong, commit)))?;
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
            for run in self.new_runs().await? {
                open.push(Follower::new(self.client.clone(), self.project.clone(), run).named(&reference));
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
