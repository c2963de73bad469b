//! What of a run is not decided yet, and what it waits for: jobs whose needs go on, configurations that wait for their turn. The server shows them and
//! says why they wait.

use super::machine::Run;
use super::state::{CellState, GraphState, Phase, Work};
use super::text::raw_name;
use crate::expr::format_number;
use crate::model::{Job, JobKind};
use crate::template::{Template, TemplateKind};
use domain::JobId;

/// A job of which nothing was decided yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingJob {
    /// Its id in the run: of a job whose matrix is not expanded, that of the job as a whole.
    pub id: JobId,
    /// The name that people see; not evaluated when it holds expressions and its matrix is not expanded.
    pub name: String,
    /// The labels of `runs-on`; none where some are not known before its needs have ended.
    pub labels: Vec<String>,
    /// What it waits for, in words.
    pub why: String,
}

impl Run {
    /// Whatever waits: jobs in the order of their files, configurations in that of their matrix. Empty when the run has ended.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingJob> {
        self.graphs.iter().flat_map(waiting_in).collect()
    }

    /// The labels of `runs-on` of a job that is not expanded, by its id in the run; none where some are not known before its needs have ended.
    #[must_use]
    pub fn labels_of(&self, id: &JobId) -> Vec<String> {
        let job = self.graphs.iter().find_map(|graph| {
            let own = id.as_str().strip_prefix(&*graph.id_prefix)?;
            graph.handle.workflow.jobs.iter().find(|job| job.id.value == own)
        });
        job.and_then(plain_labels).unwrap_or_default()
    }
}

fn waiting_in(graph: &GraphState) -> Vec<WaitingJob> {
    let mut waiting = Vec::new();
    for (index, (job, state)) in graph.handle.workflow.jobs.iter().zip(&graph.jobs).enumerate() {
        match &state.phase {
            Phase::Ended(_) => {}
            Phase::Waiting => {
                let needs = graph.handle.jobs[index].needs.iter();
                let open = needs.filter(|need| !matches!(graph.jobs[**need].phase, Phase::Ended(_)));
                let names: Vec<String> =
                    open.map(|need| format!("'{}'", graph.handle.workflow.jobs[*need].id.value)).collect();
                waiting.push(WaitingJob {
                    id: JobId::new(format!("{}{}", graph.id_prefix, job.id.value)),
                    name: format!("{}{}", graph.name_prefix, raw_name(job)),
                    labels: plain_labels(job).unwrap_or_default(),
                    why: format!("it needs {}, which {} not ended", names.join(", "), verb(names.len())),
                });
            }
            Phase::Open(expansion) => {
                for cell in &expansion.cells {
                    if let CellState::Held(work) = &cell.state {
                        let (id, name) = (cell.id.clone(), cell.name.clone());
                        let labels = match work {
                            Work::Run(ready) => ready.labels.clone(),
                            Work::Call(_) => Vec::new(),
                        };
                        let max = expansion.max_parallel;
                        let why = format!("max-parallel: {max}, and {} of its matrix go on", expansion.active);
                        waiting.push(WaitingJob { id, name, labels, why });
                    }
                }
            }
        }
    }
    waiting
}

/// The labels of a job whose `runs-on` holds no expression.
fn plain_labels(job: &Job) -> Option<Vec<String>> {
    let JobKind::Normal(normal) = &job.kind else { return None };
    let labels = normal.runs_on.labels.as_ref()?;
    let labels = match &labels.kind {
        TemplateKind::Sequence(labels) => labels.as_slice(),
        _ => std::slice::from_ref(labels),
    };
    labels.iter().map(plain).collect()
}

/// A label as the machine will read it.
fn plain(label: &Template) -> Option<String> {
    match &label.kind {
        TemplateKind::String(text) => Some(text.to_string()),
        TemplateKind::Number(value, _) => Some(format_number(*value)),
        TemplateKind::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

const fn verb(many: usize) -> &'static str {
    if many == 1 { "has" } else { "have" }
}
