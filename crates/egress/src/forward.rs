//! Questions about records that are no addresses (TXT, MX, SRV, …) go to the host's own name servers as they are. Called by
//! `stub`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How a question came, and so how it goes on: a client that needs a long answer asks again over TCP itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
}

const PATIENCE: Duration = Duration::from_secs(3);

/// The answer of the first name server that has one.
pub(crate) async fn forward(question: &[u8], carrier: Carrier) -> Option<Vec<u8>> {
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    for server in servers(&text) {
        let answer = async {
            match carrier {
                Carrier::Udp => over_udp(question, server).await,
                Carrier::Tcp => over_tcp(question, server).await,
            }
        };
        if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, answer).await {
            return Some(answer);
        }
    }
    None
}

/// The name servers of a `resolv.conf`; without any, the C library asks the loopback.
fn servers(text: &str) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .take(3)
        .collect();
    if found.is_empty() {
        found.push((Ipv4Addr::LOCALHOST, 53).into());
    }
    found
}

async fn over_udp(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut answer).await?;
        // Another answer than to this question is a late or forged one.
        if length >= 2 && answer[..2] == question[..2.min(question.len())] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn over_tcp(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read() {
        let text = "# comment\nsearch corp\nnameserver 9.9.9.9\nnameserver ::1\noptions edns0\nnameserver x\n";
        assert_eq!(servers(text), ["9.9.9.9:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
        assert_eq!(servers(""), ["127.0.0.1:53".parse().unwrap()]);
    }
}
