//! Who saw a job run: a port that each job tells when it begins and when it ends, outside of any sandbox and of the agent's word.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// How often something was said of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) begun: usize,
    pub(super) ended: usize,
}

/// The port, and what it heard.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) port: u16,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

impl Witness {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let this = Self { port: listener.local_addr()?.port(), seen: Arc::default() };
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
        let say = format!(
            "echo '{word} ${{{{ github.run_id }}}}-${{{{ matrix.n }}}}' >&3; read -r heard <&3; test \"$heard\" = heard"
        );
        format!("exec 3<>/dev/tcp/127.0.0.1/{}; {say}", self.port)
    }

    fn hear(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        if let Some((word, key)) = line.trim_end().split_once(' ') {
            let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = all.entry(key.to_owned()).or_default();
            match word {
                "begin" => seen.begun += 1,
                _ => seen.ended += 1,
            }
        }
        stream.write_all(b"heard\n")
    }

    pub(super) fn seen(&self) -> BTreeMap<String, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
