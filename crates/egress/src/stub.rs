//! The name server that a job sees. Started by `serve`, once per UDP socket; TCP questions come through the relay.

use crate::dial::own_address;
use crate::dns::{self, Answer, Asked};
use crate::forward::{Carrier, forward};
use crate::names::CLOSED;
use crate::resolve::Lookup;
use crate::serve::Way;
use hickory_proto::op::ResponseCode;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Questions of one job that are worked on at once; more are dropped, and clients ask again.
const AT_ONCE: usize = 128;
/// How long a TCP client may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Answers questions over UDP until the socket fails.
pub(crate) async fn serve_udp(socket: UdpSocket, way: Arc<Way>) {
    let socket = Arc::new(socket);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let mut bytes = vec![0; 4096];
    loop {
        while running.try_join_next().is_some() {}
        let (length, from) = match socket.recv_from(&mut bytes).await {
            Ok(received) => received,
            // The error of an earlier answer to a client that is gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(_) => return,
        };
        let Ok(turn) = Arc::clone(&turns).try_acquire_owned() else { continue };
        let (question, socket, way) = (bytes[..length].to_vec(), Arc::clone(&socket), Arc::clone(&way));
        running.spawn(async move {
            let _turn = turn;
            if let Some(answer) = answer(&question, Carrier::Udp, &way).await {
                let _ = socket.send_to(&answer, from).await;
            }
        });
    }
}

/// Answers the questions of one TCP connection.
pub(crate) async fn serve_tcp(mut stream: TcpStream, way: &Way) -> io::Result<()> {
    loop {
        let length = match tokio::time::timeout(SILENCE, stream.read_u16()).await {
            Ok(Ok(length)) => length,
            Ok(Err(_)) | Err(_) => return Ok(()),
        };
        let mut question = vec![0; length.into()];
        tokio::time::timeout(SILENCE, stream.read_exact(&mut question)).await??;
        let Some(answer) = answer(&question, Carrier::Tcp, way).await else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&answer).await?;
    }
}

async fn answer(bytes: &[u8], carrier: Carrier, way: &Way) -> Option<Vec<u8>> {
    let question = dns::read(bytes)?;
    let answer = match &question.asked {
        Asked::Loopback(address) => Answer::Address(*address),
        Asked::Address(name) => address(name, way).await,
        Asked::OtherAddress(name) => match way.resolver.look_up(name).await {
            Lookup::Addresses(_) | Lookup::NoAddress => Answer::Nothing,
            Lookup::NoSuchName => Answer::NoSuchName,
            Lookup::Failed => Answer::Fault(ResponseCode::ServFail),
        },
        Asked::Reverse(address) => match reverse(*address, way) {
            Some(answer) => answer,
            None => return passed_on(bytes, carrier, &question).await,
        },
        Asked::Record => return passed_on(bytes, carrier, &question).await,
        Asked::Unfit(code) => Answer::Fault(*code),
    };
    let written = question.answer(&answer)?;
    if carrier == Carrier::Udp && written.len() > question.udp_limit() { question.too_long() } else { Some(written) }
}

async fn address(name: &str, way: &Way) -> Answer {
    match way.resolver.look_up(name).await {
        Lookup::Addresses(addresses) => {
            let reachable = way.policy.opens_name(name)
                || addresses.iter().any(|address| {
                    way.policy.opens_address(*address) || way.policy.allows(None, *address, 0) && !own_address(*address)
                });
            if !reachable {
                way.closed(name);
                return Answer::Address(CLOSED.into());
            }
            let given = way.names().address(name);
            given.map_or(Answer::Fault(ResponseCode::ServFail), |address| Answer::Address(address.into()))
        }
        Lookup::NoAddress => Answer::Nothing,
        Lookup::NoSuchName => Answer::NoSuchName,
        Lookup::Failed => Answer::Fault(ResponseCode::ServFail),
    }
}

/// The names of the job's own addresses; none of what it may not reach.
fn reverse(address: IpAddr, way: &Way) -> Option<Answer> {
    match address {
        _ if address.is_loopback() => Some(Answer::Name("localhost".to_owned())),
        IpAddr::V4(v4) if crate::names::is_synthetic(v4) => {
            let names = way.names();
            Some(names.name(v4).map_or(Answer::NoSuchName, |name| Answer::Name(name.to_owned())))
        }
        _ if !way.policy.allows(None, address, 0) => Some(Answer::NoSuchName),
        _ => None,
    }
}

async fn passed_on(bytes: &[u8], carrier: Carrier, question: &dns::Question) -> Option<Vec<u8>> {
    match forward(bytes, carrier).await {
        Some(answer) => Some(answer),
        None => question.answer(&Answer::Fault(ResponseCode::ServFail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use hickory_proto::op::{Message, MessageType, OpCode, Query};
    use hickory_proto::rr::{Name, RData, RecordType};
    use std::net::Ipv4Addr;

    /// A public name, one that leads inside, one with both, one without address, one that is not there.
    fn way(allow: &[&str]) -> Way {
        let way = Way::new(Policy::new(allow).unwrap());
        let known = |name: &str, addresses: &[&str]| {
            let list = addresses.iter().map(|address| address.parse().unwrap()).collect();
            way.resolver.preset(name, Lookup::Addresses(list));
        };
        known("public.example", &["192.0.2.7", "2001:db8::7"]);
        known("rebind.example", &["127.0.0.1", "10.0.0.1", "::ffff:169.254.169.254"]);
        known("both.example", &["10.0.0.1", "192.0.2.8"]);
        way.resolver.preset("mail.example", Lookup::NoAddress);
        way.resolver.preset("gone.example", Lookup::NoSuchName);
        way.resolver.preset("broken.example", Lookup::Failed);
        way
    }

    async fn ask(way: &Way, name: &str, kind: RecordType) -> (ResponseCode, Vec<RData>) {
        let mut message = Message::new(1, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), kind));
        let answer = answer(&message.to_vec().unwrap(), Carrier::Udp, way).await.unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        (answer.metadata.response_code, answer.answers.into_iter().map(|record| record.data).collect())
    }

    #[tokio::test]
    async fn names_get_addresses_of_the_jobs_own() {
        let way = way(&[]);
        let (code, first) = ask(&way, "public.example", RecordType::A).await;
        assert_eq!(code, ResponseCode::NoError);
        assert_eq!(first, [RData::A(Ipv4Addr::new(198, 18, 0, 2).into())]);
        assert_eq!(ask(&way, "PUBLIC.example", RecordType::A).await.1, first);
        assert_eq!(ask(&way, "both.example", RecordType::A).await.1, [RData::A(Ipv4Addr::new(198, 18, 0, 3).into())]);
        assert_eq!(ask(&way, "2.0.18.198.in-addr.arpa", RecordType::PTR).await.1.len(), 1);
        for kind in [RecordType::AAAA, RecordType::HTTPS, RecordType::SVCB] {
            assert_eq!(ask(&way, "public.example", kind).await, (ResponseCode::NoError, vec![]), "{kind}");
        }
    }

    #[tokio::test]
    async fn errors_are_true() {
        let way = way(&[]);
        for kind in [RecordType::A, RecordType::AAAA] {
            assert_eq!(ask(&way, "gone.example", kind).await, (ResponseCode::NXDomain, vec![]));
            assert_eq!(ask(&way, "mail.example", kind).await, (ResponseCode::NoError, vec![]));
            assert_eq!(ask(&way, "broken.example", kind).await, (ResponseCode::ServFail, vec![]));
        }
        assert_eq!(ask(&way, "1.0.0.10.in-addr.arpa", RecordType::PTR).await.0, ResponseCode::NXDomain);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_closed_unless_it_is_opened() {
        assert_eq!(ask(&way(&[]), "rebind.example", RecordType::A).await.1, [RData::A(CLOSED.into())]);
        for allow in ["rebind.example:80", "10.0.0.0/24"] {
            let address = ask(&way(&[allow]), "rebind.example", RecordType::A).await.1;
            assert_eq!(address, [RData::A(Ipv4Addr::new(198, 18, 0, 2).into())], "{allow}");
        }
    }
}
