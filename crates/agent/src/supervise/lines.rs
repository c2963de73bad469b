//! Lines of a pipe, and texts between them, read in big pieces, none longer than is sane. Used by `child`.

use std::io;
use std::sync::Arc;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Longest line: the one with the outputs of a job. They hold five million characters at most (10 MiB as the reference counts), of which JSON
/// makes six bytes each where they are control characters. Other lines are far shorter.
const LINE_MAX: usize = 32 * 1024 * 1024;
/// Longest text. An event of output holds 64 KiB of it, or one line of up to 256 KiB.
const TEXT_MAX: usize = 1024 * 1024;

/// Reads lines one after the other into one buffer.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: R,
    line: Vec<u8>,
    is_whole: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, line: Vec::new(), is_whole: false }
    }

    /// The next line without its newline; `None` at the end. What stands after the last newline is no line: it was cut off.
    pub(super) async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.is_whole {
            self.line.clear();
            self.is_whole = false;
        }
        // A summary of a megabyte must not stay for as long as the job.
        self.line.shrink_to(256 * 1024);
        loop {
            let piece = self.from.fill_buf().await?;
            if piece.is_empty() {
                return Ok(None);
            }
            let (take, is_whole) = match memchr::memchr(b'\n', piece) {
                Some(at) => (at, true),
                None => (piece.len(), false),
            };
            if self.line.len() + take > LINE_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of more than 32 MiB"));
            }
            self.line.extend_from_slice(&piece[..take]);
            self.from.consume(take + usize::from(is_whole));
            if is_whole {
                self.is_whole = true;
                return Ok(Some(&self.line));
            }
        }
    }

    /// The next so many bytes, which are text; `None`: the end came before.
    pub(super) async fn text(&mut self, bytes: usize) -> io::Result<Option<Arc<str>>> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if bytes > TEXT_MAX {
            return Err(bad("a text of more than 1 MiB"));
        }
        self.line.clear();
        self.is_whole = false;
        while self.line.len() < bytes {
            let piece = self.from.fill_buf().await?;
            if piece.is_empty() {
                return Ok(None);
            }
            let take = piece.len().min(bytes - self.line.len());
            self.line.extend_from_slice(&piece[..take]);
            self.from.consume(take);
        }
        self.is_whole = true;
        std::str::from_utf8(&self.line).map(|text| Some(text.into())).map_err(|_| bad("a text that is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::job::wire::{self, FromJob};
    use tokio::io::BufReader;

    async fn all(bytes: &[u8], buffer: usize) -> (Vec<Vec<u8>>, bool) {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, bytes));
        let mut found = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => found.push(line.to_vec()),
                Ok(None) => return (found, true),
                Err(_) => return (found, false),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_whole_whatever_the_pieces() {
        for buffer in [1, 2, 3, 64] {
            let (lines, _) = all(b"one\n\nthree\ncut", buffer).await;
            assert_eq!(lines, [b"one".to_vec(), Vec::new(), b"three".to_vec()]);
        }
    }

    #[tokio::test]
    async fn texts_come_as_they_are_between_lines() {
        for buffer in [1, 3, 64] {
            let mut lines = Lines::new(BufReader::with_capacity(buffer, &b"a\nx\n\xc3\xa9b\nc\xff"[..]));
            assert_eq!(lines.next().await.unwrap().unwrap(), b"a");
            assert_eq!(lines.text(4).await.unwrap().unwrap().as_ref(), "x\n\u{e9}");
            assert_eq!(lines.text(0).await.unwrap().unwrap().as_ref(), "");
            assert_eq!(lines.next().await.unwrap().unwrap(), b"b");
            assert!(lines.text(2).await.is_err(), "no text");
            assert!(lines.text(1).await.unwrap().is_none(), "cut off");
            assert!(lines.text(super::TEXT_MAX + 1).await.is_err(), "too long");
        }
    }

    #[tokio::test]
    async fn the_outputs_of_a_job_fit_into_a_line_whatever_they_are() {
        use domain::{Conclusion, JobEvent, JobEventKind, JobId, Timestamp};
        let bytes = workflow::expr::TEMPLATE_MEMORY / 2 - 1000;
        let outputs: std::collections::BTreeMap<String, String> =
            (0..5).map(|number| (format!("output-{number}"), "\u{1}".repeat(bytes / 5))).collect();
        let kind = JobEventKind::JobFinished { conclusion: Conclusion::Success, outputs, micros: 1 };
        let event = JobEvent { job: JobId::new("job"), at: Timestamp(1), kind };
        let mut written = Vec::new();
        wire::write_event(event.clone(), &mut written).unwrap();
        assert!(written.len() > 30_000_000);
        let mut lines = Lines::new(BufReader::with_capacity(128 * 1024, written.as_slice()));
        let line = lines.next().await.unwrap().unwrap();
        assert!(matches!(wire::read::<FromJob>(line).unwrap(), FromJob::Event(read) if read == event));
    }

    #[tokio::test]
    async fn an_endless_line_is_refused() {
        let (lines, is_fine) = all(&vec![b'x'; super::LINE_MAX + 1], 64 * 1024).await;
        assert!(lines.is_empty() && !is_fine);
    }
}
