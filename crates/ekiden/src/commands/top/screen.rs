//! The terminal: keys in, frames out, and everything as it was at the end.

use super::draw::draw;
use super::look::{Cursor, Look, Pane};
use crate::args::TopArgs;
use crate::commands::client::connect;
use crate::exit::Exit;
use crate::failure::Failure;
use domain::{Clock as _, SystemClock};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a key may wait to be seen.
const KEYS: Duration = Duration::from_millis(50);

/// Shows it until the person leaves.
pub(crate) fn run(args: &TopArgs) -> Result<Exit, Failure> {
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage("top needs a terminal")
            .fix("ekiden run list, ekiden runner list: they print for a pipe too"));
    }
    let client = connect(&args.at)?;
    let runtime = crate::commands::runtime()?;
    // A server that is not there, or a token that is not good, is told before the screen is taken.
    let first = runtime.block_on(Look::ask(&client))?;
    let every = args.every.0;
    let (told, looks) = channel();
    let (stop, stopped) = channel::<()>();
    let before = first.clone();
    let looker = std::thread::spawn(move || {
        watch(before, every, &told, &stopped, |look| runtime.block_on(look.again(&client)));
    });
    let mut terminal =
        ratatui::try_init().map_err(|error| Failure::platform("the terminal cannot be used").cause(&error))?;
    let shown = show(&mut terminal, first, &looks);
    ratatui::restore();
    drop((stop, looks));
    let _ended = looker.join();
    shown.map_err(|error| Failure::platform("the terminal went away").cause(&error))?;
    Ok(Exit::Ok)
}

/// Looks again and again until nobody listens.
fn watch(mut look: Look, every: Duration, told: &Sender<Look>, stopped: &Receiver<()>, again: impl Fn(Look) -> Look) {
    while matches!(stopped.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
        look = again(look);
        if told.send(look.clone()).is_err() {
            return;
        }
    }
}

fn show(terminal: &mut DefaultTerminal, mut look: Look, looks: &Receiver<Look>) -> std::io::Result<()> {
    let mut cursor = Cursor::default();
    let mut drawn: Option<Instant> = None;
    loop {
        let mut is_new = drawn.is_none_or(|at| at.elapsed() > Duration::from_secs(1));
        for newer in looks.try_iter() {
            look = newer;
            cursor = cursor.by(0, &look);
            is_new = true;
        }
        if is_new {
            terminal.draw(|frame| draw(frame, &look, cursor, SystemClock.now()))?;
            drawn = Some(Instant::now());
        }
        if !event::poll(KEYS)? {
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
            _ => cursor,
        };
    }
}
