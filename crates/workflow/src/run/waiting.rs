//! What of a run is not decided yet, and what it waits for: jobs whose needs go on, configurations that wait for their turn. The server shows them and
//! says why they wait.

use super::machine::Run;
use super::state::{CellState, GraphState, Phase};
use super::text::raw_name;
use domain::JobId;

/// A job of which nothing was decided yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingJob {
    /// Its id in the run: of a job whose matrix is not expanded, that of the job as a whole.
    pub id: JobId,
    /// The name that people see; not evaluated when it holds expressions and its matrix is not expanded.
    pub name: String,
    /// What it waits for, in words.
    pub why: String,
}

impl Run {
    /// Whatever waits: jobs in the order of their files, configurations in that of their matrix. Empty when the run has ended.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingJob> {
        self.graphs.iter().flat_map(waiting_in).collect()
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
                    why: format!("it needs {}, which {} not ended", names.join(", "), verb(names.len())),
                });
            }
            Phase::Open(expansion) => {
                for cell in &expansion.cells {
                    if let CellState::Held(_) = cell.state {
                        let (id, name) = (cell.id.clone(), cell.name.clone());
                        let max = expansion.max_parallel;
                        let why = format!("max-parallel: {max}, and {} of its matrix go on", expansion.active);
                        waiting.push(WaitingJob { id, name, why });
                    }
                }
            }
        }
    }
    waiting
}

const fn verb(many: usize) -> &'static str {
    if many == 1 { "has" } else { "have" }
}
