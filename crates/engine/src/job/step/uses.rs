//! A `uses` step: finds the action, evaluates its inputs, runs it as what it is.

use super::leaf;
use super::{At, Attempt, StepEnv, StepError, apply, checkout, composite, facts, node};
use crate::commands::Effects;
use crate::job::actions::{
    self, ActionError, DOCKERFILES, LoadedAction, MANIFEST_LIMIT, MANIFESTS, Manifest, Origin, parse_manifest,
};
use crate::job::contexts::{ContextError, Phase, StepScope};
use crate::job::frame::{Frame, Level};
use crate::job::guard::BoxFuture;
use crate::job::naming;
use crate::job::running::Job;
use crate::job::state::Post;
use indexmap::IndexMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use workflow::model::{ActionInput, Runs, Step, StepKind, Uses};
use workflow::template::Template;

/// Inputs by name as written; the order is that of the log.
pub(super) type Inputs = IndexMap<String, String>;

/// One use of an action, ready to run.
pub(super) struct Use<'a> {
    pub(super) step: &'a Step,
    pub(super) name: String,
    pub(super) action: &'a LoadedAction,
    pub(super) inputs: Inputs,
    pub(super) env: &'a StepEnv,
}

pub(super) fn run<'a>(
    at: At<'a>,
    step: &'a Step,
    uses: &'a Uses,
    with: Option<&'a Template>,
    env: &'a StepEnv,
    action: Option<Arc<LoadedAction>>,
) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        if let Some(checkouts) = at.job.checkout.as_ref().filter(|_| checkout::is_built_in(uses)) {
            let given = given_inputs(&at, step, with, env).await?;
            return checkout::run(at, step, checkouts, uses, given, env).await;
        }
        let action = match action {
            Some(action) => action,
            None => load_for(&at, step, uses).await?,
        };
        if at.phase == Phase::Main
            && action.repository.is_empty()
            && super::node_runs(&action).is_some_and(|node| node.pre.is_some())
        {
            at.log
                .warning(&format!("`pre` execution is not supported for local action from '{}'", naming::action(uses)))
                .await;
        }
        if at.phase != Phase::Post && super::node_runs(&action).is_some_and(|node| node.post.is_some()) {
            register_post(&at, step, uses);
        }
        let given = given_inputs(&at, step, with, env).await?;
        let inputs = all_inputs(&at, step, &action, given, env).await?;
        let using = Use { step, name: naming::action(uses), action: &action, inputs, env };
        match action.runs() {
            Some(Runs::Node(runs)) => node::run(at, using, runs).await,
            Some(Runs::Composite(runs)) => {
                let result = composite::run(at, using, runs).await;
                // Known only now: a composite action has something to do at the end when an action in it has.
                if at.phase != Phase::Post && at.job.state.is_registered_below(&at.frame.full_name(&step.id)) {
                    register_post(&at, step, uses);
                }
                result
            }
            Some(Runs::Docker(_)) | None => Err(no_containers(&naming::action(uses)).into()),
        }
    })
}

/// What a container action is answered.
fn no_containers(name: &str) -> ActionError {
    ActionError(format!(
        "'{name}' runs in a container, and this version cannot run containers yet; use a JavaScript or composite action, or a run step"
    ))
}

fn register_post(at: &At<'_>, step: &Step, uses: &Uses) {
    let post = match at.frame.level {
        Level::Job => {
            let name = step.name.as_ref().map_or_else(|| naming::generated(&naming::action(uses)), naming::raw);
            Some(Post { step: Arc::new(step.clone()), name })
        }
        Level::Composite(_) => None,
    };
    at.job.state.register(at.frame.full_name(&step.id), post);
}

/// Finds and loads the action of a step. What a step of the job or of an action loaded once is the same in all its phases.
pub(crate) async fn load_for(at: &At<'_>, step: &Step, uses: &Uses) -> Result<Arc<LoadedAction>, ActionError> {
    let full_name = at.frame.full_name(&step.id);
    if let Some(action) = at.job.state.loaded(&full_name) {
        return Ok(action);
    }
    let origin = origin_of(at.job, at.frame);
    let action = match (uses, at.job.catalog.remote(uses, &origin)) {
        (_, Some(remote)) => {
            if at.job.catalog.get(&remote).is_none() {
                late::load(at, vec![remote.clone()]).await?;
            }
            at.job
                .catalog
                .get(&remote)
                .ok_or_else(|| ActionError(format!("'{}' was not loaded", naming::action(uses))))?
        }
        (Uses::Local(path), None) => {
            local(at, at.job.sandbox.layout().workspace.join(path), at.job.own.clone()).await?
        }
        (Uses::Same(path), None) => {
            let top = checkout::own_tree(at).await?;
            local(at, top.join(actions::within(path)), Origin::Own).await?
        }
        (Uses::Docker(_) | Uses::Repository(_), None) => return Err(no_containers(&naming::action(uses))),
    };
    if let Some(Runs::Composite(composite)) = action.runs() {
        let mut wanted = at.job.catalog.wanted(&composite.steps, &action.origin);
        wanted.retain(|remote| at.job.catalog.get(remote).is_none());
        if !wanted.is_empty() {
            late::load(at, wanted).await?;
        }
    }
    at.job.state.keep_loaded(full_name, &action);
    Ok(action)
}

/// What `$/` means where a step stands.
pub(super) fn origin_of(job: &Job, frame: &Frame) -> Origin {
    match &frame.level {
        Level::Job => job.origin.clone(),
        Level::Composite(composite) => composite.origin.clone(),
    }
}

/// Loads an action from the workspace as it is now.
async fn local(at: &At<'_>, folder: PathBuf, origin: Origin) -> Result<Arc<LoadedAction>, ActionError> {
    let folder = normal(&folder);
    let failed = |error: &sandbox::SandboxError| ActionError(super::describe(error));
    let load = |manifest| {
        let folder = folder.to_string_lossy().into_owned();
        Arc::new(LoadedAction {
            manifest,
            folder,
            repository: String::new(),
            reference: String::new(),
            origin: origin.clone(),
        })
    };
    for file in MANIFESTS {
        let path = folder.join(file);
        if let Some(text) = at.job.sandbox.read(&path, MANIFEST_LIMIT).await.map_err(|error| failed(&error))? {
            let text = String::from_utf8(text).map_err(|_| ActionError(format!("{} is not UTF-8", path.display())))?;
            return Ok(load(parse_manifest(&path.to_string_lossy(), &text)?));
        }
    }
    for file in DOCKERFILES {
        if at.job.sandbox.read(&folder.join(file), MANIFEST_LIMIT).await.is_ok_and(|found| found.is_some()) {
            return Ok(load(Manifest::Dockerfile));
        }
    }
    Err(ActionError(format!(
        "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{}'. Did you forget to run actions/checkout before running your local action?",
        folder.display()
    )))
}

/// The path without `.` parts and with `..` parts resolved by text, as the reference does.
fn normal(path: &std::path::Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// `with`, evaluated.
async fn given_inputs(
    at: &At<'_>,
    step: &Step,
    with: Option<&Template>,
    env: &StepEnv,
) -> Result<Inputs, ContextError> {
    let Some(with) = with else { return Ok(Inputs::new()) };
    let github = facts(at, step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
    let pairs = scope.evaluate(|scope| with.evaluate_texts(scope)).await?;
    Ok(pairs.into_iter().map(|(name, value)| (name, value.to_string())).collect())
}

/// The inputs given, and the defaults of those that were not; says what is wrong with them.
async fn all_inputs(
    at: &At<'_>,
    step: &Step,
    action: &LoadedAction,
    given: Inputs,
    env: &StepEnv,
) -> Result<Inputs, StepError> {
    let Manifest::Action(manifest) = &action.manifest else { return Ok(given) };
    let declared = |name: &str| manifest.inputs.iter().find(|input| input.id.value.eq_ignore_ascii_case(name));
    let mut unexpected: Vec<&str> = Vec::new();
    for name in given.keys() {
        match declared(name) {
            Some(ActionInput { deprecation: Some(why), .. }) => {
                at.log.warning(&format!("Input '{name}' has been deprecated with message: {why}")).await;
            }
            Some(_) => {}
            None => unexpected.push(name),
        }
    }
    if at.phase == Phase::Main {
        let valid: Vec<&str> = manifest.inputs.iter().map(|input| input.id.value.as_str()).collect();
        warn_of_unexpected(at, &unexpected, &valid).await;
    }
    let github = facts(at, step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
    let mut inputs = given;
    for input in &manifest.inputs {
        if inputs.keys().any(|name| name.eq_ignore_ascii_case(&input.id.value)) {
            continue;
        }
        let value = match &input.default {
            Some(default) => scope.evaluate(|scope| default.evaluate_text(scope)).await?.to_string(),
            None => String::new(),
        };
        inputs.insert(input.id.value.clone(), value);
    }
    Ok(inputs)
}

/// Inputs that the action does not know are given to it all the same.
pub(super) async fn warn_of_unexpected(at: &At<'_>, unexpected: &[&str], valid: &[&str]) {
    if !unexpected.is_empty() {
        let (unexpected, valid) = (unexpected.join("', '"), valid.join("', '"));
        at.log.warning(&format!("Unexpected input(s) '{unexpected}', valid inputs are ['{valid}']")).await;
    }
}

/// The folded head of an action's log.
pub(super) fn head(name: &str, inputs: &Inputs, env: &StepEnv, state: &IndexMap<String, String>) -> String {
    let mut head = format!("##[group]Run {name}\n");
    if inputs.values().any(|value| !value.is_empty()) {
        head.push_str("with:\n");
        for (name, value) in inputs.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(head, "  {name}: {value}");
        }
    }
    let state: Vec<(String, &str)> =
        state.iter().map(|(name, value)| (format!("STATE_{name}"), value.as_str())).collect();
    let env = env.all.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    leaf::list_env(&mut head, env.chain(state.iter().map(|(name, value)| (name.as_str(), *value))));
    head.push_str("##[endgroup]\n");
    head
}

/// Gives the outputs of something that ran without commands.
pub(super) fn with_outputs(at: &At<'_>, step: &Step, outputs: &[(&str, String)]) -> IndexMap<String, String> {
    let mut effects = Effects::default();
    effects.outputs.extend(outputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    apply(at, step, effects)
}

/// The uses of a step, when it is one.
pub(super) fn uses_of(step: &Step) -> Option<&Uses> {
    match &step.kind {
        StepKind::Uses { uses, .. } => Some(&uses.value),
        _ => None,
    }
}

mod late {
    //! Remote actions that only a local action names: found when the sandbox lives already, so their files are written into it.

    use super::{ActionError, At};
    use crate::job::actions::Places;
    use sandbox::InsideFile;
    use std::path::Path;
    use workflow::action_source::ActionRef;

    pub(super) async fn load(at: &At<'_>, wanted: Vec<ActionRef>) -> Result<(), ActionError> {
        let layout = at.job.sandbox.layout();
        let places = match &at.job.places {
            Places::Host => Places::Host,
            // Where the reference keeps actions, and where the job's user may write.
            Places::Mounted | Places::Written(_) => {
                Places::Written(layout.work.parent().unwrap_or(&layout.temp).join("_actions"))
            }
        };
        let fetched = at.job.catalog.load(wanted, &places).await?;
        if places == Places::Host {
            return Ok(());
        }
        for tree in &fetched.trees {
            let (host, inside) = (tree.fetched.tree.clone(), tree.inside.clone());
            let files = tokio::task::spawn_blocking(move || {
                let mut files = Vec::new();
                copy(&host, &inside, &mut files).map(|()| files)
            });
            let files = match files.await {
                Ok(Ok(files)) => files,
                Ok(Err(failed)) => {
                    return Err(ActionError(format!("could not read {}: {failed}", tree.action.repository)));
                }
                Err(failed) => {
                    return Err(ActionError(format!("reading {} ended early: {failed}", tree.action.repository)));
                }
            };
            at.job.sandbox.write(files).await.map_err(|error| ActionError(super::super::describe(&error)))?;
        }
        Ok(())
    }

    /// Every file of a folder of the store; links within it become copies of what they point to.
    fn copy(host: &Path, inside: &Path, files: &mut Vec<InsideFile>) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        for entry in std::fs::read_dir(host)? {
            let entry = entry?;
            let (path, inside) = (entry.path(), inside.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                copy(&path, &inside, files)?;
            } else if kind.is_file() || kind.is_symlink() && path.is_file() {
                let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
                files.push(InsideFile { path: inside, content: std::fs::read(&path)?, executable });
            }
        }
        Ok(())
    }
}
