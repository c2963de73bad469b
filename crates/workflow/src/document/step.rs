//! A step, as its file has it.

use super::DocumentError;
use super::node::{Entries, list, literal, node, plain};
use crate::model::{Step, StepKind};
use crate::yaml::{Node, NodeKind};

/// The order of keys is that of Gitea; keys for steps beside each other come where they are used, other runners refuse them.
pub(super) fn step(of: &Step) -> Result<Node<'_>, DocumentError> {
    let mut entries = Entries::default();
    if !of.id.is_generated() {
        entries.put("id", literal(of.id.as_str())?);
    }
    if let Some(condition) = of.condition.condition_as_written() {
        entries.put("if", plain(condition));
    }
    entries.written("name", of.name.as_ref())?;
    match &of.kind {
        StepKind::Run { script, shell, working_directory } => {
            entries.put("run", super::node::template(script)?);
            entries.written("working-directory", working_directory.as_ref())?;
            entries.written("shell", shell.as_ref())?;
        }
        StepKind::Uses { text, with, .. } => {
            entries.put("uses", literal(text.as_str())?);
            entries.written("with", with.as_ref())?;
        }
        StepKind::Wait(targets) => {
            let targets = targets.iter().map(|target| literal(target.as_str()));
            entries.put("wait", list(targets.collect::<Result<_, _>>()?));
        }
        StepKind::WaitAll => entries.put("wait-all", node(NodeKind::Bool(true))),
        StepKind::Cancel(target) => entries.put("cancel", literal(target.as_str())?),
        StepKind::Parallel(inner) => entries.put("parallel", steps(inner)?),
    }
    entries.written("env", of.env.as_ref())?;
    if of.background {
        entries.put("background", node(NodeKind::Bool(true)));
    }
    entries.written("continue-on-error", of.continue_on_error.as_ref())?;
    entries.written("timeout-minutes", of.timeout_minutes.as_ref())?;
    Ok(entries.finish())
}

pub(super) fn steps(of: &[Step]) -> Result<Node<'_>, DocumentError> {
    Ok(list(of.iter().map(step).collect::<Result<_, _>>()?))
}
