//! The way of a step's output, from bytes to events in a file, with 50 secrets. `cargo bench -p ekiden-engine --bench output`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use domain::{JobEvent, JobEventKind, JobId, StepRef, SystemClock};
use engine::commands::CommandRules;
use engine::events::EventSink;
use engine::output::{Debugging, JobMatchers, RepositoryIdentity, Speaker, StepLog, StepOutput};
use mask::Masker;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::Shelf;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

const BYTES: usize = 128 << 20;
const CHUNK: usize = 64 * 1024;
const RUNS: usize = 5;
const MATCHER: &str = r#"{"problemMatcher":[{"owner":"cc","pattern":[{"regexp":"^(\\S+):(\\d+): (.*)$","file":1,"line":2,"message":3}]}]}"#;

/// Where the bytes come from.
#[derive(Clone, Copy)]
enum From {
    Memory,
    Pipe,
}

fn lines(bytes: usize, mut line: impl FnMut(usize) -> String) -> Arc<[u8]> {
    let mut text = Vec::with_capacity(bytes + 200);
    let mut n = 0;
    while text.len() < bytes {
        text.extend_from_slice(line(n).as_bytes());
        text.push(b'\n');
        n += 1;
    }
    text.into()
}

fn masker(secrets: usize) -> Masker {
    let masker = Masker::new();
    for n in 0..secrets {
        masker.add(&format!("s3cret/{n:03}+{:x}=Value", (n as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    }
    masker
}

/// One output, to a file; the time that it took.
fn once(from: From, masker: &Masker, text: &Arc<[u8]>, runtime: &tokio::runtime::Runtime) -> Duration {
    let shelf = Shelf::new(&[("/w/repo/m.json", MATCHER)]);
    let (sender, mut receiver) = engine::events::channel();
    let sink = EventSink::new(JobId::new("bench"), Arc::new(SystemClock), sender);
    let log = Arc::new(StepLog::new(sink, StepRef(1), masker.clone(), Debugging::Hidden));
    let work = async {
        let rules = CommandRules::default();
        let mut output = StepOutput::new(log, &shelf, JobMatchers::default(), RepositoryIdentity::default(), rules);
        match from {
            From::Memory => {
                for chunk in text.chunks(CHUNK) {
                    output.take(Speaker::Output, chunk).await;
                }
            }
            From::Pipe => {
                let (reader, mut writer) = std::io::pipe().unwrap();
                let text = Arc::clone(text);
                let writing =
                    std::thread::spawn(move || text.chunks(CHUNK).for_each(|chunk| writer.write_all(chunk).unwrap()));
                let mut reader = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
                let mut chunk = vec![0; CHUNK];
                loop {
                    let read = reader.read(&mut chunk).await.unwrap();
                    if read == 0 {
                        break;
                    }
                    output.take(Speaker::Output, &chunk[..read]).await;
                }
                writing.join().unwrap();
            }
        }
        output.finish().await;
        drop(output);
    };
    let read = async {
        let mut file = tempfile::tempfile().unwrap();
        let mut written = 0;
        while let Some(JobEvent { kind, .. }) = receiver.recv().await {
            if let JobEventKind::Output { text, .. } = kind {
                file.write_all(text.as_bytes()).unwrap();
                written += text.len();
            }
        }
        assert!(written > 0);
    };
    let start = Instant::now();
    runtime.block_on(async { tokio::join!(work, read) });
    start.elapsed()
}

/// The least that there is to do: the same bytes from a pipe to a file, nothing looked at.
fn floor(text: &Arc<[u8]>) -> Duration {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let start = Instant::now();
    let text = Arc::clone(text);
    let writing = std::thread::spawn(move || text.chunks(CHUNK).for_each(|chunk| writer.write_all(chunk).unwrap()));
    let mut file = tempfile::tempfile().unwrap();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = reader.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        file.write_all(&chunk[..read]).unwrap();
    }
    writing.join().unwrap();
    start.elapsed()
}

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rate = |time: Duration, bytes: usize| bytes as f64 / 1e6 / time.as_secs_f64();
    let measure = |name: &str, from: From, masker: &Masker, text: &Arc<[u8]>, least: f64| {
        let now = rate(median((0..RUNS).map(|_| once(from, masker, text, &runtime)).collect()), text.len());
        println!("{name:<52} {now:>7.0} MB/s  {:>5.2} of the floor", now / least);
    };
    // 99 bytes and the line end
    let tail = " compiling something at src/module/file.rs, with words enough to make the line long, and 0123456789.";
    let plain = lines(BYTES, |n| format!("{n:08}{}", &tail[..91]));
    let paths = lines(BYTES, |n| format!("test module::{n:08}::name ... ok{}", &tail[..69]));
    let secret = lines(BYTES, |n| {
        format!("{n:08} s3cret/007+{:x}=Value{}", 14u64.wrapping_mul(0x9E37_79B9_7F4A_7C15), &tail[..50])
    });
    let commands = lines(BYTES / 16, |n| format!("::group::{n}{}", &tail[..80]));
    let matched =
        lines(
            BYTES / 16,
            |n| if n == 0 { "::add-matcher::m.json".to_owned() } else { format!("{n:08}{}", &tail[..91]) },
        );
    let least = rate(median((0..RUNS).map(|_| floor(&plain)).collect()), plain.len());
    println!("{:<52} {least:>7.0} MB/s", "floor: from a pipe to a file, nothing looked at");
    measure("50 secrets, from memory", From::Memory, &masker(50), &plain, least);
    measure("50 secrets, from a pipe", From::Pipe, &masker(50), &plain, least);
    measure("no secrets, from a pipe", From::Pipe, &masker(0), &plain, least);
    measure("50 secrets, a `::` in each line", From::Memory, &masker(50), &paths, least);
    measure("50 secrets, one in each line", From::Memory, &masker(50), &secret, least);
    measure("50 secrets, each line a command", From::Memory, &masker(50), &commands, least);
    measure("50 secrets, a problem matcher on each line", From::Memory, &masker(50), &matched, least);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        println!(
            "peak memory, the input of {} MB included: {}",
            (3 * BYTES + 2 * BYTES / 16) >> 20,
            peak.trim_start_matches("VmHWM:").trim()
        );
    }
}
