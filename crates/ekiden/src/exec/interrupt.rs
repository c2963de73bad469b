//! Ctrl-C and SIGTERM: the first ends the run properly, the second kills it, the third ends this process at once.

use crate::exit::Exit;
use crate::style;
use crate::view::Aside;
use engine::cancel::{Cancel, Canceller};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of the signal that `fg` sends, on every Linux that is built for (mips and sparc have others).
const SIGCONT: i32 = 18;

/// How often somebody asked for the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    /// How often.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Watches for signals until the runtime ends.
pub(crate) fn watch(canceller: &Canceller, aside: &Aside) -> Interrupts {
    let interrupts = Interrupts::default();
    for (kind, name) in
        [(SignalKind::interrupt(), "Ctrl-C"), (SignalKind::terminate(), "SIGTERM"), (SignalKind::hangup(), "SIGHUP")]
    {
        match signal(kind) {
            Ok(stream) => {
                tokio::spawn(listen(stream, name, canceller.clone(), interrupts.clone(), aside.clone()));
            }
            Err(error) => style::warn(format!("{name} cannot be watched for: {error}")),
        }
    }
    // Without it the tree takes what the shell said meanwhile for its own lines; nothing else is lost.
    if let Ok(mut resumed) = signal(SignalKind::from_raw(SIGCONT)) {
        let aside = aside.clone();
        tokio::spawn(async move {
            while resumed.recv().await.is_some() {
                aside.resumed();
            }
        });
    }
    interrupts
}

async fn listen(mut stream: Signal, name: &'static str, canceller: Canceller, interrupts: Interrupts, aside: Aside) {
    while stream.recv().await.is_some() {
        match interrupts.0.fetch_add(1, Ordering::SeqCst) {
            0 => {
                aside.note(format_args!("{name}: the run is being cancelled; once more kills it"));
                canceller.ask(Cancel::Gracefully { reason: format!("cancelled by {name}").into() });
            }
            1 => {
                aside.note(format_args!("{name}: killing all jobs"));
                canceller.ask(Cancel::Now);
            }
            _ => end_now(),
        }
    }
}

/// The zygote sees this process end and cleans up after it.
#[expect(clippy::exit, reason = "the third Ctrl-C: nothing is waited for any more")]
fn end_now() {
    std::process::exit(Exit::Interrupted.code().into());
}

/// Nobody reads stdout any more (`| head`): the run ends properly.
pub(crate) fn output_closed(canceller: &Canceller) {
    canceller.ask(Cancel::Gracefully { reason: "nobody reads the output any more".into() });
}
