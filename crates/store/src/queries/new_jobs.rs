//! Jobs that come into a held run, take the place of held ones, or go. Compiled for both databases.

use super::held_run::HeldRun;
use super::{Conn, Db, jobs, runs};
use crate::error::StoreError;
use crate::jobs::NewJob;
use domain::Timestamp;
use domain::control::{JobNumber, JobPhase, JobRefusal, RunJob};
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// So many rows go in one statement; what is left goes one by one, so that the database sees few different statements.
const AT_ONCE: usize = 32;

/// Makes jobs of a run and counts them. One that is over already is no news to whoever made it, and its end is not counted.
pub(super) async fn add(
    conn: &mut Conn,
    run: &mut HeldRun,
    jobs: &[NewJob],
    now: Timestamp,
) -> Result<Vec<JobNumber>, StoreError> {
    for job in jobs {
        run.tally.add(RunJob::of(&job.phase, job.tolerance));
    }
    insert(conn, run, jobs, now).await
}

/// Makes jobs of a run that counts them already.
pub(super) async fn insert(
    conn: &mut Conn,
    run: &HeldRun,
    jobs: &[NewJob],
    now: Timestamp,
) -> Result<Vec<JobNumber>, StoreError> {
    let mut made = Vec::with_capacity(jobs.len());
    let many = jobs.len() - jobs.len() % AT_ONCE;
    for chunk in jobs[..many].chunks(AT_ONCE).chain(jobs[many..].chunks(1)) {
        let mut query = QueryBuilder::<Db>::new(
            "INSERT INTO jobs (run_id, run_attempt, project_id, job_key, name, labels, priority, tolerance, document, facts,
                               phase, word, outputs, created_at, finished_at) ",
        );
        let mut rows = Vec::with_capacity(chunk.len());
        for job in chunk {
            let json = (runs::written(&job.labels)?, runs::written(&job.tolerance)?, runs::written(&job.phase)?);
            rows.push((job, json));
        }
        query.push_values(rows, |mut row, (job, (labels, tolerance, phase))| {
            row.push_bind(run.id.0)
                .push_bind(i64::from(run.attempt.get()))
                .push_bind(run.project.0)
                .push_bind(job.id.as_str().to_owned())
                .push_bind(job.name.clone())
                .push_bind(labels)
                .push_bind(i64::from(job.priority))
                .push_bind(tolerance)
                .push_bind(job.document.clone())
                .push_bind(job.facts.to_string())
                .push_bind(phase)
                .push_bind(job.phase.standing().word())
                .push_bind("{}")
                .push_bind(now.0.cast_signed())
                .push_bind(job.phase.end().map(|_| now.0.cast_signed()));
        });
        query.push(" ON CONFLICT DO NOTHING RETURNING id, job_key");
        let ids: Vec<(i64, String)> = query.build_query_as().fetch_all(&mut *conn).await?;
        // No database promises an order here.
        let ids: HashMap<String, i64> = ids.into_iter().map(|(id, key)| (key, id)).collect();
        if ids.len() < chunk.len() {
            return Err(twice(chunk, &ids));
        }
        made.extend(chunk.iter().filter_map(|job| ids.get(job.id.as_str()).copied().map(JobNumber)));
    }
    Ok(made)
}

/// The error of jobs of which not all were made.
fn twice(jobs: &[NewJob], made: &HashMap<String, i64>) -> StoreError {
    let mut seen = std::collections::HashSet::new();
    let one = jobs.iter().find(|job| !made.contains_key(job.id.as_str()) || !seen.insert(job.id.as_str()));
    StoreError::Present { what: "job", name: one.map(|job| job.id.to_string()).unwrap_or_default() }
}

pub(super) async fn remove(conn: &mut Conn, run: &mut HeldRun, number: JobNumber) -> Result<(), StoreError> {
    held(&mut *conn, run, number, "removed").await?;
    run.tally.remove(RunJob::Held);
    sqlx::query("DELETE FROM jobs WHERE id = $1").bind(number.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn replace(
    conn: &mut Conn,
    run: &mut HeldRun,
    number: JobNumber,
    job: &NewJob,
    now: Timestamp,
) -> Result<(), StoreError> {
    held(&mut *conn, run, number, "replaced").await?;
    run.tally.replace(RunJob::Held, RunJob::of(&job.phase, job.tolerance));
    let key: Option<(i64,)> =
        sqlx::query_as("SELECT id FROM jobs WHERE run_id = $1 AND run_attempt = $2 AND job_key = $3")
            .bind(run.id.0)
            .bind(i64::from(run.attempt.get()))
            .bind(job.id.as_str())
            .fetch_optional(&mut *conn)
            .await?;
    if key.is_some_and(|(other,)| other != number.0) {
        return Err(StoreError::Present { what: "job", name: job.id.to_string() });
    }
    sqlx::query(
        "UPDATE jobs SET job_key = $1, name = $2, labels = COALESCE($3, labels), priority = $4, tolerance = $5, document = $6, facts = $7,
             phase = $8, word = $9, finished_at = $10 WHERE id = $11",
    )
    .bind(job.id.as_str())
    .bind(&job.name)
    // Of a configuration that never came to its turn only the held row knows them.
    .bind(if job.labels.is_empty() { None } else { Some(runs::written(&job.labels)?) })
    .bind(i64::from(job.priority))
    .bind(runs::written(&job.tolerance)?)
    .bind(&job.document)
    .bind(job.facts.to_string())
    .bind(runs::written(&job.phase)?)
    .bind(job.phase.standing().word())
    .bind(job.phase.end().map(|_| now.0.cast_signed()))
    .bind(number.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Sees to it that a job is one of the run's that is held.
async fn held(conn: &mut Conn, run: &HeldRun, number: JobNumber, change: &'static str) -> Result<(), StoreError> {
    let (phase, _) = jobs::phase_in(conn, run, number).await?;
    match phase {
        JobPhase::Held { .. } => Ok(()),
        phase => Err(JobRefusal::NoPlace { phase: phase.word(), change }.into()),
    }
}
