//! `cargo xtask record`: what a runner and a real forge say to each other, as data that tests replay. One command a pair and version:
//! it starts the forge, puts a recording proxy before it and the runner behind that, lets it run a few jobs, and writes what passed, without
//! secrets, to `crates/protocol/tests/data/exchanges/FORGE-VERSION-RUNNER.jsonl`.
//!
//! Everything is started by a push, so that a forge without routes for runs can be recorded too.

mod scrub;

use crate::runner::Runner;
use crate::{Outcome, say};
use anyhow::{Context, Result, bail, ensure};
use scrub::Scrub;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use testkit::{Exchange, Gitea, GiteaProgram, Message, Moment, Relay, Sweeps};

const FOLDER: &str = "crates/protocol/tests/data/exchanges";
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing more is said of a task when this long nothing was said.
const QUIET: Duration = Duration::from_secs(4);

const CANCELLED: &str = "on: push
jobs:
  c:
    runs-on: lab
    steps:
      - run: echo begun; sleep 50
      - if: cancelled()
        run: echo cleaned up
";
const JOBS: &str = "on: push
jobs:
  a:
    runs-on: lab
    outputs: {v: '${{ steps.s.outputs.v }}'}
    steps:
      - id: s
        run: echo v=1 >> \"$GITHUB_OUTPUT\"
      - run: |
          echo '::group::inside'; echo in a group; echo '::endgroup::'
          echo '::add-mask::hunter2'; echo \"hunt\"er2
          echo '::warning file=a.c,line=1::careful'
      - continue-on-error: true
        run: exit 3
  b:
    needs: a
    runs-on: lab
    steps: [{run: 'echo got ${{ needs.a.outputs.v }} and ${{ secrets.WORD }}'}]
  d:
    runs-on: lab
    steps: [{run: exit 7}, {run: echo never}]
";
/// How many tasks these are.
const TASKS: usize = 4;

struct Wanted {
    forge: GiteaProgram,
    runner: Runner,
    /// What the forge does not say itself: one that was built by hand says `development`.
    version: Option<String>,
    out: PathBuf,
}

fn wanted(args: &[String]) -> Result<Wanted> {
    let mut values = BTreeMap::new();
    for pair in args.chunks(2) {
        let [name, value] = pair else { bail!("{} wants a value", pair[0]) };
        values.insert(name.as_str(), Path::new(value).to_owned());
    }
    let found = |path: PathBuf| path.canonicalize().with_context(|| format!("{} is not there", path.display()));
    let program = found(values.remove("--forge").context("--forge BIN is wanted")?)?;
    let assets = values.remove("--assets").map(found).transpose()?;
    let runner = Runner::of(&values.remove("--runner").context("--runner BIN is wanted")?)?;
    let version = values.remove("--version").map(|version| version.display().to_string());
    let out = values.remove("--out").unwrap_or_else(|| FOLDER.into());
    ensure!(values.is_empty(), "unknown: {:?}", values.keys());
    Ok(Wanted { forge: GiteaProgram { program, assets }, runner, version, out })
}

/// What passed, and when something of a task last did.
#[derive(Default)]
struct Tape {
    exchanges: Vec<Exchange>,
    given: usize,
    last: Option<Instant>,
}

fn method(exchange: &Exchange) -> &str {
    exchange.request.path().rsplit('/').next().unwrap_or_default()
}

impl Tape {
    fn note(&mut self, exchange: &Exchange) {
        let method = method(exchange);
        match method {
            "FetchTask" if exchange.answer.body.len() > 32 => self.given += 1,
            "FetchTask" => {
                // Hundreds of empty answers teach no more than the first.
                let same = |known: &&Exchange| {
                    known.request.path() == exchange.request.path() && known.answer.body.len() <= 32
                };
                if self.exchanges.iter().filter(same).count() >= 2 {
                    return;
                }
            }
            "UpdateTask" | "UpdateLog" => {
                self.last = Some(Instant::now());
                // Nor does a heartbeat that says what the one before said.
                let before = self.exchanges.iter().rev().find(|known| known.request.path() == exchange.request.path());
                if before.is_some_and(|before| {
                    before.request.body == exchange.request.body && before.answer.body == exchange.answer.body
                }) {
                    return;
                }
            }
            _ => {}
        }
        self.exchanges.push(exchange.clone());
    }
}

/// Records one pair.
pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    let wanted = wanted(args)?;
    let work = std::env::temp_dir().join(format!("ekiden-record-{}", std::process::id()));
    let forge = Gitea::start(&wanted.forge, &work.join("forge"), Sweeps::Usual)?;
    let said = forge.version()?;
    let family = if said.contains("gitea-") { "forgejo" } else { "gitea" };
    let version = wanted.version.unwrap_or(said);
    let tape: Arc<Mutex<Tape>> = Arc::default();
    let noted = Arc::clone(&tape);
    let relay = Relay::start(
        forge.address(),
        Arc::new(move |moment, exchange: &Exchange| {
            if moment == Moment::Answered && exchange.request.path().contains("/api/actions/") {
                noted.lock().unwrap_or_else(PoisonError::into_inner).note(exchange);
            }
        }),
    )?;
    let token = forge.token()?;
    let mut runner = wanted.runner.start(&work.join("runner"), &relay.url(), &token, "lab:host")?;
    let recorded = jobs(&forge, &tape);
    let _ = Command::new("kill").args(["-TERM", &runner.id().to_string()]).status()?;
    runner.wait()?;
    drop(relay);
    recorded?;
    let tape = std::mem::take(&mut *tape.lock().unwrap_or_else(PoisonError::into_inner));
    let number = version.split('+').next().unwrap_or_default();
    let path = wanted.out.join(format!("{family}-{number}-{}.jsonl", wanted.runner.name()));
    std::fs::create_dir_all(&wanted.out)?;
    std::fs::write(&path, text(&tape.exchanges, &token, forge.address())?)?;
    say(&format!("{} exchanges, {}", tape.exchanges.len(), path.display()));
    drop(forge);
    std::fs::remove_dir_all(&work)?;
    Ok(Outcome::Good)
}

fn jobs(forge: &Gitea, tape: &Mutex<Tape>) -> Result<()> {
    let until = |what: &str, holds: &dyn Fn(&Tape) -> bool| -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !holds(&tape.lock().unwrap_or_else(PoisonError::into_inner)) {
            ensure!(Instant::now() < end, "{what} did not come to pass");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    };
    // The first run of a repository and of the forge: its page has the number 1 by any count.
    forge.repository("one")?;
    forge.put("one", ".gitea/workflows/c.yml", CANCELLED)?;
    until("the first rows of a job", &|tape| {
        tape.exchanges.iter().any(|exchange| exchange.request.body.windows(5).any(|part| part == b"begun"))
    })?;
    if let Err(error) = forge.cancel("one", 1) {
        say(&format!("not cancelled: {error}"));
    }
    forge.repository("two")?;
    if let Err(error) = forge.secret("two", "WORD", "a word of no worth") {
        say(&format!("no secret: {error}"));
    }
    forge.put("two", ".gitea/workflows/j.yml", JOBS)?;
    until("the end of the last job", &|tape| {
        tape.given >= TASKS && tape.last.is_some_and(|last| last.elapsed() > QUIET)
    })
}

/// Headers that mean something to the protocol.
fn headers(message: &Message, scrub: &mut Scrub) -> Value {
    let mut kept = serde_json::Map::new();
    for (name, value) in &message.headers {
        let name = name.to_ascii_lowercase();
        let is_of_protocol =
            ["x-runner-", "x-gitea-", "x-forgejo-", "connect-", "content-type", "content-encoding", "user-agent"]
                .iter()
                .any(|start| name.starts_with(start));
        if is_of_protocol {
            kept.insert(name, String::from_utf8_lossy(&scrub.clean(value.as_bytes())).into());
        }
    }
    kept.into()
}

/// The exchanges, one a line.
fn text(exchanges: &[Exchange], token: &str, address: &str) -> Result<String> {
    let mut scrub = Scrub::new(address);
    scrub.knows(token);
    for exchange in exchanges {
        exchange.request.header("x-runner-token").into_iter().for_each(|token| scrub.knows(token));
    }
    let mut text = String::new();
    for exchange in exchanges {
        let mut side = |message: &Message| json!({"headers": headers(message, &mut scrub), "body": scrub::base64(&scrub.clean(&message.body))});
        let (request, answer) = (side(&exchange.request), side(&exchange.answer));
        let line = json!({"method": method(exchange), "request": request, "status": exchange.answer.status(), "answer": answer});
        let _ = writeln!(text, "{line}");
    }
    scrub.must_be_gone(&text)?;
    Ok(text)
}
