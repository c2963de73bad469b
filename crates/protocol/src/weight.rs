//! How long a task is on the wire, about: whoever answers with it looks before it writes. Called by the server.

use domain::Task;
use serde_json::Value;

/// Tags and lengths around one entry are no longer than this.
const AROUND: usize = 24;

/// As many bytes as a task takes at most.
#[must_use]
pub fn weight(task: &Task) -> usize {
    let Task { id: _, workflow, context, secrets, vars, needs } = task;
    let pair = |name: &str, value: usize| name.len() + value + AROUND;
    let outputs = needs.iter().map(|(job, need)| {
        pair(job, need.outputs.iter().map(|(name, value)| pair(name, value.len())).sum::<usize>() + AROUND)
    });
    workflow.len()
        + AROUND
        + context.iter().map(|(name, value)| pair(name, of(value))).sum::<usize>()
        + secrets.iter().map(|(name, secret)| pair(name, secret.expose().len())).sum::<usize>()
        + vars.iter().map(|(name, value)| pair(name, value.len())).sum::<usize>()
        + outputs.sum::<usize>()
        + AROUND
}

fn of(value: &Value) -> usize {
    AROUND
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of).sum(),
            Value::Object(entries) => entries.iter().map(|(name, value)| name.len() + AROUND + of(value)).sum(),
        }
}

#[cfg(test)]
mod tests {
    use super::weight;
    use crate::call::Fetched;
    use crate::convert;
    use buffa::Message as _;
    use domain::{Secret, Task, TaskId, TaskNeed, TasksVersion};
    use serde_json::json;

    #[test]
    fn no_task_is_longer_than_it_weighs() {
        let long = "x".repeat(300_000);
        let deep = json!({"a": [1, null, true, "t", {"b": {"c": [[[0.5]]]}}], "": "", "long": long});
        let task = Task {
            id: TaskId(i64::MAX),
            workflow: b"jobs: {}".to_vec(),
            context: deep.as_object().unwrap().clone(),
            secrets: [("S".to_owned(), Secret::new("hidden")), ("E".to_owned(), Secret::new(""))].into(),
            vars: [("V".to_owned(), "1".to_owned())].into(),
            needs: [(
                "build".to_owned(),
                TaskNeed { result: None, outputs: [("o".to_owned(), long), (String::new(), String::new())].into() },
            )]
            .into(),
        };
        let weight = weight(&task);
        let wire = convert::fetched_to_wire(Fetched { tasks: vec![task], version: TasksVersion::UNKNOWN });
        let length = wire.encode_to_vec().len();
        assert!((length..length + 2_000).contains(&weight), "{weight} {length}");
    }
}
