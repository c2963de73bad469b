//! Who saw a job run: a port that each job tells when it begins and when it ends, outside of any sandbox and of the agent's word.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How often something was said of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) begun: usize,
    pub(super) ended: usize,
}

/// When a job that was seen to begin ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begun: Instant,
    /// `None`: it was not seen to end, so it is known to have run at its begin alone.
    pub(super) ended: Option<Instant>,
}

/// The port, and what it heard.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) port: u16,
    heard: Arc<Mutex<BTreeMap<String, Heard>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    seen: Seen,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Witness {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let this = Self { port: listener.local_addr()?.port(), heard: Arc::default() };
        let witness = this.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let witness = witness.clone();
                std::thread::spawn(move || drop(witness.hear(stream)));
            }
        });
        Ok(this)
    }

    /// The step that says a word of a job and goes on when it was heard.
    pub(super) fn step(&self, word: &str) -> String {
        self.step_of(word, "${{ github.run_id }}-${{ matrix.n }}")
    }

    /// The same under a key of another form.
    pub(super) fn step_of(&self, word: &str, key: &str) -> String {
        let say = format!("echo '{word} {key}' >&3; read -r heard <&3; test \"$heard\" = heard");
        format!("exec 3<>/dev/tcp/127.0.0.1/{}; {say}", self.port)
    }

    fn hear(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        if let Some((word, key)) = line.trim_end().split_once(' ') {
            let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let heard = all.entry(key.to_owned()).or_default();
            match word {
                "begin" => {
                    heard.seen.begun += 1;
                    heard.first.get_or_insert_with(Instant::now);
                }
                _ => {
                    heard.seen.ended += 1;
                    heard.last = Some(Instant::now());
                }
            }
        }
        stream.write_all(b"heard\n")
    }

    pub(super) fn seen(&self) -> BTreeMap<String, Seen> {
        self.all().into_iter().map(|(key, heard)| (key, heard.seen)).collect()
    }

    /// When those ran that began.
    pub(super) fn spans(&self) -> BTreeMap<String, Span> {
        let span = |heard: Heard| Some(Span { begun: heard.first?, ended: heard.last });
        self.all().into_iter().filter_map(|(key, heard)| Some((key, span(heard)?))).collect()
    }

    fn all(&self) -> BTreeMap<String, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
