//! From a path to a plan: gives the planner the files that it asks for, however often it asks. `exec` and `lint` call it.

use std::sync::Arc;
use workflow::plan::{FileReference, Files, Options, Parses, PlanOutcome, plan_parsed};

/// Plans the workflow at `path` of the repository; `get` gives the text of a file, or why it cannot be had. What was parsed of the
/// files already need not be parsed again.
pub(crate) fn plan_with(
    files: &mut Files,
    parses: &mut Parses,
    path: &str,
    get: &mut dyn FnMut(&FileReference) -> Result<Arc<str>, String>,
) -> PlanOutcome {
    let root = FileReference::Local(path.to_owned());
    loop {
        match plan_parsed(files, &root, &Options::default(), parses) {
            PlanOutcome::NeedsFiles(wanted) => {
                for reference in wanted {
                    match get(&reference) {
                        Ok(text) => files.insert(reference, text),
                        Err(why) => files.insert_missing(reference, why),
                    };
                }
            }
            outcome => return outcome,
        }
    }
}
