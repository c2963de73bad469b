//! What the built-in checkout costs before a job and in its step, by the size of the working tree: it must not depend on it.
//! `cargo bench -p ekiden-source --bench view`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use source::store::StoreOptions;
use source::{Checkout, Repository, Store};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use workflow::checkout::{CheckoutRequest, CheckoutSource, Inside};

fn repository(at: &Path, files: usize) {
    for folder in 0..files.div_ceil(100) {
        let folder = at.join(format!("d{}/e{folder}", folder % 20));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..100.min(files) {
            std::fs::write(folder.join(format!("f{file}.txt")), "x\n").unwrap();
        }
    }
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "commit.gpgsign=false"];
        assert!(Command::new("git").args(identity).args(arguments).current_dir(at).status().unwrap().success());
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "all"]);
    std::fs::write(at.join("uncommitted.txt"), "x\n").unwrap();
}

fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn inside() -> Inside {
    Inside { repositories: "/opt/repositories".into(), temporary: "/tmp".into(), target: "/work".into() }
}

fn main() {
    let request = CheckoutRequest { fetch_depth: 1, ..CheckoutRequest::default() };
    let mut floor = None;
    for files in [100, 100_000] {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        repository(&tree, files);
        let store = Arc::new(Store::open(StoreOptions::at(folder.path().join("store"))).unwrap());
        let time = median(101, || {
            let repository = Repository::discover(&tree).unwrap();
            let checkout = Checkout::new(repository, "owner/repo", "https://github.com", Arc::clone(&store)).unwrap();
            assert_eq!(checkout.views(1, 0).unwrap().len(), 1);
            let plan = checkout.plan(&request, &inside()).unwrap();
            assert!(plan.view.is_some());
        });
        let ratio = time.as_secs_f64() / floor.get_or_insert(time).as_secs_f64();
        println!("view and plan of {files:>6} files   {:8.3} ms   ×{ratio:.2}", time.as_secs_f64() * 1000.0);
    }
}
