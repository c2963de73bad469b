//! Throughput of the masker on clean and on dirty text, and what adding costs. `cargo bench -p ekiden-mask`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use mask::Masker;
use std::hint::black_box;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 * 1024;

fn median(mut runs: Vec<Duration>) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

fn secrets(count: usize) -> Masker {
    let masker = Masker::new();
    for n in 0..count {
        masker.add(&format!("s3cret/{n:03}+{:x}=Value", (n as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    }
    masker
}

fn lines(bytes: usize, mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 100);
    let mut n = 0;
    while text.len() < bytes {
        text.extend_from_slice(line(n).as_bytes());
        text.push(b'\n');
        n += 1;
    }
    text
}

fn throughput(name: &str, masker: &Masker, text: &[u8]) {
    let runs = (0..7).map(|_| {
        let (mut stream, mut out) = (masker.stream(), Vec::with_capacity(CHUNK * 2));
        let start = Instant::now();
        for chunk in text.chunks(CHUNK) {
            out.clear();
            stream.push(chunk, &mut out);
            black_box(&out);
        }
        stream.finish(&mut out);
        start.elapsed()
    });
    let time = median(runs.collect());
    println!("{name:<46} {:>8.0} MB/s", text.len() as f64 / 1e6 / time.as_secs_f64());
}

/// Secrets that come one after the other, each in the output at once.
fn one_by_one(count: u32) -> Duration {
    let masker = Masker::new();
    let (mut stream, mut out) = (masker.stream(), Vec::new());
    let start = Instant::now();
    for n in 0..count {
        let secret = format!("secret-number-{n:08}\n");
        masker.add(&secret);
        out.clear();
        stream.push(secret.as_bytes(), &mut out);
        assert_eq!(out, b"***\n");
    }
    start.elapsed()
}

fn main() {
    let words =
        "compiling the crate of something, with warnings at src/module/file.rs:12:34 and so on and on forever 1234";
    let prose = lines(32 << 20, |n| format!("{n:08} {}", &words[..90]));
    let noise = lines(32 << 20, |n| {
        let mut state = n as u64 + 1;
        (0..99)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 58) as usize])
            })
            .collect()
    });
    let masker = secrets(50);
    let dirty = lines(32 << 20, |n| {
        format!(
            "{n:08} token=s3cret/{:03}+{:x}=Value {}",
            n % 50,
            ((n % 50) as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            &words[..50]
        )
    });
    throughput("no secrets, prose", &secrets(0), &prose);
    throughput("50 secrets in all forms, prose", &masker, &prose);
    throughput("50 secrets in all forms, base64-like noise", &masker, &noise);
    throughput("50 secrets in all forms, one in each line", &masker, &dirty);
    throughput("1,000 secrets in all forms, prose", &secrets(1000), &prose);
    let short = secrets(50);
    short.add("ab12");
    short.add("q9");
    throughput("52 secrets, one of 2 and one of 4 characters", &short, &prose);

    let first = median(
        (0..9)
            .map(|_| {
                let start = Instant::now();
                black_box(secrets(50).mask_text(words));
                start.elapsed()
            })
            .collect(),
    );
    println!("{:<46} {:>8.2} ms", "50 secrets: add all, ready to mask", first.as_secs_f64() * 1e3);
    let hit = median(
        (0..9)
            .map(|_| {
                let start = Instant::now();
                assert!(secrets(50).holds_secret(std::str::from_utf8(&dirty[..4000]).unwrap()));
                start.elapsed()
            })
            .collect(),
    );
    println!("{:<46} {:>8.2} ms", "50 secrets: add all, first hit", hit.as_secs_f64() * 1e3);
    for count in [1_000, 10_000] {
        let time = median((0..3).map(|_| one_by_one(count)).collect());
        println!(
            "{:<46} {:>8.2} us each",
            format!("{count} secrets, each shown before the next"),
            time.as_secs_f64() * 1e6 / f64::from(count)
        );
    }
}
