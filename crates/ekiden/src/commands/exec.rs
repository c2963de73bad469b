//! `ekiden exec`: the workflows of a repository, run on this machine.

use crate::args::{ExecArgs, OutputFormat};
use crate::exec::event::{Occasion, read_payload};
use crate::exec::facts::Facts;
use crate::exec::reader::{self, Reader};
use crate::exec::run::Ground;
use crate::exec::{cells, findings, interrupt, listing, machine, select, session, stores, values};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{self, Palette};
use crate::view::{self, Closing, View};
use domain::{Clock, Conclusion, JobEvent, JobId, SystemClock};
use engine::local::{JobWeight, Room, RunReport};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use workflow::plan::Plan;
use workflow::run::WantedCell;

mod shown;

use shown::{Shown, view_for};

/// Runs, lists or draws. `zygote` was started before anything else.
pub(crate) fn run(args: &ExecArgs, zygote: Option<sandbox_local::Zygote>) -> Result<Exit, Failure> {
    let only_looking = args.pick.list || args.pick.graph;
    let facts = match Facts::read(&args.directory, args.event.actor.as_deref()) {
        Ok(facts) => Some(facts),
        // A file alone can be looked at without a repository around it.
        Err(_) if only_looking && !args.pick.workflows.is_empty() => None,
        Err(failure) => return Err(failure),
    };
    let project = session::project(&args.directory, facts.as_ref());
    let machine_limits = machine::limits();
    let (settings, _) = session::settings(args, &project, &machine_limits)?;
    let server = facts.as_ref().map_or("https://github.com", |facts| facts.server.as_str());
    let store = || stores::open(&settings.actions, server, None);

    let files = if args.pick.workflows.is_empty() {
        session::all_files(&project)?
    } else {
        session::named_files(args, &project)?
    };
    let candidates = select::parse(files)?;
    let event = args.event_name.as_deref().or(args.event.event.as_deref());
    let named = !args.pick.workflows.is_empty();
    let (candidates, occasion) = match &facts {
        Some(facts) if !(only_looking && (named || event.is_none())) => {
            let name = event.map_or_else(|| select::usual_event(&candidates, named), str::to_owned);
            let payload = args.event.event_path.as_deref().map(read_payload).transpose()?;
            let occasion = Occasion::new(&name, payload, facts)?;
            let started = if named { candidates } else { select::started(candidates, &occasion, facts)? };
            (started, Some(occasion))
        }
        _ => (candidates, None),
    };
    let plans = select::pick(select::plan(candidates, &store)?, &args.pick.job)?;
    cells::check(&plans, &args.pick.matrix)?;
    if only_looking {
        return look(args, &plans);
    }
    let (Some(facts), Some(occasion)) = (facts, occasion) else {
        return Err(Failure::platform("there is no repository to run in"));
    };
    if args.pick.dry_run {
        return dry_run(&plans, &occasion);
    }
    for (plan, warning) in plans.iter().flat_map(|plan| plan.warnings.iter().map(move |warning| (plan, warning))) {
        style::warn(findings::line(warning, plan));
    }
    if settings.limits.disk == machine_limits.disk {
        machine::warn_of_a_full_disk(&machine_limits);
    }
    for notice in &settings.notices {
        style::warn(notice);
    }
    let mut values = values::read(&args.values)?;
    if args.show.verbose {
        values.vars.insert("ACTIONS_STEP_DEBUG".to_owned(), "true".to_owned());
    }
    let inputs = values::inputs(&args.event)?;
    let token = values.secrets.iter().find(|(name, _)| name == "GITHUB_TOKEN").map(|(_, token)| token);
    let store = stores::open(&settings.actions, &facts.server, token)?;
    let backend = machine::backend(&args.sandbox, settings.profile, zygote)?;
    let (canceller, cancel) = engine::cancel::channel();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cells =
        args.pick.matrix.iter().map(|pair| WantedCell { key: pair.key.clone(), value: pair.value.clone() }).collect();
    let ground = Ground { facts, settings, values, occasion, inputs, cells, backend, store, cancel, clock };
    execute(args, &ground, plans, &canceller)
}

fn look(args: &ExecArgs, plans: &[Plan]) -> Result<Exit, Failure> {
    let palette = Palette::stdout();
    let text = match args.show.output {
        OutputFormat::Json | OutputFormat::Jsonl => listing::json(plans).to_string() + "\n",
        OutputFormat::Text if args.pick.graph => listing::graph(palette, plans),
        OutputFormat::Text => listing::table(palette, plans),
    };
    style::data(&text)?;
    Ok(Exit::Ok)
}

fn dry_run(plans: &[Plan], occasion: &Occasion) -> Result<Exit, Failure> {
    style::note(format!("{} on {}; these jobs would run", occasion.name, occasion.reference));
    style::data(&listing::table(Palette::stdout(), plans))?;
    Ok(Exit::Ok)
}

fn execute(
    args: &ExecArgs,
    ground: &Ground,
    plans: Vec<Plan>,
    canceller: &engine::cancel::Canceller,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::platform("could not start the runtime").cause(&error))?;
    let ranks = order(&plans);
    // Before anything runs: after an hour it would be late to say that the file cannot be written.
    let summary_file = args.show.summary.as_deref().map(create_summary).transpose()?;
    let Shown { view, tail, aside } = view_for(args, ground, &plans)?;
    let closed = canceller.clone();
    let (events, incoming) = engine::events::channel();
    let reader = Reader::start(view, incoming, move || interrupt::output_closed(&closed))
        .map_err(|error| Failure::platform("could not start the thread of the view").cause(&error))?;
    let (reports, interrupts) = runtime.block_on(async {
        let interrupts = interrupt::watch(canceller, &aside);
        let reports = beside_each_other(args, ground, plans, events).await?;
        Ok::<_, Failure>((reports, interrupts))
    })?;
    let mut read = reader.finish();
    runtime.shutdown_background();

    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let conclusion = conclusion(&reports);
    read.record.arrange(|job| ranks(&reports, job));
    let told = |job: &JobId| reports.iter().flat_map(|report| &report.jobs).find(|told| told.id == *job);
    read.record.weigh(|job| told(job).map_or_else(JobWeight::default, |job| job.weight));
    let summary = view::summary_json(&read.record, conclusion, micros);
    if let Some((path, file)) = summary_file {
        write_summary(path, file, &summary)?;
    }
    let remarks = machine::remarks(&args.sandbox, &read.record, &reports);
    let closing = Closing { conclusion, micros, tail, remarks: &remarks };
    let text = view::closing_text(Palette::stdout(), &read.record, &closing);
    if read.shown.is_ok() {
        read.shown = read.view.finish(&read.record, &text);
    }
    if args.show.output == OutputFormat::Json {
        style::data(&(summary.to_string() + "\n"))?;
    }
    match read.shown {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(exit(conclusion, &reports, interrupts.count()))
}

/// Runs all workflows at the same time; `--jobs` holds for all of them together. The reports have the order of the plans.
async fn beside_each_other(
    args: &ExecArgs,
    ground: &Ground,
    plans: Vec<Plan>,
    events: mpsc::Sender<JobEvent>,
) -> Result<Vec<RunReport>, Failure> {
    let room = Room::new(ground.settings.jobs);
    let names: Vec<String> = plans.iter().map(|plan| workflow_name(plan, &plans)).collect();
    let several = plans.len() > 1;
    let mut runs = Vec::new();
    for (plan, name) in plans.into_iter().zip(names) {
        let events = if several { reader::of_workflow(name, events.clone()) } else { events.clone() };
        runs.push(ground.run(plan, &args.sandbox, events, &room)?);
    }
    drop(events);
    let tasks: Vec<_> = runs.into_iter().map(|run| tokio::spawn(engine::local::run(run))).collect();
    let mut reports = Vec::with_capacity(tasks.len());
    for task in tasks {
        match task.await {
            Ok(report) => reports.push(report),
            Err(ended) => return Err(Failure::platform("a workflow ended without a report").cause(&ended)),
        }
    }
    Ok(reports)
}

/// What a workflow is called beside others: its name, or its file where two have the same.
fn workflow_name(plan: &Plan, plans: &[Plan]) -> String {
    let name = |plan: &Plan| {
        let workflow = &plan.root.workflow;
        workflow.name.as_ref().map_or(workflow.path.as_str(), |name| name.value.as_str()).to_owned()
    };
    let own = name(plan);
    let is_one = plans.iter().filter(|other| name(other) == own).count() == 1;
    if is_one { own } else { plan.root.workflow.path.clone() }
}

/// The worst of all workflows.
fn conclusion(reports: &[RunReport]) -> Conclusion {
    reports.iter().map(|report| report.conclusion).fold(Conclusion::Success, Conclusion::merge)
}

/// The exit code of a run: the user's own failure first, then a platform's.
fn exit(conclusion: Conclusion, reports: &[RunReport], interrupts: usize) -> Exit {
    if interrupts > 0 {
        return Exit::Interrupted;
    }
    let failed = |report: &&RunReport| report.conclusion == Conclusion::Failure;
    let jobs = reports.iter().filter(failed).flat_map(|report| &report.jobs);
    let faults = jobs.filter(|job| job.conclusion == Conclusion::Failure).collect::<Vec<_>>();
    match conclusion {
        Conclusion::Success | Conclusion::Skipped => Exit::Ok,
        Conclusion::Failure if !faults.is_empty() && faults.iter().all(|job| job.fault.is_some()) => Exit::Platform,
        Conclusion::Failure | Conclusion::Cancelled => Exit::Failed,
    }
}

fn create_summary(path: &Path) -> Result<(&Path, File), Failure> {
    let file = File::create(path)
        .map_err(|error| Failure::usage(format!("could not write the summary {}", path.display())).cause(&error))?;
    Ok((path, file))
}

fn write_summary(path: &Path, mut file: File, summary: &serde_json::Value) -> Result<(), Failure> {
    file.write_all((summary.to_string() + "\n").as_bytes())
        .map_err(|error| Failure::platform(format!("could not write the summary {}", path.display())).cause(&error))
}

/// The place of each job in what is told at the end: as the files have them, configurations of a matrix as the matrix has them.
fn order(plans: &[Plan]) -> impl Fn(&[RunReport], &JobId) -> (usize, usize) + use<> {
    let mut written: Vec<String> = Vec::new();
    for plan in plans {
        let prefix = if plans.len() > 1 { format!("{} / ", workflow_name(plan, plans)) } else { String::new() };
        written.extend(listing::jobs(plan).iter().map(|job| format!("{prefix}{}", job.id())));
    }
    let several = plans.len() > 1;
    move |reports, id| {
        let in_file = listing::place(&written, id.as_str()).unwrap_or(usize::MAX);
        // Ids of several workflows bear the workflow's name here, and do not in the reports.
        let same = |job: &JobId| if several { id.as_str().ends_with(job.as_str()) } else { id == job };
        let decided = reports.iter().flat_map(|report| &report.jobs).position(|job| same(&job.id));
        (in_file, decided.unwrap_or(usize::MAX))
    }
}
