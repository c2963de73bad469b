//! Live logs, as a stream and in a real browser.

use crate::browse::Browser;
use crate::pages::{admin, job_path, state};
use crate::plane::{Hand, World};
use domain::{Conclusion, LogEnd, LogRow, TaskId, TaskPhase, TaskResult, Timestamp};
use protocol::Report;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::StoredRun;
use testkit::{Chromium, Page};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

pub(crate) const FILE: &str = ".github/workflows/live.yml";
pub(crate) const WORKFLOW: &str = "name: Live\non: workflow_dispatch\njobs:\n  a:\n    name: build and test\n    runs-on: lab\n    steps: [{name: Prepare, run: 'true'}, {name: Run the tests, run: 'true'}, {name: Tidy up, run: 'true'}]\n";

/// A job that a runner has begun.
pub(crate) async fn begun(world: &World) -> (StoredRun, Hand, TaskId) {
    let run = world.dispatch("live").await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.start(task).await;
    (run, hand, task)
}

/// What a stream said, event by event: its kind, its id, its data.
pub(crate) struct Stream {
    socket: TcpStream,
    text: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Event {
    kind: String,
    id: String,
    data: String,
}

impl Stream {
    pub(crate) async fn open(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Self {
        let socket = browser.open("GET", path, headers, "").await;
        let mut stream = Self { socket, text: Vec::new() };
        let head = stream.until(b"\r\n\r\n").await.unwrap();
        assert!(head.starts_with("HTTP/1.0 200") && head.contains("text/event-stream"), "{head}");
        stream
    }

    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.text.windows(end.len()).position(|window| window == end) {
                let rest = self.text.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.text, rest)).ok();
            }
            let mut bytes = vec![0; 64 * 1024];
            let read =
                tokio::time::timeout(Duration::from_secs(20), self.socket.read(&mut bytes)).await.unwrap().unwrap();
            if read == 0 {
                return None;
            }
            self.text.extend(&bytes[..read]);
        }
    }

    /// The next event; nothing at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let text = self.until(b"\n\n").await?;
            let mut event = Event { kind: String::new(), id: String::new(), data: String::new() };
            for line in text.lines() {
                match line.split_once(": ").or_else(|| line.split_once(':')) {
                    Some(("event", kind)) => kind.clone_into(&mut event.kind),
                    Some(("id", id)) => id.clone_into(&mut event.id),
                    Some(("data", data)) => event.data.push_str(data),
                    _ => {}
                }
            }
            if !event.kind.is_empty() {
                return Some(event);
            }
        }
    }

    /// The next event of a kind.
    pub(crate) async fn wait(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().await.unwrap();
            if event.kind == kind {
                return event;
            }
        }
    }
}

pub(crate) const fn over(conclusion: Conclusion) -> TaskPhase {
    TaskPhase::Ended {
        result: TaskResult::Concluded(conclusion),
        started: Some(Timestamp(1_000)),
        stopped: Timestamp(5_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_rows_and_states_and_goes_on_where_it_was_cut_off() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let run = world.dispatch("live").await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let path = format!("{}/events", job_path(&world, &run).await);
    let mut stream = Stream::open(&browser, &format!("{path}?from=0"), &[]).await;
    assert!(stream.wait("state").await.data.contains("Why it waits"));
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.start(task).await;
    while !stream.wait("state").await.data.contains("data-title=\"running: ") {}
    hand.log(task, 0, &["one", "<b>two</b>"], LogEnd::Open).await.unwrap();
    let rows = stream.wait("rows").await;
    assert_eq!(rows.id, "2");
    assert!(rows.data.contains("id=\"L1\"") && rows.data.contains("&lt;b&gt;two"), "{}", rows.data);
    let steps =
        state(task, &[(over(Conclusion::Success), 1, 1), (TaskPhase::Running { started: Timestamp(5_000) }, 2, 0)]);
    hand.client.report(&hand.key, Report { state: steps, outputs: BTreeMap::new() }).await.unwrap();
    let told = stream.wait("state").await.data;
    assert!(told.contains("class=\"step success\" data-key=\"s0\" data-first=\"1\""), "{told}");
    assert!(told.contains("class=\"step running\" data-key=\"s1\" data-first=\"2\" open"), "{told}");
    drop(stream);
    hand.log(task, 2, &["three"], LogEnd::Open).await.unwrap();
    let mut again = Stream::open(&browser, &format!("{path}?from=0"), &[("last-event-id", "2")]).await;
    let rows = again.wait("rows").await;
    assert!(rows.id == "3" && rows.data.contains("three") && !rows.data.contains("two"), "{rows:?}");
    hand.log(task, 3, &["four"], LogEnd::Last).await.unwrap();
    hand.end(task, Conclusion::Success, &[]).await;
    assert!(again.wait("rows").await.data.contains("four"));
    assert!(again.wait("state").await.data.contains("data-title=\"success: "));
    // Without data browsers would not hear it, and ask again for ever.
    assert_eq!(again.wait("end").await.data, "-");
    assert!(again.next().await.is_none());
    // Of a job that is over, all at once.
    let mut late = Stream::open(&browser, &path, &[]).await;
    assert_eq!(late.wait("rows").await.id, "4");
    late.wait("end").await;
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_slowly_keeps_nobody_waiting_and_costs_nothing() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let (run, hand, task) = begun(&world).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let path = format!("{}/events", job_path(&world, &run).await);
    let mut slow = Stream::open(&browser, &path, &[]).await;
    let long = "x".repeat(1_000);
    let rows: Vec<&str> = std::iter::repeat_n(long.as_str(), 1_000).collect();
    for at in 0..60 {
        assert_eq!(hand.log(task, at * 1_000, &rows, LogEnd::Open).await.unwrap(), (at + 1) * 1_000);
    }
    hand.log(task, 60_000, &["the last"], LogEnd::Open).await.unwrap();
    // 60 MB were written; what piled up for it is what the sockets hold.
    let (mut bytes, mut gaps) = (0, 0);
    loop {
        let event = slow.next().await.unwrap();
        bytes += event.data.len();
        gaps += u64::from(event.kind == "gap");
        if event.data.contains("the last") {
            break;
        }
    }
    assert!(gaps > 0 && bytes < 30_000_000, "{gaps} {bytes}");
    // With a stream open the server stops as fast as without.
    let begun = Instant::now();
    world.server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    while slow.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let (run, _hand, _task) = begun(&world).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let job = job_path(&world, &run).await;
    let mut log = Stream::open(&browser, &format!("{job}/events"), &[]).await;
    let mut changes = Stream::open(&browser, &format!("/changes?run={}", run.id), &[]).await;
    let form = browser.get("/").await.form();
    assert_eq!(browser.post("/logout", &format!("form={form}")).await.status, 303);
    while log.next().await.is_some() {}
    while changes.next().await.is_some() {}
    world.server.stop().await;
}

/// A browser with the session of an administrator, where this machine has one.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn chromium(world: &World, browser: &Browser) -> Option<(Chromium, Page)> {
    let Some(program) = Chromium::program() else {
        eprintln!("SKIP: no Chromium on this machine; install one, or name it in EKIDEN_CHROMIUM");
        return None;
    };
    let chromium = Chromium::start(&program).unwrap();
    let mut page = chromium.page().unwrap();
    let (name, value) = browser.cookie.as_ref().unwrap().split_once('=').unwrap();
    let url = format!("http://{}/", world.server.address);
    page.call("Network.setCookie", &json!({ "name": name, "value": value, "url": url })).unwrap();
    let watch = "window.faults = []; addEventListener('securitypolicyviolation', (event) => faults.push(event.violatedDirective + ' ' + event.blockedURI)); addEventListener('error', (event) => faults.push(String(event.message))); addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));";
    page.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": watch })).unwrap();
    page.call("Page.enable", &json!({})).unwrap();
    Some((chromium, page))
}

/// Whoever hears a page knows what each thing in it is.
fn assert_named(page: &mut Page, name: &str) {
    let tree = page.call("Accessibility.getFullAXTree", &json!({})).unwrap();
    let nodes = tree["nodes"].as_array().unwrap();
    let roles = |wanted: &str| nodes.iter().filter(|node| node["role"]["value"] == wanted).count();
    assert_eq!((roles("main"), roles("banner")), (1, 1), "{name}");
    for node in nodes.iter().filter(|node| node["ignored"] != true) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if ["link", "button", "textbox", "combobox", "navigation", "search", "heading", "DisclosureTriangle"]
            .contains(&role)
        {
            let called = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!called.trim().is_empty(), "{name}: {node}");
        }
    }
    assert_eq!(
        page.look("document.querySelectorAll('h1').length === 1 && document.documentElement.lang === 'en'").unwrap(),
        true
    );
}

/// Keeps pictures where `EKIDEN_PICTURES` says.
fn keep(page: &mut Page, name: &str) {
    assert_named(page, name);
    let Some(folder) = std::env::var_os("EKIDEN_PICTURES") else { return };
    for (kind, scheme, width, height) in
        [("light", "light", 1280, 860), ("dark", "dark", 1280, 860), ("narrow", "light", 380, 800)]
    {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        page.call("Emulation.setEmulatedMedia", &json!({ "features": features })).unwrap();
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        page.call("Emulation.setDeviceMetricsOverride", &size).unwrap();
        page.look("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
            .unwrap();
        // Nothing may be wider than the window.
        assert_eq!(page.look("document.documentElement.scrollWidth <= innerWidth").unwrap(), true, "{name} {kind}");
        page.picture(&PathBuf::from(&folder).join(format!("pages-{name}-{kind}.png"))).unwrap();
    }
    page.call("Emulation.clearDeviceMetricsOverride", &json!({})).unwrap();
    page.call("Emulation.setEmulatedMedia", &json!({ "features": [] })).unwrap();
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) async fn log(hand: &Hand, task: TaskId, index: u64, rows: &[String]) {
    let rows = rows.iter().map(|row| LogRow { at: Timestamp(now()), content: row.clone() }).collect();
    hand.client.log(&hand.key, domain::LogBatch { task, index, rows, end: LogEnd::Open }).await.unwrap();
}

pub(crate) async fn report(hand: &Hand, task: TaskId, steps: &[(TaskPhase, u64, u64)]) {
    hand.client.report(&hand.key, Report { state: state(task, steps), outputs: BTreeMap::new() }).await.unwrap();
}

/// So many lines are timed.
const TIMED: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_written_is_seen() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let run = world.dispatch("live").await;
    let job = format!("http://{}{}", world.server.address, job_path(&world, &run).await);
    page.go(&job).unwrap();
    assert_eq!(page.look("document.querySelector('#why').textContent.includes('no_matching_label')").unwrap(), true);
    keep(&mut page, "waiting");
    // A runner takes it: the page says so by itself.
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.start(task).await;
    page.until("document.querySelector('#head').className === 'running' && document.title.startsWith('running: ')")
        .unwrap();
    // Rows that come before their step is heard of go to it when it is.
    let first: Vec<String> =
        ["Prepare all", "##[group]Run true", "shell: bash", "##[endgroup]", "\u{1b}[32mready\u{1b}[0m"]
            .map(str::to_owned)
            .into();
    log(&hand, task, 0, &first).await;
    page.until("document.querySelector('#setup #L5 .f2')").unwrap();
    report(&hand, task, &[(over(Conclusion::Success), 1, 4), (TaskPhase::Running { started: Timestamp(now()) }, 5, 0)])
        .await;
    page.until("document.querySelector('#s0 details.g > summary#L2') && document.querySelector('#s0 .rows > #L5') && document.querySelector('#s1').open").unwrap();
    assert_eq!(page.look("document.querySelector('#s0 details.g').open").unwrap(), false);
    // Each line from before it is sent to after it was painted.
    page.look("window.seen = {}; new MutationObserver((changes) => { for (const change of changes) for (const node of change.addedNodes) if (node.id) requestAnimationFrame(() => setTimeout(() => { seen[node.id] = [Date.now(), node.textContent]; })); }).observe(document.querySelector('#steps'), { childList: true, subtree: true }); true").unwrap();
    for at in 0..TIMED {
        log(&hand, task, 5 + at, &[format!("sent {} ", now())]).await;
        // Lines of a job come now and then, not one upon the other.
        tokio::time::sleep(Duration::from_millis(12)).await;
    }
    page.until(&format!("seen.L{}", 5 + TIMED)).unwrap();
    let seen = page.look("Object.values(seen).map(([at, text]) => at - Number(text.split(' ')[1]))").unwrap();
    let mut took: Vec<u64> = seen.as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    took.sort_unstable();
    assert_eq!(took.len() as u64, TIMED);
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    eprintln!(
        "written → painted in Chromium, {TIMED} lines: p50 {} ms, p95 {} ms, most {} ms",
        at(50),
        at(95),
        at(100)
    );
    assert_eq!(page.look("document.querySelectorAll('#s1 .rows > .r').length").unwrap(), TIMED);
    keep(&mut page, "live");
    // Faster than anybody reads: what is shown stays small, and its end is there.
    let many: Vec<String> = (0..1_000).map(|row| format!("flood {row}")).collect();
    for at in 0..30 {
        log(&hand, task, 5 + TIMED + at * 1_000, &many).await;
    }
    let end = 5 + TIMED + 30_000;
    log(&hand, task, end, &["##[error]Process completed with exit code 1.".to_owned()]).await;
    page.until(&format!("document.getElementById('L{}')", end + 1)).unwrap();
    let rows = page.look("document.querySelectorAll('.r').length").unwrap().as_u64().unwrap();
    assert!(rows <= 7_000, "{rows}");
    assert_eq!(page.look("innerHeight + scrollY >= document.documentElement.scrollHeight - 60").unwrap(), true);
    report(
        &hand,
        task,
        &[
            (over(Conclusion::Success), 1, 4),
            (over(Conclusion::Failure), 5, end - 4),
            (over(Conclusion::Skipped), 0, 0),
        ],
    )
    .await;
    hand.log(task, end + 1, &["Tidy"], LogEnd::Last).await.unwrap();
    hand.end(task, Conclusion::Failure, &[]).await;
    page.until("document.querySelector('#head').className === 'failure' && document.querySelector('link[rel=icon]').href.includes('icon-bad')").unwrap();
    assert_eq!(page.look("faults").unwrap(), json!([]));
    // The end of the stream is its end: it is not asked for again.
    let asked = page
        .look("performance.getEntriesByType('resource').filter((one) => one.name.includes('/events')).length")
        .unwrap();
    assert_eq!(asked, 1);
    // What was left out comes when it is wanted, the last of it first; a line has an address.
    page.go(&job).unwrap();
    keep(&mut page, "failed");
    page.look("document.querySelector('#s1 a.more').click()").unwrap();
    page.until(&format!("document.getElementById('L{}')", end - 1_998)).unwrap();
    page.go(&format!("{job}?line=20000#L20000")).unwrap();
    page.until("document.querySelector('#L20000.picked')").unwrap();
    assert_eq!(page.look("faults").unwrap(), json!([]));
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_what_happens() {
    let broken = "on: workflow_dispatch\njobs:\n  a:\n    runs-on: lab\n    step: []\n";
    let many = "name: Checks\non: workflow_dispatch\njobs:\n  lint: {runs-on: lab, steps: [{run: 'true'}]}\n  test:\n    needs: lint\n    strategy: {matrix: {v: [1, 2]}}\n    runs-on: lab\n    steps: [{run: 'true'}]\n  gpu: {runs-on: [lab, gpu], steps: [{run: 'true'}]}\n";
    let world = World::with(&[
        (FILE, WORKFLOW),
        (".github/workflows/many.yml", many),
        (".github/workflows/broken.yml", broken),
    ])
    .await;
    world.repository.commit("Make the queue say why a job waits", &[("a", "b")]);
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let site = format!("http://{}", world.server.address);
    page.go(&format!("{site}/")).unwrap();
    // A run that is made while one looks at the list appears there.
    let run = world.dispatch("many").await;
    page.until("document.querySelectorAll('.runs > li').length > 0").unwrap();
    let bad = world.dispatch("broken").await;
    let done = world.dispatch("live").await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.start(task).await;
    page.until("document.querySelectorAll('.runs .mark.running').length === 1 && document.querySelectorAll('.runs .fault').length > 0").unwrap();
    keep(&mut page, "runs");
    page.go(&format!("{site}/lab/p")).unwrap();
    keep(&mut page, "project");
    page.go(&format!("{site}/queue")).unwrap();
    assert_eq!(page.look("document.querySelectorAll('.queue > li .chip').length > 2").unwrap(), true);
    keep(&mut page, "queue");
    page.go(&format!("{site}/runners")).unwrap();
    assert_eq!(page.look("document.querySelector('.runners').textContent.includes('lint')").unwrap(), true);
    keep(&mut page, "runners");
    page.go(&format!("{site}/lab/p/runs/{}", bad.id)).unwrap();
    keep(&mut page, "fault");
    page.go(&format!("{site}/lab/p/runs/{}", run.id)).unwrap();
    keep(&mut page, "run");
    hand.end(task, Conclusion::Failure, &[]).await;
    page.until("document.querySelectorAll('.jobs .mark.failure').length === 1 && document.querySelector('.callout.bad').textContent.includes('lint')").unwrap();
    // The button works by keyboard, and the page says what came of it.
    page.look("document.querySelector('.actions button').focus()").unwrap();
    for kind in ["keyDown", "keyUp"] {
        let key = json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
        page.call("Input.dispatchKeyEvent", &key).unwrap();
    }
    world.until(&run, |run, _| run.cancelled.is_some()).await;
    page.until("document.body && document.body.textContent.includes('Cancelled: by admin')").unwrap();
    assert_eq!(page.look("faults").unwrap(), json!([]));
    assert!(world.run(&done).await.cancelled.is_none());
    // Signed out, the door; signed in, back where one was.
    page.go(&format!("{site}/queue")).unwrap();
    page.look("document.querySelector('.who button').click()").unwrap();
    page.until("location.pathname === '/login' && document.readyState === 'complete'").unwrap();
    keep(&mut page, "login");
    page.go(&format!("{site}/queue")).unwrap();
    page.look(&format!(
        "document.querySelector('#token').value = '{}'; document.querySelector('.door button').click()",
        admin(&world)
    ))
    .unwrap();
    page.until("location.pathname === '/queue' && document.readyState === 'complete'").unwrap();
    assert_eq!(page.look("faults").unwrap(), json!([]));
    world.server.stop().await;
}
