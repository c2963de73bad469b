//! The form of a task on the pipe between the agent and a job's process. Its secrets are written out: nobody else reads that pipe.

use domain::{Conclusion, Secret, Task, TaskId, TaskNeed, TaskResult};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct TaskForm {
    id: i64,
    /// YAML is text; one that is not goes as bytes, so that the job can say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    workflow_bytes: Vec<u8>,
    context: Map<String, Value>,
    secrets: BTreeMap<String, String>,
    vars: BTreeMap<String, String>,
    needs: BTreeMap<String, NeedForm>,
}

#[derive(Serialize, Deserialize)]
struct NeedForm {
    #[serde(default)]
    result: Option<ResultForm>,
    outputs: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResultForm {
    Concluded(Conclusion),
    Other(i32),
}

pub(super) fn serialize<S: Serializer>(task: &Task, to: S) -> Result<S::Ok, S::Error> {
    let text = String::from_utf8(task.workflow.clone());
    let (workflow, workflow_bytes) = match text {
        Ok(text) => (Some(text), Vec::new()),
        Err(other) => (None, other.into_bytes()),
    };
    let result = |result| match result {
        TaskResult::Concluded(conclusion) => ResultForm::Concluded(conclusion),
        TaskResult::Other(number) => ResultForm::Other(number),
    };
    let need = |need: &TaskNeed| NeedForm { result: need.result.map(result), outputs: need.outputs.clone() };
    TaskForm {
        id: task.id.0,
        workflow,
        workflow_bytes,
        context: task.context.clone(),
        secrets: task.secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        vars: task.vars.clone(),
        needs: task.needs.iter().map(|(id, of)| (id.clone(), need(of))).collect(),
    }
    .serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Task, D::Error> {
    let form = TaskForm::deserialize(from)?;
    let result = |result| match result {
        ResultForm::Concluded(conclusion) => TaskResult::Concluded(conclusion),
        ResultForm::Other(number) => TaskResult::Other(number),
    };
    Ok(Task {
        id: TaskId(form.id),
        workflow: form.workflow.map_or(form.workflow_bytes, String::into_bytes),
        context: form.context,
        secrets: form.secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        vars: form.vars,
        needs: form
            .needs
            .into_iter()
            .map(|(id, need)| (id, TaskNeed { result: need.result.map(result), outputs: need.outputs }))
            .collect(),
    })
}
