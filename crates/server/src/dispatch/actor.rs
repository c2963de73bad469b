//! The actor: takes messages, lets the queue decide, writes leases.

use super::asks::Asks;
use super::book::{Age, Book, Written as Kept};
use super::handle::{Given, Manner, Message, QueueHandle};
use super::spec;
use crate::count::Counts;
use crate::run::Advancer;
use domain::control::{JobChange, JobNumber, JobPhase, PoolId, ProjectId, RunId, Scope};
use domain::{Clock, RunnerId};
use scheduler::{
    Access, Assignment, Cancellation, Labels, Member, PoolDoor, PoolSpec, ProjectSpec, Queue, Settings, Supply,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use store::{GroupHolder, GroupMember, Store, StoreError, StoredJob, StoredRunner, Taker};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A lease whose start is not said within this time is void (`runner-protocol` 3.6: what Gitea gives a runner to begin).
const START: Duration = Duration::from_secs(120);
/// A runner that went away has so long to ask again under the same key.
const AGAIN: Duration = Duration::from_secs(5);
/// So many jobs are read at a time when the queue is filled.
const PAGE: u32 = 1000;
/// After a database that is away, so long passes before the next lease.
const PAUSE: Duration = Duration::from_millis(250);

/// The dispatcher, before it runs.
#[derive(Debug)]
pub struct Dispatcher {
    mailbox: mpsc::UnboundedReceiver<Message>,
    /// For what it tells itself later; it does not keep itself alive.
    handle: mpsc::WeakUnboundedSender<Message>,
    store: Store,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    queue: Queue,
    asks: Asks,
    /// What is known of runners beyond the queue.
    runners: HashMap<RunnerId, Known>,
    /// Runners whose jobs or questions changed since somebody wanted to know why a job waits.
    stirred: HashSet<RunnerId>,
    pools: HashMap<String, PoolId>,
    book: Book,
    writing: JoinSet<Written>,
    /// Told to whoever cancels, after the next decisions.
    cancellations: Vec<Cancellation>,
}

#[derive(Debug)]
struct Known {
    stored: StoredRunner,
    /// So many jobs it was seen to want at the same time.
    capacity: u32,
    /// So many it has.
    has: u32,
    manner: Manner,
}

/// What became of a lease.
#[derive(Debug)]
struct Written {
    assignment: Assignment,
    request: Option<String>,
    result: Result<Option<Given>, StoreError>,
}

/// Makes a dispatcher and what speaks to it.
#[must_use]
pub fn dispatcher(
    store: Store,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    settings: Settings,
) -> (QueueHandle, Dispatcher) {
    let (handle, mailbox) = QueueHandle::new();
    let queue = Queue::new(settings);
    let dispatcher = Dispatcher {
        mailbox,
        handle: handle.0.downgrade(),
        store,
        clock,
        counts,
        queue,
        asks: Asks::default(),
        runners: HashMap::new(),
        stirred: HashSet::new(),
        pools: HashMap::new(),
        book: Book::default(),
        writing: JoinSet::new(),
        cancellations: Vec::new(),
    };
    (handle, dispatcher)
}

impl Dispatcher {
    /// Learns what the store holds: projects, runners, jobs with runners, jobs that wait. To be called once, before [`Self::run`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fill(&mut self) -> Result<(), StoreError> {
        self.store.projects().await?.iter().for_each(|project| self.put_project(project));
        self.store.runners(None).await?.into_iter().for_each(|runner| self.put_runner(runner));
        for GroupHolder { project, group, member } in self.store.group_holders().await? {
            self.queue.hold_group(project, &group, &spec::member(member), 0);
        }
        // What holds a concurrency group comes before what waits for it.
        self.store.out().await?.iter().for_each(|(_, job)| self.put_job(job));
        let mut after = JobNumber(0);
        loop {
            let page = self.store.waiting_jobs(None, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.number;
            self.put_jobs(&page);
        }
    }

    /// Runs until nobody speaks to it any more.
    pub async fn run(mut self, advancer: Advancer) {
        loop {
            tokio::select! {
                message = self.mailbox.recv() => match message {
                    None | Some(Message::Close) => break,
                    Some(message) => self.hear(message),
                },
                Some(written) = self.writing.join_next() => if let Ok(written) = written {
                    self.written(written).await;
                },
            }
            // What came together is decided together.
            let mut is_closing = false;
            while let Ok(message) = self.mailbox.try_recv() {
                match message {
                    Message::Close => is_closing = true,
                    message => self.hear(message),
                }
            }
            if is_closing {
                break;
            }
            self.decide();
            self.cancellations.drain(..).for_each(|cancellation| advancer.cancel(cancellation));
        }
        // What is being written is given; everybody else hears that there is nothing.
        while let Some(written) = self.writing.join_next().await {
            if let Ok(written) = written {
                self.written(written).await;
            }
        }
        self.asks.flush_all();
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Jobs(jobs) => self.put_jobs(&jobs),
            Message::Gone(jobs) => jobs.into_iter().for_each(|job| self.end_job(job)),
            Message::Run(run, jobs) => {
                self.book.others(run, &jobs).into_iter().for_each(|job| self.drop_job(job));
                self.put_jobs(&jobs);
                self.leave_calls(run, &jobs);
            }
            Message::Requeued(job) => self.requeue(job, Kept::Yes),
            Message::Left(members) => members.iter().for_each(|member| self.queue.leave(member)),
            Message::Runner(runner) => self.put_runner(*runner),
            Message::RunnerGone(runner) => {
                self.runners.remove(&runner);
                self.queue.drop_runner(runner);
                self.asks.flush(runner);
            }
            Message::Project(project) => self.put_project(&project),
            Message::ProjectGone(project) => {
                self.book.of_project(project).into_iter().for_each(|job| self.drop_job(job));
            }
            Message::Ask(ask, reply) => {
                let runner = ask.runner;
                // One that was removed gets nothing: it hears that at once, and by its next call that it is unknown.
                let Some(known) = self.runners.get_mut(&runner) else { return };
                known.manner = ask.manner;
                self.asks.add(ask, reply);
                self.ask(runner);
            }
            Message::AsksEnded(runner) => self.ask(runner),
            // Taken by `run`.
            Message::Close => {}
            Message::Flush(runner) => {
                // What it can have, it gets.
                self.decide();
                self.asks.flush(runner);
                self.ask(runner);
            }
            // Who asked may have gone.
            Message::Why(job, reply) => {
                self.settle_rooms();
                drop(reply.send(self.queue.why(job)));
            }
            Message::Runs(reply) => drop(reply.send(self.runs())),
            Message::Census(reply) => {
                self.settle_rooms();
                drop(reply.send(self.queue.census()));
            }
        }
    }

    fn put_project(&mut self, project: &store::Project) {
        self.queue.put_project(project.id, ProjectSpec::new(project.owner_id));
    }

    fn put_runner(&mut self, runner: StoredRunner) {
        let pool = runner.pool.clone().map(|name| self.pool(name));
        let known = self.runners.get(&runner.id);
        let (capacity, has, manner) =
            known.map_or((1, 0, Manner::Polls), |known| (known.capacity, known.has, known.manner));
        let id = runner.id;
        self.queue.put_runner(id, spec::runner(&runner, pool, capacity));
        self.runners.insert(id, Known { stored: runner, capacity, has, manner });
        // The queue forgets what one asks that is offline, and its question may be open still.
        if self.asks.places(id) > 0 {
            self.ask(id);
        }
    }

    /// Pools are what tokens name; their runners register by themselves.
    fn pool(&mut self, name: String) -> PoolId {
        if let Some(id) = self.pools.get(&name) {
            return *id;
        }
        let id = PoolId(i64::try_from(self.pools.len()).unwrap_or(i64::MAX));
        let pool = PoolSpec {
            name: name.as_str().into(),
            labels: Labels::new::<&str>([]),
            scope: Scope::Instance,
            access: Access::Everybody,
            door: PoolDoor::Open,
            max_running: None,
            supply: Supply::Fixed,
        };
        self.queue.put_pool(id, pool);
        self.pools.insert(name, id);
        id
    }

    fn put_jobs(&mut self, jobs: &[StoredJob]) {
        jobs.iter().for_each(|job| self.put_job(job));
    }

    fn put_job(&mut self, job: &StoredJob) {
        let number = job.number;
        if self.book.age(job) == Age::Old {
            return;
        }
        if job.phase.end().is_some() {
            self.end_job(number);
            return;
        }
        let known = self.book.get(number).and_then(|entry| entry.runner);
        let before = self.book.put(job);
        let runner = job.phase.lease().map(|lease| lease.runner);
        self.count(before, runner);
        let put = match runner {
            Some(runner) if known == Some(runner) => return,
            Some(runner) => {
                let put = self.queue.put_running(number, spec::job(job), runner);
                // The queue takes it for an answer to the runner's question, which it was not.
                self.ask(runner);
                put
            }
            None => {
                if known.is_some() {
                    // Its lease was not used.
                    self.queue.requeue(number);
                }
                self.queue.put_job(number, spec::job(job))
            }
        };
        if let Err(error) = put {
            // Its project was removed meanwhile, and it with that.
            tracing::debug!(error = &error as &dyn std::error::Error, "a job of no project");
            self.drop_job(number);
        }
    }

    /// A runner has a job less, another one more.
    fn count(&mut self, before: Option<RunnerId>, after: Option<RunnerId>) {
        if before == after {
            return;
        }
        self.stirred.extend([before, after].into_iter().flatten());
        if let Some(known) = before.and_then(|runner| self.runners.get_mut(&runner)) {
            known.has = known.has.saturating_sub(1);
        }
        if let Some(known) = after.and_then(|runner| self.runners.get_mut(&runner)) {
            known.has += 1;
        }
    }

    /// A job is over: whatever is said of it later is older than that.
    fn end_job(&mut self, job: JobNumber) {
        self.drop_job(job);
        // Also of one that this queue only knows as the holder of a group.
        self.queue.leave(&Member::Job(job));
        self.book.end(job);
    }

    /// Calls of a run whose jobs are all over hold nothing any more, whichever server saw the last one end.
    fn leave_calls(&mut self, run: RunId, jobs: &[StoredJob]) {
        for member in self.queue.calls_of(run) {
            let Member::Call(_, call) = &member else { continue };
            let inside = format!("{call} / ");
            if !jobs.iter().any(|job| job.phase.end().is_none() && job.id.as_str().starts_with(&inside)) {
                self.queue.leave(&member);
            }
        }
    }

    /// The runs of which anything is known: of their jobs, or that they hold a group.
    fn runs(&self) -> Vec<RunId> {
        let holders = self.queue.group_members().filter_map(|member| match member {
            Member::Run(run) | Member::Call(run, _) => Some(*run),
            Member::Job(job) => self.book.get(*job).map(|entry| entry.run),
        });
        let runs: HashSet<RunId> = self.book.runs().chain(holders).collect();
        runs.into_iter().collect()
    }

    fn drop_job(&mut self, job: JobNumber) {
        self.queue.drop_job(job);
        if let Some(entry) = self.book.remove(job) {
            self.count(entry.runner, None);
        }
    }

    fn requeue(&mut self, job: JobNumber, kept: Kept) {
        self.queue.requeue(job);
        let before = self.book.free(job, kept);
        self.count(before, None);
    }

    /// Makes true in the queue how many jobs a runner asks for.
    fn ask(&mut self, runner: RunnerId) {
        let places = self.asks.places(runner);
        self.stirred.insert(runner);
        if let Some(known) = self.runners.get_mut(&runner)
            && known.has + places > known.capacity
        {
            // Who asks for more than it was seen to take can take more.
            known.capacity = known.has + places;
            let pool = known.stored.pool.as_ref().and_then(|name| self.pools.get(name)).copied();
            self.queue.put_runner(runner, spec::runner(&known.stored, pool, known.capacity));
        }
        self.queue.ask(runner, places);
    }

    /// Before the queue is asked why jobs wait: a runner whose questions stay open and that has jobs takes as many as it has and asks for. It may have seemed to take
    /// more, when it asked for its next job before the end of the last one was heard of.
    fn settle_rooms(&mut self) {
        for runner in std::mem::take(&mut self.stirred) {
            let places = self.asks.places(runner);
            let Some(known) = self.runners.get_mut(&runner) else { continue };
            if known.manner == Manner::Holds && known.has > 0 && known.has + places < known.capacity {
                known.capacity = known.has + places;
                let pool = known.stored.pool.as_ref().and_then(|name| self.pools.get(name)).copied();
                self.queue.put_runner(runner, spec::runner(&known.stored, pool, known.capacity));
            }
        }
    }

    fn decide(&mut self) {
        let decisions = self.queue.assign();
        decisions.assignments.into_iter().for_each(|assignment| self.lease(assignment));
        self.cancellations.extend(decisions.cancellations);
    }

    fn lease(&mut self, assignment: Assignment) {
        let Assignment { job, runner } = assignment;
        let Some(request) = self.asks.begin(runner) else {
            // It went away between its question and this.
            self.queue.requeue(job);
            self.queue.ask(runner, 0);
            return;
        };
        let (run, groups) = self.book.get(job).map_or((None, None), |entry| (Some(entry.run), entry.groups));
        self.book.lease(job, runner);
        self.count(None, Some(runner));
        let (store, now) = (self.store.clone(), self.clock.now());
        self.writing.spawn(async move {
            let until = now.after(START);
            let groups = groups.map(|groups| groups.to_vec()).unwrap_or_default();
            let taker = Taker { runner, run, request: request.clone(), until, groups };
            let result = store.lease(job, &taker, now).await;
            let result = result.map(|taken| taken.map(|(task, job)| Given { task, job }));
            if result.as_ref().is_err_and(StoreError::is_passing) {
                tokio::time::sleep(PAUSE).await;
            }
            Written { assignment, request, result }
        });
    }

    /// A lease was written, or was not to be had: what is true then is asked of the store.
    async fn written(&mut self, written: Written) {
        let Written { assignment: Assignment { job, runner }, request, result } = written;
        let given = match result {
            Ok(given) => {
                match &given {
                    Some(given) => self.count_given(given),
                    None => {
                        self.counts.lost();
                        self.refresh_job(job).await;
                    }
                }
                given
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, %job, %runner, "a lease was refused");
                let entry = self.book.get(job);
                self.requeue(job, Kept::No);
                match (error, entry) {
                    (StoreError::Group { group, by }, Some(entry)) => self.hold_group(entry.project, &group, by).await,
                    (error, _) if !error.is_passing() => {
                        self.refresh_job(job).await;
                        self.refresh_runner(runner).await;
                    }
                    _ => {}
                }
                None
            }
        };
        for unused in self.asks.end(runner, request.as_deref(), given) {
            self.put_back(unused);
        }
        self.ask(runner);
    }

    /// Another server let a member into a group. It may be over by now, and that may have been heard before this.
    async fn hold_group(&mut self, project: ProjectId, group: &str, by: GroupMember) {
        let member = spec::member(by.clone());
        self.queue.hold_group(project, group, &member, 0);
        // Where the store does not answer the next lease asks again.
        if !matches!(self.store.holds_group(project, group, &by).await, Ok(true)) {
            self.queue.leave(&member);
        }
    }

    fn count_given(&self, given: &Given) {
        if let JobPhase::Leased { lease, queued } = &given.job.phase {
            self.counts.given(lease.given.since(*queued));
        }
    }

    /// A lease whose runner went away while it was written: nobody has seen it. One that asked under a key may ask again.
    fn put_back(&mut self, given: Given) {
        let (store, clock, handle) = (self.store.clone(), Arc::clone(&self.clock), self.handle.clone());
        let counts = Arc::clone(&self.counts);
        tokio::spawn(async move {
            if given.task.request.is_some() {
                tokio::time::sleep(AGAIN).await;
            }
            let change = JobChange::Expired { task: given.task.id, at: clock.now() };
            // Refused when it has begun meanwhile; when the database is away, the loop that looks at leases does this.
            let done = store.change_by_task(given.task.id, change, &BTreeMap::new(), clock.now()).await;
            if let Ok(changed) = &done {
                counts.changed(&changed.before, &changed.after);
            }
            if let (Ok(_), Some(handle)) = (done, handle.upgrade()) {
                let _ = handle.send(Message::Requeued(given.job.number));
            }
        });
    }

    /// Looks at a job whose lease was not to be had: another server was quicker, or it is over.
    async fn refresh_job(&mut self, job: JobNumber) {
        let Some(entry) = self.book.get(job) else { return };
        if entry.runner.is_some() {
            self.requeue(job, Kept::No);
        }
        match self.store.job(job).await {
            Ok(stored) => self.put_job(&stored),
            Err(StoreError::Missing { .. }) => self.drop_job(job),
            // It waits in the queue; the next lease finds out.
            Err(_) => {}
        }
    }

    async fn refresh_runner(&mut self, runner: RunnerId) {
        match self.store.runner(runner).await {
            Ok(stored) => self.put_runner(stored),
            Err(StoreError::Missing { .. }) => {
                self.runners.remove(&runner);
                self.queue.drop_runner(runner);
            }
            Err(_) => {}
        }
    }
}
