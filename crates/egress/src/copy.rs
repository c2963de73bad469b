//! Both directions of one connection. Called by `tcp`.

use std::io;
use tokio::net::TcpStream;

/// Enough for one round of a fast line; allocated, but touched only as far as it is filled.
const BUFFER: usize = 64 << 10;

/// Copies until both sides have ended; the end of one direction is passed on at once.
pub(crate) async fn both_ways(inside: &mut TcpStream, outside: &mut TcpStream) -> io::Result<(u64, u64)> {
    tokio::io::copy_bidirectional_with_sizes(inside, outside, BUFFER, BUFFER).await
}
