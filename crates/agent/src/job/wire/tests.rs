//! What is written to the pipe reads the same.

use super::{Ended, ForgeFacts, FromJob, JobOrder, ToJob, line, read, write_event};
use crate::job::{CacheReach, ExposedPaths, Forks, HookFiles, JobSettings, ToolCache, Trust};
use crate::{DockerLabels, Label};
use domain::{
    Conclusion, JobEvent, JobEventKind, JobId, Secret, StepPhase, StepRef, Task, TaskId, TaskNeed, TaskResult,
    Timestamp,
};
use protocol::Dialect;
use sandbox::{Limits, Network, Profile, Root};
use std::collections::BTreeMap;
use std::time::Duration;

fn order(workflow: &[u8]) -> JobOrder {
    let context = serde_json::json!({"event": {"a": [1, null, 2.5]}, "sha": "0"}).as_object().unwrap().clone();
    let need =
        |result| TaskNeed { result, outputs: BTreeMap::from([("k".to_owned(), "line\none \u{1F3C3}".to_owned())]) };
    JobOrder {
        task: Task {
            id: TaskId(7),
            workflow: workflow.to_vec(),
            context,
            secrets: BTreeMap::from([("S".to_owned(), Secret::new("\"value\"\n"))]),
            vars: BTreeMap::from([("V".to_owned(), String::new())]),
            needs: BTreeMap::from([
                ("a".to_owned(), need(Some(TaskResult::Concluded(Conclusion::Success)))),
                ("b".to_owned(), need(Some(TaskResult::Other(9)))),
                ("c".to_owned(), need(None)),
            ]),
        },
        forge: ForgeFacts {
            url: "http://127.0.0.1:3000/sub".to_owned(),
            dialect: Dialect::Forgejo,
            capabilities: vec!["job-summary".to_owned()],
        },
        runner: "r1".to_owned(),
        labels: vec![Label::parse("linux").unwrap(), Label::parse("deb:docker://debian:12").unwrap()],
        settings: JobSettings {
            limits: Limits { memory: Some(1), processes: None, cpu_millis: Some(1500), disk: None, inodes: None },
            profile: Profile::Root,
            network: Network::Outbound { allow: vec!["db:5432".to_owned()] },
            root: Root::Dir("/srv/root".into()),
            expose: ExposedPaths { paths: vec!["/opt/x".into()], ..ExposedPaths::default() },
            env: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
            hooks: HookFiles { started: Some("/etc/h.sh".into()), completed: None },
            timeout: Duration::from_secs(10_800),
            tool_cache: ToolCache::Shared { folder: "/var/tools".into() },
            data: "/var/lib/agent".into(),
            state: "/var/lib/state".into(),
            mirrors: vec!["https://mirror.example".to_owned()],
            forks: Forks::Refuse,
            docker_labels: DockerLabels::Sandbox,
            trust: Trust::default(),
            cache: CacheReach::At { url: "http://127.0.0.1:1/".to_owned() },
        },
    }
}

#[test]
fn an_order_reads_the_same_with_its_secrets() {
    for workflow in [b"on: push\n".as_slice(), b"\xff\xfe", b""] {
        let order = ToJob::Order(Box::new(order(workflow)));
        let line = line(&order).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        assert_eq!(read::<ToJob>(&line).unwrap(), order);
    }
    assert_eq!(read::<ToJob>(&line(&ToJob::Cancel).unwrap()).unwrap(), ToJob::Cancel);
}

#[test]
fn what_a_job_says_reads_the_same() {
    let kinds = [
        JobEventKind::StepStarted {
            step: StepRef(2),
            name: "Run x".to_owned(),
            phase: StepPhase::Main,
            index: Some(0),
        },
        JobEventKind::Output { step: StepRef(2), text: "a\nb \"c\"\n".into() },
        JobEventKind::JobFinished {
            conclusion: Conclusion::Failure,
            outputs: BTreeMap::from([("o".to_owned(), "v".to_owned())]),
            micros: 3,
        },
    ];
    let mut said: Vec<FromJob> = kinds
        .into_iter()
        .map(|kind| FromJob::Event(JobEvent { job: JobId::new("j"), at: Timestamp(5), kind }))
        .collect();
    said.push(FromJob::Begins);
    said.push(FromJob::Ended(Ended { conclusion: Conclusion::Failure, fault: Some("no disk".to_owned()) }));
    for one in said {
        assert_eq!(read::<FromJob>(&line(&one).unwrap()).unwrap(), one);
    }
}

#[test]
fn what_a_step_says_follows_its_line_as_it_is() {
    let at = |kind| JobEvent { job: JobId::new("j"), at: Timestamp(5), kind };
    let mut said = Vec::new();
    let text = "\"a\"\n{\u{e9}\n";
    write_event(at(JobEventKind::Output { step: StepRef(2), text: text.into() }), &mut said).unwrap();
    let started = at(JobEventKind::JobStarted { name: "j".to_owned() });
    write_event(started.clone(), &mut said).unwrap();
    let (first, rest) = said.split_at(said.iter().position(|byte| *byte == b'\n').unwrap());
    let head = FromJob::Output { job: JobId::new("j"), at: Timestamp(5), step: StepRef(2), bytes: text.len() };
    assert_eq!(read::<FromJob>(first).unwrap(), head);
    let last = rest[1..].strip_prefix(text.as_bytes()).unwrap();
    assert_eq!(read::<FromJob>(last).unwrap(), FromJob::Event(started));
}
