//! A browser without a script or a screen: asks pages over real sockets, keeps its cookie, and looks at markup as markup.

use crate::plane::World;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    pub(crate) cookie: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The hidden field that forms of the session carry.
    pub(crate) fn form(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"form\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Every address that the page leads to or is made of.
    pub(crate) fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for (_, attributes) in tags(&self.text) {
            for (name, value) in attributes {
                if ["href", "src", "action", "data-live", "data-events", "data-rows"].contains(&name.as_str()) {
                    links.push(value.replace("&#38;", "&").replace("&amp;", "&"));
                }
            }
        }
        links
    }
}

impl Browser {
    /// Nobody yet.
    pub(crate) fn new(world: &World) -> Self {
        let address = world.server.address;
        Self { address, host: address.to_string(), cookie: None }
    }

    /// Somebody with a token's session.
    pub(crate) async fn with(world: &World, token: &str) -> Self {
        let mut browser = Self::new(world);
        browser.login(token).await;
        browser
    }

    pub(crate) async fn login(&mut self, token: &str) -> Answer {
        let answer = self.post("/login", &format!("token={token}&next=%2F")).await;
        let cookie = answer.header("set-cookie").unwrap_or_default();
        self.cookie = cookie.split(';').next().filter(|pair| !pair.is_empty()).map(str::to_owned);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, text) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
        Answer { status, headers: headers.collect(), text: text.to_owned() }
    }

    /// A connection on which the answer will come. In the first form of the protocol an answer ends with its connection.
    pub(crate) async fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-length: {}\r\n", self.host, body.len());
        if let Some(cookie) = &self.cookie {
            head.push_str(&format!("cookie: {cookie}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        stream
    }
}

/// The tags of a page as a browser would see them, each with its attributes.
pub(crate) fn tags(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|one: char| one.is_ascii_alphabetic() || one == '/' || one == '!') {
            continue;
        }
        let end = rest.find(|one: char| one.is_whitespace() || one == '>').unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|one: char| one.is_whitespace() || one == '/');
            if rest.is_empty() {
                break;
            }
            if let Some(behind) = rest.strip_prefix('>') {
                rest = behind;
                break;
            }
            let end = rest.find(|one: char| one.is_whitespace() || one == '=' || one == '>').unwrap_or(rest.len());
            let key = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(behind) = rest.strip_prefix('=') {
                match behind.strip_prefix('"') {
                    Some(quoted) => {
                        let end = quoted.find('"').unwrap_or(quoted.len());
                        value = quoted[..end].to_owned();
                        rest = quoted.get(end + 1..).unwrap_or_default();
                    }
                    // We write none like that: whoever reads it sees that it is odd.
                    None => {
                        value = "without quotes".to_owned();
                        rest = behind;
                    }
                }
            }
            attributes.push((key, value));
        }
        found.push((name.to_ascii_lowercase(), attributes));
    }
    found
}
