//! The terminal: keys in, frames out, and everything as it was at the end.

use super::draw::draw;
use super::look::{Cursor, Look, Pane};
use crate::args::TopArgs;
use crate::commands::client::connect;
use crate::exit::Exit;
use crate::failure::Failure;
use api::Client;
use domain::{Clock as _, SystemClock};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How long a key may wait to be seen.
const KEYS: Duration = Duration::from_millis(50);
/// No server is asked more often than this.
const LEAST: Duration = Duration::from_millis(100);

/// What the loop of the screen is told.
enum News {
    /// What the server says now.
    Look(Look),
    /// Somebody wants this to end.
    Stop,
}

/// Shows it until the person leaves.
pub(crate) fn run(args: &TopArgs) -> Result<Exit, Failure> {
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return Err(Failure::usage("top needs a terminal")
            .fix("ekiden run list, ekiden runner list: they print for a pipe too"));
    }
    let client = connect(&args.at)?;
    let runtime = crate::commands::runtime()?;
    // A server that is not there, or a token that is not good, is told before the screen is taken.
    let first = runtime.block_on(Look::ask(&client))?;
    let every = args.every.0.max(LEAST);
    let (told, news) = channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let before = first.clone();
    let looker = std::thread::spawn(move || runtime.block_on(watch(before, every, &client, &told, stopped)));
    let mut terminal =
        ratatui::try_init().map_err(|error| Failure::platform("the terminal cannot be used").cause(&error))?;
    let shown = show(&mut terminal, first, &news);
    ratatui::restore();
    drop((stop, news));
    let _ended = looker.join();
    shown.map_err(|error| Failure::platform("the terminal went away").cause(&error))?;
    Ok(Exit::Ok)
}

/// Looks again and again until nobody listens, or a signal says to end: the terminal is to be as it was then, too.
async fn watch(
    mut look: Look,
    every: Duration,
    client: &Client,
    told: &Sender<News>,
    mut stopped: oneshot::Receiver<()>,
) {
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        let _nobody_listens = told.send(News::Stop);
        return;
    };
    let looking = async {
        loop {
            tokio::time::sleep(every).await;
            look = look.again(client).await;
            if told.send(News::Look(look.clone())).is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = looking => {}
        _ = &mut stopped => {}
        _ = term.recv() => drop(told.send(News::Stop)),
        _ = hangup.recv() => drop(told.send(News::Stop)),
    }
}

fn show(terminal: &mut DefaultTerminal, mut look: Look, news: &Receiver<News>) -> std::io::Result<()> {
    let mut cursor = Cursor::default();
    let mut drawn: Option<Instant> = None;
    loop {
        let mut is_new = drawn.is_none_or(|at| at.elapsed() > Duration::from_secs(1));
        for newer in news.try_iter() {
            let News::Look(newer) = newer else { return Ok(()) };
            look = newer;
            cursor = cursor.by(0, &look);
            is_new = true;
        }
        if is_new {
            terminal.draw(|frame| draw(frame, &look, cursor, SystemClock.now()))?;
            drawn = Some(Instant::now());
        }
        if !is_key_or_size(KEYS)? {
            continue;
        }
        drawn = None;
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        cursor = match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
            KeyCode::Char('1') => Cursor::to(Pane::Queue),
            KeyCode::Char('2') => Cursor::to(Pane::Runs),
            KeyCode::Char('3') => Cursor::to(Pane::Runners),
            KeyCode::Tab => Cursor::to(cursor.pane.next()),
            KeyCode::Char('j') | KeyCode::Down => cursor.by(1, &look),
            KeyCode::Char('k') | KeyCode::Up => cursor.by(-1, &look),
            KeyCode::PageDown => cursor.by(10, &look),
            KeyCode::PageUp => cursor.by(-10, &look),
            KeyCode::Char('g') | KeyCode::Home => cursor.by(isize::MIN, &look),
            KeyCode::Char('G') | KeyCode::End => cursor.by(isize::MAX, &look),
            _ => cursor,
        };
    }
}

/// Waits a little for a key or a new size. Of a terminal that is gone the reader of keys would read the end for ever.
fn is_key_or_size(wait: Duration) -> std::io::Result<bool> {
    let stdin = std::io::stdin();
    let mut look = [PollFd::new(&stdin, PollFlags::IN)];
    let wait = Timespec::try_from(wait).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    match rustix::event::poll(&mut look, Some(&wait)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if look[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    event::poll(Duration::ZERO)
}
