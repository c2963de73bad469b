//! The smallest HTTP/1.1 client and message reader that tests and developer tasks need: plain connections, whole bodies. Called by `chromium`, `gitea` and
//! `relay`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request or an answer, its body whole and without its framing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `POST /path HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub first: String,
    /// Names as they came, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path of a request.
    #[must_use]
    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The status of an answer; 0 where it has none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The message as it goes over a connection, its length told.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            if !["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }

    /// The next message of a connection; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks off within the message, or its framing is none.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut first = String::new();
        if from.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut message = Self { first: first.trim_end().to_owned(), ..Self::default() };
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        message.body = message.read_body(from)?;
        Ok(Some(message))
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let mut line = String::new();
                from.read_line(&mut line)?;
                let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
                from.take(size).read_to_end(&mut body)?;
                from.read_line(&mut String::new())?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let is_answer = self.first.starts_with("HTTP/");
        match self.header("content-length").map(str::parse::<u64>) {
            Some(length) => {
                let length = length.map_err(io::Error::other)?;
                from.take(length).read_to_end(&mut body)?;
                if body.len() as u64 != length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            None if is_answer && !matches!(self.status(), 204 | 304) => drop(from.read_to_end(&mut body)?),
            None => {}
        }
        Ok(body)
    }
}

/// One request on a connection of its own, to `HOST:PORT`.
///
/// # Errors
/// When nobody answers within a minute.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> io::Result<Message> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut request = Message { first: format!("{method} {path} HTTP/1.1"), headers: Vec::new(), body };
    for (name, value) in [("host", address), ("connection", "close")].iter().chain(headers) {
        request.headers.push(((*name).to_owned(), (*value).to_owned()));
    }
    stream.write_all(&request.bytes())?;
    Message::read(&mut BufReader::new(stream))?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn bodies_come_whole_however_they_are_framed() {
        let two = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
        let mut from = two.as_bytes();
        let answer = Message::read(&mut from).unwrap().unwrap();
        assert_eq!(
            (answer.status(), answer.body.as_slice(), answer.header("a")),
            (200, b"abcde".as_slice(), Some("b"))
        );
        let request = Message::read(&mut from).unwrap().unwrap();
        assert_eq!((request.path(), request.body.as_slice()), ("/x", b"hi".as_slice()));
        assert_eq!(Message::read(&mut from).unwrap(), None);
        let mut again = answer.bytes();
        again.truncate(again.len() - 1);
        assert!(Message::read(&mut again.as_slice()).is_err());
    }
}
