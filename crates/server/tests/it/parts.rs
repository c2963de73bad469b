//! Parts of logs in a real browser: each row is under its step, and none is lost without a link to it.

use crate::browse::Browser;
use crate::live::{FILE, WORKFLOW, begun, chromium, log, over, report};
use crate::pages::{admin, job_path};
use crate::plane::World;
use domain::{Conclusion, LogEnd, TaskPhase, Timestamp};
use serde_json::json;

fn rows(from: u64, to: u64) -> Vec<String> {
    (from..to).map(|row| format!("row {}", row + 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_log_keep_to_their_steps_and_go_back_to_the_first() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let (run, hand, task) = begun(&world).await;
    for at in 0..10 {
        log(&hand, task, at * 1_000, &rows(at * 1_000, (at + 1) * 1_000)).await;
    }
    log(&hand, task, 10_000, &rows(10_000, 10_030)).await;
    let good = over(Conclusion::Success);
    report(&hand, task, &[(good, 5, 10), (good, 15, 10_000), (good, 10_015, 15)]).await;
    hand.log(task, 10_030, &["the end"], LogEnd::Last).await.unwrap();
    hand.end(task, Conclusion::Success, &[]).await;
    world.finished(&run).await;
    let job = format!("http://{}{}", world.server.address, job_path(&world, &run).await);
    page.go(&format!("{job}?line=9001#L9001")).unwrap();
    page.until("document.querySelector('#s1 #L9001.picked')").unwrap();
    let click = |text: &str| {
        format!("[...document.querySelectorAll('#s1 a.more')].find((link) => link.textContent === '{text}').click()")
    };
    page.look(&click("15 more lines")).unwrap();
    page.until("document.querySelector('#s1 #L10015')").unwrap();
    assert_eq!(page.look("document.getElementById('L10016')").unwrap(), json!(null));
    page.look(&click("8,985 earlier lines")).unwrap();
    page.until("document.querySelector('#s1 #L8001')").unwrap();
    page.look(&click("7,985 earlier lines")).unwrap();
    page.until("document.querySelector('#s1 #L7001')").unwrap();
    assert_eq!(page.look("document.querySelector('#s1 .rows .r').id").unwrap(), "L7001");
    // What is of other steps is a page of its own.
    page.look(&click("16 lines behind this step")).unwrap();
    page.until("document.querySelector('#s2 #L10016') && document.querySelector('#end #L10031') && !document.querySelector('#s1')").unwrap();
    page.look("document.querySelector('#s2 a.more').click()").unwrap();
    page.until("document.querySelector('#s1 #L10015') && document.querySelector('#s1 #L9016')").unwrap();
    page.go(&format!("{job}?from=15#L16")).unwrap();
    page.look(&click("15 lines before this step")).unwrap();
    page.until("document.querySelector('#setup #L1') && document.querySelector('#s0 #L6') && document.querySelector('#s1 #L16')").unwrap();
    assert_eq!(page.look("faults").unwrap(), json!([]));
    world.server.stop().await;
}

/// How many rows are shown or led to, and where they do not follow upon each other.
const COVERED: &str = "(() => { let next = 0; const odd = []; for (const one of document.querySelectorAll('#steps .r, #steps .more')) { const from = one.dataset.from ? Number(one.dataset.from) : Number(one.id.slice(1)) - 1; if (from !== next) odd.push(`${one.textContent}: ${from}, not ${next}`); next = one.dataset.to ? Number(one.dataset.to) : from + 1; } return [next, odd]; })()";

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_too_fast_are_all_shown_or_led_to() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let (run, hand, task) = begun(&world).await;
    let job = format!("http://{}{}", world.server.address, job_path(&world, &run).await);
    page.go(&job).unwrap();
    log(&hand, task, 0, &rows(0, 12)).await;
    page.until("document.getElementById('L12')").unwrap();
    log(&hand, task, 12, &rows(12, 10_012)).await;
    page.until("document.getElementById('L10012') && document.querySelector('#steps .more')").unwrap();
    assert_eq!(page.look(COVERED).unwrap(), json!([10_012, []]));
    // A step that began among the rows that were left out.
    let good = over(Conclusion::Success);
    report(&hand, task, &[(good, 5, 95), (TaskPhase::Running { started: Timestamp(5_000) }, 100, 0)]).await;
    page.until("document.querySelector('#s1 .more') && document.querySelector('#s1 #L10012')").unwrap();
    assert_eq!(page.look(COVERED).unwrap(), json!([10_012, []]));
    assert_eq!(
        page.look("[document.querySelector('#s0 .more').dataset.to, document.querySelector('#s1 .more').dataset.from]")
            .unwrap(),
        json!(["100", "100"])
    );
    // The oldest go, and the link among them does not hide what is behind it.
    for at in 0..7 {
        let from = 10_012 + at * 1_000;
        log(&hand, task, from, &rows(from, from + 1_000)).await;
        page.until(&format!("document.getElementById('L{}')", from + 1_000)).unwrap();
    }
    assert_eq!(page.look(COVERED).unwrap(), json!([17_012, []]));
    assert_eq!(page.look("document.querySelectorAll('.r').length <= 6500").unwrap(), true);
    assert_eq!(page.look("faults").unwrap(), json!([]));
    world.server.stop().await;
}
