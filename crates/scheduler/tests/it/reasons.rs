//! Every reason: it is said, with its facts; what resolves it changes it; and when nothing is left the job runs.

use domain::RunnerId;
use domain::control::{JobNumber, OwnerId, PoolId, ProjectId, RunId, Scope};
use scheduler::{
    Access, CancellationCause, Claim, Credential, Durations, ForgeLine, GroupQueue, Hold, InProgress, JobSpec, Labels,
    Life, Member, OwnerSpec, PoolDoor, PoolSpec, Priority, ProjectSpec, PutError, Queue, ReasonKind, RunnerDoor,
    RunnerSpec, Settings, Supply,
};
use std::time::Duration;

const JOB: JobNumber = JobNumber(1);
const PROJECT: ProjectId = ProjectId(1);
const OWNER: OwnerId = OwnerId(1);
const POOL: PoolId = PoolId(1);
const RUNNER: RunnerId = RunnerId(1);

fn pool() -> PoolSpec {
    PoolSpec {
        name: "large".into(),
        labels: Labels::new(["linux", "gpu"]),
        scope: Scope::Instance,
        access: Access::Everybody,
        door: PoolDoor::Open,
        max_running: None,
        supply: Supply::OnDemand,
    }
}

fn runner() -> RunnerSpec {
    RunnerSpec {
        name: "box-7".into(),
        labels: Labels::new(["linux", "gpu"]),
        scope: Scope::Instance,
        pool: Some(POOL),
        capacity: 1,
        life: Life::Lasting,
        door: RunnerDoor::Open,
    }
}

fn claim(member: Member, in_progress: InProgress, queue: GroupQueue) -> Claim {
    let since = match &member {
        Member::Run(run) | Member::Call(run, _) => run.0.unsigned_abs(),
        Member::Job(job) => job.0.unsigned_abs(),
    };
    Claim { group: "Deploy".into(), member, in_progress, queue, since }
}

fn spec(labels: &[&str]) -> JobSpec {
    JobSpec::new(PROJECT, Labels::new(labels))
}

fn queue() -> Queue {
    let mut queue = Queue::new(Settings::default());
    queue.put_project(PROJECT, ProjectSpec::new(OWNER));
    queue
}

fn why(queue: &Queue, job: JobNumber) -> (ReasonKind, String) {
    let wait = queue.why(job).unwrap();
    (wait.reason.kind(), wait.reason.to_string())
}

/// Everything is wrong; then one thing after the other is put right, and the reason follows in the order of the rules.
#[test]
fn each_reason_goes_when_its_cause_goes() {
    let mut queue = queue();
    let fine = ProjectSpec::new(OWNER);
    let expired = ProjectSpec { credential: Credential::Invalid("the token ended 10:02".into()), ..fine.clone() };
    let put_pool = |queue: &mut Queue, spec: PoolSpec| queue.put_pool(POOL, spec);
    let nobody = Access::Only([Scope::Repository(ProjectId(9))].into());
    let (name, max) = ("web".into(), Some(0));
    queue.put_owner(OWNER, OwnerSpec { name, max_running: max });
    queue.put_project(PROJECT, ProjectSpec { forge: ForgeLine::Paused("by ana".into()), ..expired.clone() });
    queue.enter(PROJECT, &claim(Member::Run(RunId(812)), InProgress::Stays, GroupQueue::Single));
    let mut job = spec(&["linux", "gpu"]);
    job.claims = vec![claim(Member::Job(JOB), InProgress::Stays, GroupQueue::Single)];
    job.hold = Some(Hold::Dependency("build (running)".into()));
    queue.put_job(JOB, job).unwrap();
    let mut said = Vec::new();
    let mut step = |queue: &mut Queue, due: ReasonKind, part: &str| {
        assert!(queue.assign().assignments.is_empty());
        let (kind, text) = why(queue, JOB);
        assert_eq!(kind, due, "{text}");
        assert!(text.contains(part), "{text}");
        said.push(kind);
    };
    step(&mut queue, ReasonKind::WebhookMissing, "paused: by ana");
    queue.put_project(PROJECT, expired);
    step(&mut queue, ReasonKind::Dependency, "build (running)");
    queue.hold(JOB, Some(Hold::Approval("a fork by somebody new".into())));
    step(&mut queue, ReasonKind::Approval, "a fork");
    queue.hold(JOB, None);
    step(&mut queue, ReasonKind::ConcurrencyGroup, "group Deploy belongs to run 812");
    queue.leave(&Member::Run(RunId(812)));
    step(&mut queue, ReasonKind::CredentialInvalid, "10:02");
    queue.put_project(PROJECT, fine);
    step(&mut queue, ReasonKind::NoMatchingLabel, "asks for [gpu, linux]");
    put_pool(&mut queue, PoolSpec { access: nobody, ..pool() });
    step(&mut queue, ReasonKind::NoPool, "its list does not name this project");
    put_pool(&mut queue, PoolSpec { door: PoolDoor::Maintenance("ana until 14:00".into()), ..pool() });
    step(&mut queue, ReasonKind::PoolDisabled, "ana until 14:00");
    put_pool(&mut queue, PoolSpec { max_running: Some(0), ..pool() });
    step(&mut queue, ReasonKind::QuotaTeam, "web uses 0 of 0");
    queue.put_owner(OWNER, OwnerSpec { name: "web".into(), max_running: Some(20) });
    step(&mut queue, ReasonKind::CapacityMax, "pool large runs 0");
    put_pool(&mut queue, PoolSpec { supply: Supply::Provisioning("register, 18 s of 25 s".into()), ..pool() });
    step(&mut queue, ReasonKind::Provisioning, "18 s");
    put_pool(&mut queue, PoolSpec { supply: Supply::Failed("the provider's quota is used".into()), ..pool() });
    step(&mut queue, ReasonKind::ProvisionFailed, "provider");
    queue.put_runner(RUNNER, runner());
    step(&mut queue, ReasonKind::NoIdleRunner, "a runner is free");
    assert_eq!(said, ReasonKind::ALL);
    queue.ask(RUNNER, 1);
    assert_eq!(queue.assign().assignments.len(), 1);
    assert_eq!(queue.why(JOB), None);
}

#[test]
fn labels_that_nobody_has_come_with_the_nearest() {
    let mut queue = queue();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, ..runner() });
    // Not told: it belongs to somebody else.
    let foreign = RunnerSpec { scope: Scope::Owner(OwnerId(2)), labels: Labels::new(["linux", "gpux"]), ..runner() };
    queue.put_runner(RunnerId(2), RunnerSpec { pool: None, ..foreign });
    queue.put_job(JOB, spec(&["linux", "gpux2"])).unwrap();
    let wait = queue.why(JOB).unwrap();
    let text = wait.reason.to_string();
    assert!(text.ends_with("nearest is box-7 with [gpu, linux], which lacks `gpux2`"), "{text}");
    queue.put_job(JOB, spec(&["linux", "gpuu"])).unwrap();
    assert_eq!(queue.why(JOB).unwrap().reason.fix().unwrap(), "write `gpu` for `gpuu` in `runs-on`");
    queue.put_job(JOB, spec(&["linux", "gpux"])).unwrap();
    assert_eq!(why(&queue, JOB).0, ReasonKind::NoPool);
    queue.put_job(JOB, spec(&[])).unwrap();
    assert_eq!(why(&queue, JOB), (ReasonKind::NoMatchingLabel, "`runs-on` is empty; no runner takes that".to_owned()));
}

#[test]
fn everybody_takes_an_empty_runs_on_where_that_is_set() {
    let settings = Settings { empty_runs_on: scheduler::EmptyRunsOn::Anybody, ..Settings::default() };
    let mut queue = Queue::new(settings);
    queue.put_project(PROJECT, ProjectSpec::new(OWNER));
    queue.put_job(JOB, spec(&[])).unwrap();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, ..runner() });
    queue.ask(RUNNER, 1);
    queue.put_job(JobNumber(2), spec(&[])).unwrap();
    assert_eq!(queue.assign().assignments.len(), 1);
}

#[test]
fn a_place_and_a_time_are_told() {
    let mut queue = queue();
    queue.set_durations(None, Durations { p50: Duration::from_secs(60), p90: Duration::from_secs(90) });
    queue.put_runner(RUNNER, RunnerSpec { pool: None, capacity: 2, ..runner() });
    for number in 1..=6 {
        queue.put_job(JobNumber(number), spec(&["linux"])).unwrap();
    }
    queue.put_job(JobNumber(7), JobSpec { priority: Priority(3), ..spec(&["linux"]) }).unwrap();
    queue.put_project(ProjectId(2), ProjectSpec::new(OWNER));
    queue.put_job(JobNumber(8), JobSpec { project: ProjectId(2), ..spec(&["linux"]) }).unwrap();
    let wait = queue.why(JobNumber(3)).unwrap();
    let (position, estimate) = (wait.position.unwrap(), wait.estimate.unwrap());
    assert_eq!((position.place, position.of), (5, 8), "two in its line, one of higher priority, one of project 2");
    assert_eq!((estimate.p50, estimate.p90), (Duration::from_secs(150), Duration::from_secs(225)));
}

#[test]
fn a_newer_member_takes_the_place_of_the_one_that_waits() {
    let mut queue = queue();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, capacity: 9, ..runner() });
    let member = |run: i64| Member::Run(RunId(run));
    let put = |queue: &mut Queue, run: i64, in_progress, kind| {
        let claims = vec![claim(member(run), in_progress, kind)];
        queue.put_job(JobNumber(run), JobSpec { claims, ..spec(&["linux"]) }).unwrap();
        queue.ask(RUNNER, 9);
        let decisions = queue.assign();
        let told = decisions.cancellations.into_iter().map(|told| (told.member, told.cause)).collect::<Vec<_>>();
        (decisions.assignments.len(), told)
    };
    let (stays, single) = (InProgress::Stays, GroupQueue::Single);
    assert_eq!(put(&mut queue, 1, stays, single), (1, vec![]));
    assert_eq!(put(&mut queue, 2, stays, single), (0, vec![]));
    let gave_way = |old: i64, new: i64| (member(old), CancellationCause::GaveWay { newer: member(new) });
    assert_eq!(put(&mut queue, 3, stays, single), (0, vec![gave_way(2, 3)]));
    assert_eq!(
        why(&queue, JobNumber(2)),
        (ReasonKind::ConcurrencyGroup, "concurrency group Deploy belongs to run 3".to_owned())
    );
    let ends = (member(1), CancellationCause::InProgress { newer: member(4) });
    assert_eq!(put(&mut queue, 4, InProgress::IsCancelled, single), (0, vec![gave_way(3, 4), ends]));
    for number in [1, 2, 3] {
        queue.drop_job(JobNumber(number));
        assert!(queue.assign().assignments.is_empty(), "a run holds its group until it is over");
    }
    queue.leave(&member(2));
    queue.leave(&member(1));
    assert_eq!(queue.assign().assignments[0].job, JobNumber(4));
}

#[test]
fn a_job_that_is_gone_takes_no_other_with_it() {
    let mut queue = queue();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, capacity: 9, ..runner() });
    let in_group = |group: &str, run: i64| {
        let group =
            Claim { group: group.into(), ..claim(Member::Run(RunId(run)), InProgress::Stays, GroupQueue::Single) };
        JobSpec { claims: vec![group], ..spec(&["linux"]) }
    };
    queue.put_job(JobNumber(1), in_group("a", 1)).unwrap();
    queue.put_job(JobNumber(2), in_group("b", 2)).unwrap();
    // A job that waits for a goes, and one that waits for b comes in its seat; then a newer one comes to a.
    queue.put_job(JobNumber(3), in_group("a", 3)).unwrap();
    queue.drop_job(JobNumber(3));
    queue.put_job(JobNumber(4), in_group("b", 4)).unwrap();
    queue.put_job(JobNumber(5), in_group("a", 5)).unwrap();
    assert_eq!(queue.assign().assignments.len(), 0);
    queue.drop_job(JobNumber(2));
    queue.leave(&Member::Run(RunId(2)));
    queue.ask(RUNNER, 9);
    let given: Vec<i64> = queue.assign().assignments.iter().map(|assignment| assignment.job.0).collect();
    assert_eq!(given, [1, 4]);
}

#[test]
fn a_job_that_wants_what_its_own_run_holds_has_it() {
    let mut queue = queue();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, ..runner() });
    queue.ask(RUNNER, 1);
    let group = |member| claim(member, InProgress::Stays, GroupQueue::Single);
    let claims = vec![group(Member::Run(RunId(1))), group(Member::Job(JOB))];
    queue.put_job(JOB, JobSpec { claims, ..spec(&["linux"]) }).unwrap();
    assert_eq!(queue.assign().assignments.len(), 1);
}

#[test]
fn a_queue_that_begins_again_knows_what_runs() {
    let mut queue = queue();
    queue.put_owner(OWNER, OwnerSpec { name: "web".into(), max_running: Some(2) });
    queue.put_runner(RUNNER, RunnerSpec { pool: None, life: Life::Ephemeral, ..runner() });
    queue.put_runner(RunnerId(2), RunnerSpec { pool: None, capacity: 5, ..runner() });
    queue.put_running(JobNumber(8), spec(&["linux"]), RUNNER).unwrap();
    queue.put_running(JobNumber(9), spec(&["linux"]), RunnerId(2)).unwrap();
    queue.put_job(JOB, spec(&["linux"])).unwrap();
    queue.ask(RUNNER, 1);
    queue.ask(RunnerId(2), 4);
    assert!(queue.assign().assignments.is_empty());
    assert_eq!(why(&queue, JOB).0, ReasonKind::QuotaTeam);
    queue.drop_job(JobNumber(8));
    let assignments = queue.assign().assignments;
    assert_eq!(assignments.iter().map(|assignment| assignment.runner).collect::<Vec<_>>(), [RunnerId(2)]);
    let unknown = queue.put_job(JobNumber(3), JobSpec::new(ProjectId(77), Labels::new(["linux"])));
    assert_eq!(unknown, Err(PutError::UnknownProject { job: JobNumber(3), project: ProjectId(77) }));
}

#[test]
fn a_job_that_another_server_gave_away_counts_for_the_runner_that_has_it() {
    let mut queue = queue();
    for id in [RUNNER, RunnerId(2)] {
        queue.put_runner(id, RunnerSpec { pool: None, ..runner() });
    }
    queue.ask(RUNNER, 1);
    queue.put_job(JOB, spec(&["linux"])).unwrap();
    assert_eq!(queue.assign().assignments.len(), 1);
    queue.requeue(JOB);
    queue.put_running(JOB, spec(&["linux"]), RunnerId(2)).unwrap();
    queue.put_job(JobNumber(2), spec(&["linux"])).unwrap();
    queue.put_job(JobNumber(3), spec(&["linux"])).unwrap();
    queue.ask(RUNNER, 1);
    queue.ask(RunnerId(2), 1);
    let runners: Vec<RunnerId> = queue.assign().assignments.iter().map(|assignment| assignment.runner).collect();
    assert_eq!(runners, [RUNNER]);
}

/// Two servers hear of three runs of one group in different orders; what they cancel together leaves the newest.
#[test]
fn whoever_hears_in_whatever_order_the_newest_stays() {
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    for in_progress in [InProgress::Stays, InProgress::IsCancelled] {
        for order in orders {
            let mut queue = queue();
            for run in order {
                let claims = vec![claim(Member::Run(RunId(run)), in_progress, GroupQueue::Single)];
                queue.put_job(JobNumber(run), JobSpec { claims, ..spec(&["linux"]) }).unwrap();
            }
            let cancelled: Vec<Member> = queue.assign().cancellations.into_iter().map(|told| told.member).collect();
            assert!(!cancelled.contains(&Member::Run(RunId(3))), "{order:?}: {cancelled:?}");
        }
    }
}

#[test]
fn who_holds_a_group_may_be_told() {
    let mut queue = queue();
    queue.put_runner(RUNNER, RunnerSpec { pool: None, capacity: 9, ..runner() });
    let member = |run: i64| Member::Run(RunId(run));
    for run in [2, 3] {
        let claims = vec![claim(member(run), InProgress::Stays, GroupQueue::Single)];
        queue.put_job(JobNumber(run), JobSpec { claims, ..spec(&["linux"]) }).unwrap();
    }
    // Run 1 has it, of which nothing was heard here; run 2 gives way to run 3.
    queue.hold_group(PROJECT, "DEPLOY", &member(1), 0);
    queue.ask(RUNNER, 9);
    let decisions = queue.assign();
    assert_eq!(decisions.assignments, []);
    let gave_way = CancellationCause::GaveWay { newer: member(3) };
    assert_eq!(
        decisions.cancellations.into_iter().map(|told| (told.member, told.cause)).collect::<Vec<_>>(),
        [(member(2), gave_way)]
    );
    assert_eq!(why(&queue, JobNumber(3)).1, "concurrency group Deploy belongs to run 1");
    // Another server let run 2 in before that was done.
    queue.hold_group(PROJECT, "deploy", &member(2), 0);
    assert_eq!(queue.assign().assignments.into_iter().map(|given| given.job).collect::<Vec<_>>(), [JobNumber(2)]);
    queue.drop_job(JobNumber(2));
    queue.leave(&member(2));
    assert_eq!(queue.assign().assignments[0].job, JobNumber(3));
}
