//! `container` and `services`: this version has none, and says so before the first step.

use super::contexts::{ContextError, StepScope};
use crate::output::StepLog;
use workflow::expr::Value;
use workflow::model::NormalJob;

/// The job asks for containers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this version cannot run {0} yet: it comes with the container backend; remove it, or start the program in a step when the sandbox has it"
)]
pub(crate) struct NoContainers(String);

/// Refuses a job that needs containers; an empty image means none.
pub(crate) async fn refuse(
    scope: &StepScope<'_>,
    normal: &NormalJob,
    log: &StepLog,
) -> Result<(), super::set_up::SetUpError> {
    if let Some(container) = &normal.container
        && let Some(image) = image(scope, &container.template).await?
    {
        return Err(NoContainers(format!("a job container ('{image}')")).into());
    }
    for service in &normal.services {
        let name = &service.id.value;
        match image(scope, &service.template).await? {
            Some(image) => return Err(NoContainers(format!("the service '{name}' ('{image}')")).into()),
            None => {
                log.say(&format!(
                    "The service '{name}' will not be started because the container definition has an empty image."
                ))
                .await;
            }
        }
    }
    Ok(())
}

async fn image(scope: &StepScope<'_>, template: &workflow::template::Template) -> Result<Option<String>, ContextError> {
    let value = scope.evaluate(|scope| template.evaluate(scope)).await?;
    let image = match &value {
        Value::Object(_) => value.get("image").map(|image| image.to_text().into_owned()).unwrap_or_default(),
        other => other.to_text().into_owned(),
    };
    let image = image.trim_start_matches("docker://");
    Ok((!image.is_empty()).then(|| image.to_owned()))
}
