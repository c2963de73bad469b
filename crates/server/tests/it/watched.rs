//! Pages that are watched in a real browser, when more goes on than rows that come: the server is away, somebody clicks, runners go.

use crate::browse::Browser;
use crate::hostile::http;
use crate::live::{FILE, WORKFLOW, begun, chromium};
use crate::pages::{admin, job_path, run_path};
use crate::plane::World;
use domain::Conclusion;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy before a server: while the server is said to be away it answers 502, and cuts off what goes on.
async fn proxy(to: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, is_away) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut is_away = is_away.clone();
            tokio::spawn(async move {
                if *is_away.borrow() {
                    let _asked = stream.read(&mut [0; 4096]).await;
                    let _told = stream
                        .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                        .await;
                    return;
                }
                let Ok(mut server) = TcpStream::connect(to).await else { return };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut stream, &mut server) => {}
                    _ = is_away.wait_for(|is| *is) => {}
                }
            });
        }
    });
    (address, sender)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_stream_was_refused_says_so_and_goes_on_when_it_can() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let (run, hand, task) = begun(&world).await;
    let (proxy, is_away) = proxy(world.server.address).await;
    let path = job_path(&world, &run).await;
    hand.log(task, 0, &["one"], domain::LogEnd::Open).await.unwrap();
    page.go(&format!("http://{proxy}{path}")).unwrap();
    page.until("document.getElementById('L1') && document.getElementById('lost').textContent === ''").unwrap();
    is_away.send(true).unwrap();
    page.until("document.getElementById('lost').textContent.includes('Not live')").unwrap();
    // No clock says that the job goes on.
    let clock = "document.querySelector('#head time[data-since]').textContent";
    let [before, after] = [0, 2_500]
        .map(|wait| page.look(&format!("new Promise((done) => setTimeout(() => done({clock}), {wait}))")).unwrap());
    assert_eq!(before, after);
    // Rows that come meanwhile are there when it is back, once.
    hand.log(task, 1, &["two"], domain::LogEnd::Open).await.unwrap();
    page.until("performance.getEntriesByType('resource').filter((one) => one.name === location.href).length > 0")
        .unwrap();
    is_away.send(false).unwrap();
    page.until("document.getElementById('lost').textContent === '' && document.getElementById('L2')").unwrap();
    assert_eq!(page.look("document.querySelectorAll('.r').length").unwrap(), 2);
    hand.log(task, 2, &["three"], domain::LogEnd::Last).await.unwrap();
    hand.end(task, Conclusion::Success, &[]).await;
    page.until("document.querySelector('#head').className === 'success' && document.getElementById('L3')").unwrap();
    // A page that is read again does the same; where the session is over it leads to the door.
    page.go(&format!("http://{proxy}{}", run_path(&run))).unwrap();
    page.until("document.querySelectorAll('.jobs .mark.success').length === 1").unwrap();
    is_away.send(true).unwrap();
    page.until("document.getElementById('lost').textContent.includes('Not live')").unwrap();
    let form = browser.get("/").await.form();
    assert_eq!(browser.post("/logout", &format!("form={form}")).await.status, 303);
    is_away.send(false).unwrap();
    page.until("location.pathname === '/login'").unwrap();
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_stays_as_the_reader_has_it() {
    let many = "on: workflow_dispatch\njobs:\n  a:\n    strategy: {matrix: {v: [1, 2, 3]}}\n    runs-on: lab\n    steps: [{run: 'true'}]\n";
    let world = World::with(&[(FILE, many)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((_chromium, mut page)) = chromium(&world, &browser) else { return };
    let run = world.dispatch("live").await;
    let site = format!("http://{}", world.server.address);
    page.go(&format!("{site}{}", run_path(&run))).unwrap();
    page.until("document.querySelectorAll('.jobs > li').length === 3").unwrap();
    page.look("window.button = document.querySelector('.actions button'); button.focus(); window.last = document.querySelectorAll('.jobs > li')[2]; true").unwrap();
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.start(task).await;
    page.until("document.querySelectorAll('.jobs .mark.running').length === 1").unwrap();
    hand.end(task, Conclusion::Success, &[]).await;
    page.until("document.querySelectorAll('.jobs .mark.success').length === 1").unwrap();
    let same = "button.isConnected && document.activeElement === button && last.isConnected && document.querySelectorAll('.jobs > li').length === 3";
    assert_eq!(page.look(same).unwrap(), true);
    // A list in which some come first keeps those that were there.
    page.go(&format!("{site}/")).unwrap();
    page.look(
        "window.old = document.querySelector('.runs > li'); document.querySelector('.runs > li a.title').focus(); true",
    )
    .unwrap();
    world.dispatch("live").await;
    page.until("document.querySelectorAll('.runs > li').length === 2").unwrap();
    assert_eq!(
        page.look("document.querySelectorAll('.runs > li')[1] === old && old.contains(document.activeElement)")
            .unwrap(),
        true
    );
    assert_eq!(page.look("faults").unwrap(), serde_json::json!([]));
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_job_waits_is_told_anew_when_runners_go() {
    let world = World::with(&[(FILE, WORKFLOW)]).await;
    let browser = Browser::with(&world, &admin(&world)).await;
    let Some((chromium, mut page)) = chromium(&world, &browser) else { return };
    let base = format!("http://{}/api/v1/admin/actions/runners", world.server.address);
    let site = format!("http://{}", world.server.address);
    let _hand = world.runner(&["lab"]).await;
    let runner = world.server.plane.store.runners(None).await.unwrap().remove(0).id;
    let ask = async |request: reqwest::RequestBuilder| {
        assert!(request.bearer_auth(admin(&world)).send().await.unwrap().status().is_success());
    };
    ask(http().post(format!("{base}/{runner}/drain"))).await;
    let run = world.dispatch("live").await;
    let says = |word: &str| format!("document.querySelector('main').textContent.includes('{word}')");
    page.go(&format!("{site}{}", job_path(&world, &run).await)).unwrap();
    let mut pages = vec![page];
    for path in [run_path(&run), "/queue".to_owned()] {
        let mut page = chromium.page().unwrap();
        page.go(&format!("{site}{path}")).unwrap();
        pages.push(page);
    }
    for page in &mut pages {
        page.until(&says("pool_disabled")).unwrap();
    }
    ask(http().delete(format!("{base}/{runner}"))).await;
    for page in &mut pages {
        page.until(&says("no_matching_label")).unwrap();
    }
    world.server.stop().await;
}
