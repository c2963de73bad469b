//! Messages with descriptors over a SEQPACKET socket: between the parent and its zygote, and between the parent and each init.
//!
//! A message is cut into packets, each with the message's number before it, so that processes which share a socket may answer
//! at the same time.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Payload of one packet.
const PACKET: usize = 32 * 1024;
/// Number (8), whether more follows (1).
const HEAD: usize = 9;
/// The most descriptors of one message (the kernel's own limit is 253).
const MAX_FDS: usize = 200;
/// The most bytes of one message; a peer that sends more is broken or hostile.
const MAX_MESSAGE: usize = 1 << 30;

/// A connected pair of sockets.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// One whole message.
#[derive(Debug)]
pub(crate) struct Message {
    /// What it answers, or a number of the sender's choice.
    pub(crate) number: u64,
    body: Vec<u8>,
    /// Descriptors that came with it.
    pub(crate) fds: Vec<OwnedFd>,
}

impl Message {
    /// Makes a message of something serialisable.
    pub(crate) fn new(number: u64, body: &impl Serialize, fds: Vec<OwnedFd>) -> io::Result<Self> {
        let body = postcard::to_allocvec(body).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { number, body, fds })
    }

    /// The same from something serialised before.
    pub(crate) fn of_bytes(number: u64, body: Vec<u8>, fds: Vec<OwnedFd>) -> Self {
        Self { number, body, fds }
    }

    /// Whether it goes into one packet, which an idle socket always takes.
    pub(crate) fn is_small(&self) -> bool {
        self.body.len() <= PACKET
    }

    /// What the message holds.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> io::Result<T> {
        postcard::from_bytes(&self.body).map_err(|error| io::Error::other(error.to_string()))
    }

    /// Sends it, waiting where the socket is full.
    pub(crate) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        let fds: Vec<BorrowedFd<'_>> = self.fds.iter().map(AsFd::as_fd).collect();
        send(socket.as_fd(), self.number, &self.body, &fds)
    }

    /// Sends a small one, or fails where the socket is full.
    pub(crate) fn send_or_fail(&self, socket: impl AsFd) -> io::Result<()> {
        debug_assert!(self.is_small());
        let fds: Vec<BorrowedFd<'_>> = self.fds.iter().map(AsFd::as_fd).collect();
        let (head, body) = (head(self.number, false), IoSlice::new(&self.body));
        Ok(send_packet(socket.as_fd(), &[IoSlice::new(&head), body], &fds, SendFlags::DONTWAIT)?)
    }
}

/// Sends something serialisable with borrowed descriptors, waiting where the socket is full.
pub(crate) fn send_value(
    socket: BorrowedFd<'_>,
    number: u64,
    value: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = postcard::to_allocvec(value).map_err(|error| io::Error::other(error.to_string()))?;
    send(socket, number, &body, fds)
}

fn send(socket: BorrowedFd<'_>, number: u64, body: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(io::Error::other(format!("too many descriptors for one message: {}", fds.len())));
    }
    let mut chunks = body.chunks(PACKET).peekable();
    let mut fds = fds;
    loop {
        let chunk = chunks.next().unwrap_or_default();
        let more = chunks.peek().is_some();
        let head = head(number, more);
        let parts = [IoSlice::new(&head), IoSlice::new(chunk)];
        while let Err(error) = send_packet(socket, &parts, fds, SendFlags::empty()) {
            match error {
                Errno::AGAIN | Errno::NOBUFS => wait(socket, rustix::event::PollFlags::OUT)?,
                error => return Err(error.into()),
            }
        }
        fds = &[];
        if !more {
            return Ok(());
        }
    }
}

fn head(number: u64, more: bool) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&number.to_le_bytes());
    head[8] = u8::from(more);
    head
}

fn send_packet(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    loop {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            // More than the space was made for.
            return Err(Errno::TOOBIG);
        }
        match sendmsg(socket, parts, &mut control, SendFlags::NOSIGNAL | flags) {
            Err(Errno::INTR) => {}
            sent => return sent.map(drop),
        }
    }
}

fn wait(socket: BorrowedFd<'_>, flags: rustix::event::PollFlags) -> io::Result<()> {
    let mut polled = [rustix::event::PollFd::from_borrowed_fd(socket, flags)];
    match rustix::event::poll(&mut polled, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What receiving a packet gave.
pub(crate) enum Received {
    /// A message became whole.
    Message(Message),
    /// A part of one.
    Part,
    /// The other side is gone.
    Closed,
}

/// The receiving end: puts packets together.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    parts: HashMap<u64, (Vec<u8>, Vec<OwnedFd>)>,
}

impl Receiver {
    /// Takes one packet from the socket. On a non-blocking socket without one: `WouldBlock`.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> io::Result<Received> {
        // How long it is, first: a buffer for the longest would be new memory in each process that was just forked.
        let size = loop {
            match recv(&socket, &mut [0; 0], RecvFlags::PEEK | RecvFlags::TRUNC) {
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) | Ok((_, 0)) => return Ok(Received::Closed),
                Ok((_, size)) => break size.min(HEAD + PACKET),
                Err(error) => return Err(error.into()),
            }
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let (mut head, mut chunk) = ([0; HEAD], vec![0; size.saturating_sub(HEAD)]);
        let got = loop {
            let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut chunk)];
            match recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => return Ok(Received::Closed),
                other => break other?,
            }
        };
        if got.bytes == 0 {
            return Ok(Received::Closed);
        }
        let fds: Vec<OwnedFd> = control
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
                _ => Vec::new(),
            })
            .collect();
        // One process alone reads a socket: what was looked at is what came.
        if got.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC) || got.bytes < HEAD {
            return Err(io::Error::other("a packet came incomplete"));
        }
        chunk.truncate(got.bytes - HEAD);
        let [number @ .., more] = head;
        let number = u64::from_le_bytes(number);
        let (body, mut all_fds) = match self.parts.remove(&number) {
            Some((mut body, fds)) => {
                body.append(&mut chunk);
                (body, fds)
            }
            None => (chunk, Vec::new()),
        };
        all_fds.extend(fds);
        if body.len() > MAX_MESSAGE {
            return Err(io::Error::other("a message is too large"));
        }
        if more != 0 {
            self.parts.insert(number, (body, all_fds));
            return Ok(Received::Part);
        }
        Ok(Received::Message(Message { number, body, fds: all_fds }))
    }

    /// The next whole message of a non-blocking socket; `None` when the other side is gone.
    pub(crate) async fn next(&mut self, socket: &AsyncFd<OwnedFd>) -> io::Result<Option<Message>> {
        loop {
            let mut ready = socket.readable().await?;
            match ready.try_io(|socket| self.receive(socket.get_ref())) {
                Ok(Ok(Received::Message(message))) => return Ok(Some(message)),
                Ok(Ok(Received::Part)) | Err(_) => {}
                Ok(Ok(Received::Closed)) => return Ok(None),
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Waits for a whole message; `None` when the other side is gone.
    pub(crate) fn wait(&mut self, socket: impl AsFd) -> io::Result<Option<Message>> {
        loop {
            match self.receive(&socket) {
                Ok(Received::Message(message)) => return Ok(Some(message)),
                Ok(Received::Part) => {}
                Ok(Received::Closed) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(socket.as_fd(), rustix::event::PollFlags::IN)?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn large_messages_and_descriptors_come_whole() {
        let (left, right) = pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        let body: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let sent = body.clone();
        let sender = std::thread::spawn(move || {
            Message::new(7, &sent, vec![write]).unwrap().send(&left).unwrap();
        });
        let message = Receiver::default().wait(&right).unwrap().unwrap();
        sender.join().unwrap();
        assert_eq!(message.number, 7);
        assert_eq!(message.decode::<Vec<u8>>().unwrap(), body);
        let mut pipe = std::fs::File::from(message.fds.into_iter().next().unwrap());
        pipe.write_all(b"x").unwrap();
        drop(pipe);
        let mut text = String::new();
        std::fs::File::from(read).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn the_end_of_the_other_side_is_seen() {
        let (left, right) = pair().unwrap();
        drop(left);
        assert!(Receiver::default().wait(&right).unwrap().is_none());
    }
}
