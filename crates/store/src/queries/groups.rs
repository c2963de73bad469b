//! Queries of concurrency groups, compiled for both databases.

use super::Conn;
use crate::error::StoreError;
use crate::groups::{GroupClaim, GroupHolder, GroupMember};
use domain::JobId;
use domain::control::{JobNumber, ProjectId, RunId};

#[derive(sqlx::FromRow)]
struct Row {
    project_id: i64,
    group_key: String,
    run_id: i64,
    call_key: Option<String>,
    job_id: Option<i64>,
}

impl Row {
    fn holder(self) -> GroupHolder {
        let run = RunId(self.run_id);
        let member = match (self.call_key, self.job_id) {
            (Some(call), _) => GroupMember::Call(run, JobId::new(call)),
            (None, Some(job)) => GroupMember::Job(run, JobNumber(job)),
            (None, None) => GroupMember::Run(run),
        };
        GroupHolder { project: ProjectId(self.project_id), group: self.group_key, member }
    }
}

/// Takes the groups that a job needs, all or, with an error, none of them.
pub(super) async fn take(conn: &mut Conn, project: ProjectId, claims: &[GroupClaim]) -> Result<(), StoreError> {
    let mut keys: Vec<(String, &GroupMember)> =
        claims.iter().map(|claim| (claim.group.to_lowercase(), &claim.member)).collect();
    // A group that its own run holds already is the run's; in one order nobody waits for each other.
    keys.sort_by(|one, other| one.0.cmp(&other.0));
    keys.dedup_by(|later, first| later.0 == first.0);
    for (key, member) in keys {
        if !write(&mut *conn, project, &key, member, Over::Nobody).await? {
            let holder = held(&mut *conn, project, &key).await?;
            if holder.member == *member {
                continue;
            }
            if !is_over(&mut *conn, &holder.member).await? {
                return Err(StoreError::Group { group: key, by: holder.member });
            }
            write(&mut *conn, project, &key, member, Over::Whoever).await?;
        }
    }
    Ok(())
}

/// Whose row may be written over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Nobody,
    Whoever,
}

/// Writes who holds a group; false where a row is there that stays.
async fn write(
    conn: &mut Conn,
    project: ProjectId,
    key: &str,
    member: &GroupMember,
    over: Over,
) -> Result<bool, StoreError> {
    let (call, job) = match member {
        GroupMember::Run(_) => (None, None),
        GroupMember::Call(_, call) => (Some(call.as_str()), None),
        GroupMember::Job(_, job) => (None, Some(job.0)),
    };
    let query = match over {
        Over::Nobody => sqlx::query(
            "INSERT INTO group_holders (project_id, group_key, run_id, call_key, job_id) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (project_id, group_key) DO NOTHING",
        ),
        Over::Whoever => sqlx::query(
            "UPDATE group_holders SET run_id = $3, call_key = $4, job_id = $5 WHERE project_id = $1 AND group_key = $2",
        ),
    };
    let done = query.bind(project.0).bind(key).bind(member.run().0).bind(call).bind(job).execute(conn).await?;
    Ok(done.rows_affected() > 0)
}

/// Who has the row of a group, which nobody else changes until the transaction ends.
async fn held(conn: &mut Conn, project: ProjectId, key: &str) -> Result<GroupHolder, StoreError> {
    let row: Option<Row> = sqlx::query_as(held!(
        "SELECT project_id, group_key, run_id, call_key, job_id FROM group_holders WHERE project_id = $1 AND group_key = $2"
    ))
    .bind(project.0)
    .bind(key)
    .fetch_optional(conn)
    .await?;
    // Its run was removed between the two statements: the lease is tried again.
    let row = row.ok_or_else(|| StoreError::Missing { what: "group", name: key.to_owned() })?;
    Ok(row.holder())
}

/// Whether a member holds nothing any more.
async fn is_over(conn: &mut Conn, member: &GroupMember) -> Result<bool, StoreError> {
    let query = match member {
        GroupMember::Run(run) => {
            sqlx::query_as("SELECT COUNT(*) FROM runs WHERE id = $1 AND finished_at IS NULL").bind(run.0)
        }
        GroupMember::Job(_, job) => {
            sqlx::query_as("SELECT COUNT(*) FROM jobs WHERE id = $1 AND finished_at IS NULL").bind(job.0)
        }
        // What a call is made of has its name before its own.
        GroupMember::Call(run, call) => sqlx::query_as(
            "SELECT COUNT(*) FROM jobs JOIN runs ON runs.id = run_id AND attempt = run_attempt
             WHERE run_id = $1 AND jobs.finished_at IS NULL AND substr(job_key, 1, $3) = $2",
        )
        .bind(run.0)
        .bind(format!("{call} / "))
        .bind(i32::try_from(call.as_str().chars().count() + 3).unwrap_or(i32::MAX)),
    };
    let (open,): (i64,) = query.fetch_one(conn).await?;
    Ok(open == 0)
}

pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<GroupHolder>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT group_holders.project_id, group_key, run_id, call_key, job_id FROM group_holders
         JOIN runs ON runs.id = run_id AND finished_at IS NULL ORDER BY group_holders.project_id, group_key",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut held = Vec::new();
    for holder in rows.into_iter().map(Row::holder) {
        if !is_over(&mut *conn, &holder.member).await? {
            held.push(holder);
        }
    }
    Ok(held)
}

pub(crate) async fn holds(
    conn: &mut Conn,
    project: ProjectId,
    group: &str,
    member: &GroupMember,
) -> Result<bool, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT project_id, group_key, run_id, call_key, job_id FROM group_holders WHERE project_id = $1 AND group_key = $2",
    )
    .bind(project.0)
    .bind(group.to_lowercase())
    .fetch_optional(&mut *conn)
    .await?;
    let is_it = row.is_some_and(|row| row.holder().member == *member);
    Ok(is_it && !is_over(conn, member).await?)
}
