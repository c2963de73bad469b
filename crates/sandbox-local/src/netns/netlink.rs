//! Building and sending netlink messages. Called by `rules` and `set_up`.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `NLM_F_REQUEST`: asks the kernel; an error is answered, success without `NLM_F_ACK` is not.
pub(super) const REQUEST: u16 = 1;
/// `NLM_F_CREATE`.
pub(super) const CREATE: u16 = 0x400;
/// `NLM_F_APPEND`.
pub(super) const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
const NLMSG_ERROR: u16 = 2;
const HEADER: usize = 16;

/// Several messages in one buffer, sent by one call. Numbers in nftables attributes are big-endian, in routes the machine's.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    messages: u32,
}

impl Batch {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), messages: 0 }
    }

    /// Adds a message; `body` writes what follows the header.
    pub(super) fn message(&mut self, kind: u16, flags: u16, body: impl for<'b> FnOnce(&'b mut Self) -> &'b mut Self) {
        let start = self.bytes.len();
        self.messages += 1;
        let sequence = self.messages.to_ne_bytes();
        self.raw(&[0; 4]).raw(&kind.to_ne_bytes()).raw(&flags.to_ne_bytes()).raw(&sequence).raw(&[0; 4]);
        body(self);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn attribute(&mut self, kind: u16, body: impl for<'b> FnOnce(&'b mut Self) -> &'b mut Self) -> &mut Self {
        let start = self.bytes.len();
        self.raw(&[0; 2]).raw(&kind.to_ne_bytes());
        body(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        self
    }

    pub(super) fn nest(&mut self, kind: u16, body: impl for<'b> FnOnce(&'b mut Self) -> &'b mut Self) -> &mut Self {
        self.attribute(kind | NESTED, body)
    }

    pub(super) fn bytes_attribute(&mut self, kind: u16, bytes: &[u8]) -> &mut Self {
        self.attribute(kind, |batch| batch.raw(bytes))
    }

    pub(super) fn text(&mut self, kind: u16, text: &str) -> &mut Self {
        self.attribute(kind, |batch| batch.raw(text.as_bytes()).raw(&[0]))
    }

    pub(super) fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes_attribute(kind, &value.to_be_bytes())
    }

    pub(super) fn ne32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes_attribute(kind, &value.to_ne_bytes())
    }

    /// Sends all messages. The kernel works through them before the call returns and leaves only errors to read.
    pub(super) fn send(&self, protocol: Option<Protocol>) -> Result<(), Errno> {
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        let sent = rustix::net::sendto(&socket, &self.bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        if sent != self.bytes.len() {
            return Err(Errno::MSGSIZE);
        }
        let mut answer = [0; 4096];
        loop {
            match rustix::net::recv(&socket, &mut answer, RecvFlags::DONTWAIT) {
                Ok((length, _)) => first_error(&answer[..length])?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The first error among the messages of one answer.
fn first_error(mut answer: &[u8]) -> Result<(), Errno> {
    let number =
        |bytes: &[u8], at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(i32::from_ne_bytes);
    while answer.len() >= HEADER {
        let length = number(answer, 0).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let kind = u16::from_ne_bytes([answer[4], answer[5]]);
        if kind == NLMSG_ERROR
            && let Some(error) = number(answer, HEADER).filter(|error| *error < 0)
        {
            return Err(Errno::from_raw_os_error(-error));
        }
        if length < HEADER {
            return Err(Errno::BADMSG);
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}
