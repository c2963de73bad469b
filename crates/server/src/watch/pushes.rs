//! Pushes that wait in the store become runs. A push was noted with its refs, and goes when its runs are there: whoever dies in between leaves it to the next one,
//! who makes the runs that are missing.

use crate::event::{self, EventError};
use crate::plane::Plane;
use domain::Timestamp;
use std::time::Duration;
use store::{Project, Push, StoreError};

/// A push is tried so often before it is given up.
const MOST_TRIES: u32 = 8;
/// So many are taken at a time.
const AT_ONCE: u32 = 16;
/// After so long another server may make the runs of a push that one has taken, or this one after it died.
const TAKEN: Duration = Duration::from_secs(10);

/// Makes the runs of all pushes that are due; gives how many runs were made.
pub(super) async fn make(plane: &Plane, now: Timestamp) -> Result<usize, StoreError> {
    let mut runs = 0;
    loop {
        let pushes = plane.store.take_pushes(now, plane.now().max(now).after(TAKEN), AT_ONCE).await?;
        if pushes.is_empty() {
            return Ok(runs);
        }
        for push in pushes {
            let project = match plane.store.project_by_id(push.project).await {
                Ok(project) => project,
                Err(StoreError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            match event::push(plane, &project, &push.change, None, Some(push.id)).await {
                Ok(made) => {
                    runs += made.len();
                    plane.store.drop_push(push.id).await?;
                }
                Err(error) => again(plane, &project, &push, &error, now).await?,
            }
        }
    }
}

/// What may pass is tried again, later each time.
async fn again(
    plane: &Plane,
    project: &Project,
    push: &Push,
    error: &EventError,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tries = push.tries + 1;
    let (project, name) = (project.full_name(), push.change.name.clone());
    if tries >= MOST_TRIES {
        tracing::error!(
            project,
            name,
            error = error as &dyn std::error::Error,
            "a push started no run, and is given up"
        );
        return plane.store.drop_push(push.id).await;
    }
    let pause = Duration::from_millis(500) * 2_u32.pow(tries);
    tracing::warn!(
        project,
        name,
        error = error as &dyn std::error::Error,
        ?pause,
        "a push started no run yet; it is tried again"
    );
    plane.store.put_off_push(push.id, now.after(pause)).await
}
