//! Reading a DNS question and writing its answer. Pure. Called by `stub`.

use crate::policy::normal_name;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Seconds that an answer may be kept: addresses of ours never change, so this only bounds what a client holds.
const KEEP: u32 = 60;
/// What every client can take over UDP.
const PLAIN_UDP: u16 = 512;

/// A question that was understood.
#[derive(Debug)]
pub(crate) struct Question {
    message: Message,
    pub(crate) asked: Asked,
}

/// What it asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The IPv4 address of a name.
    Address(String),
    /// Another way to reach a name (IPv6, HTTPS): whether the name exists, and nothing of that kind.
    OtherAddress(String),
    /// An address of the job's own loopback, by name.
    Loopback(IpAddr),
    /// The name of an address.
    Reverse(IpAddr),
    /// Anything else about a name, which says nothing about where to connect.
    Record,
    /// Not a question that a resolver answers; with this code.
    Unfit(ResponseCode),
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The address.
    Address(IpAddr),
    /// The name.
    Name(String),
    /// There is nothing of the kind.
    Nothing,
    /// The name does not exist.
    NoSuchName,
    /// Something went wrong, or is not done.
    Fault(ResponseCode),
}

/// Reads a question; `None` for what deserves no answer at all.
pub(crate) fn read(bytes: &[u8]) -> Option<Question> {
    let message = Message::from_vec(bytes).ok()?;
    if message.metadata.message_type != MessageType::Query {
        return None;
    }
    let asked = understand(&message);
    Some(Question { message, asked })
}

fn understand(message: &Message) -> Asked {
    if message.metadata.op_code != OpCode::Query {
        return Asked::Unfit(ResponseCode::NotImp);
    }
    let [query] = message.queries.as_slice() else { return Asked::Unfit(ResponseCode::FormErr) };
    if query.query_class() != DNSClass::IN {
        return Asked::Unfit(ResponseCode::Refused);
    }
    let name = normal_name(&query.name().to_ascii());
    let own = name == "localhost" || name.ends_with(".localhost");
    match query.query_type() {
        RecordType::A | RecordType::ANY if own => Asked::Loopback(Ipv4Addr::LOCALHOST.into()),
        RecordType::AAAA if own => Asked::Loopback(Ipv6Addr::LOCALHOST.into()),
        RecordType::A | RecordType::ANY => Asked::Address(name),
        RecordType::AAAA | RecordType::HTTPS | RecordType::SVCB => Asked::OtherAddress(name),
        RecordType::PTR => match query.name().parse_arpa_name() {
            // A whole address, not a zone of them.
            Ok(network) if network.addr().is_ipv4() && network.prefix_len() == 32 || network.prefix_len() == 128 => {
                Asked::Reverse(network.addr())
            }
            _ => Asked::Record,
        },
        RecordType::AXFR | RecordType::IXFR => Asked::Unfit(ResponseCode::Refused),
        _ => Asked::Record,
    }
}

impl Question {
    /// The answer's bytes; `None` when it cannot be written, which a question that was read never causes.
    pub(crate) fn answer(&self, answer: &Answer) -> Option<Vec<u8>> {
        let mut message = Message::response(self.message.metadata.id, self.message.metadata.op_code);
        message.metadata.recursion_desired = self.message.metadata.recursion_desired;
        message.metadata.recursion_available = true;
        message.queries.clone_from(&self.message.queries);
        let name = self.message.queries.first().map(|query| query.name().clone());
        let data = match answer {
            Answer::Address(IpAddr::V4(address)) => Some(RData::A(A(*address))),
            Answer::Address(IpAddr::V6(address)) => Some(RData::AAAA(AAAA(*address))),
            Answer::Name(text) => Name::from_ascii(format!("{text}.")).ok().map(|name| RData::PTR(PTR(name))),
            Answer::Nothing => None,
            Answer::NoSuchName => {
                message.metadata.response_code = ResponseCode::NXDomain;
                None
            }
            Answer::Fault(code) => {
                message.metadata.response_code = *code;
                None
            }
        };
        if let (Some(name), Some(data)) = (name, data) {
            message.add_answer(Record::from_rdata(name, KEEP, data));
        }
        if self.message.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(1232);
            message.set_edns(edns);
        }
        message.to_vec().ok()
    }

    /// How long an answer over UDP may be.
    pub(crate) fn udp_limit(&self) -> usize {
        self.message.edns.as_ref().map_or(PLAIN_UDP, |edns| edns.max_payload().max(PLAIN_UDP)).into()
    }

    /// An answer that says: ask again over TCP.
    pub(crate) fn too_long(&self) -> Option<Vec<u8>> {
        let mut message = Message::response(self.message.metadata.id, self.message.metadata.op_code);
        message.metadata.truncation = true;
        message.metadata.recursion_available = true;
        message.queries.clone_from(&self.message.queries);
        message.to_vec().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Query;
    use proptest::prelude::*;

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    }
    fn asked(name: &str, kind: RecordType) -> Asked {
        read(&question(name, kind)).unwrap().asked
    }

    #[test]
    fn questions_are_understood() {
        assert_eq!(asked("Example.COM.", RecordType::A), Asked::Address("example.com".to_owned()));
        assert_eq!(asked("example.com.", RecordType::AAAA), Asked::OtherAddress("example.com".to_owned()));
        assert_eq!(asked("example.com.", RecordType::HTTPS), Asked::OtherAddress("example.com".to_owned()));
        assert_eq!(asked("localhost.", RecordType::A), Asked::Loopback(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(asked("a.localhost.", RecordType::AAAA), Asked::Loopback(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(
            asked("2.0.18.198.in-addr.arpa.", RecordType::PTR),
            Asked::Reverse(Ipv4Addr::new(198, 18, 0, 2).into())
        );
        assert_eq!(asked("_sip._tcp.example.com.", RecordType::SRV), Asked::Record);
        assert_eq!(asked("example.com.", RecordType::AXFR), Asked::Unfit(ResponseCode::Refused));
    }

    #[test]
    fn an_answer_carries_the_question_back() {
        let question = read(&question("example.com.", RecordType::A)).unwrap();
        let bytes = question.answer(&Answer::Address(Ipv4Addr::new(198, 18, 0, 2).into())).unwrap();
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, 4711);
        assert_eq!(message.metadata.response_code, ResponseCode::NoError);
        assert_eq!(message.queries, question.message.queries);
        assert_eq!(message.answers.len(), 1);
        let bytes = question.answer(&Answer::NoSuchName).unwrap();
        assert_eq!(Message::from_vec(&bytes).unwrap().metadata.response_code, ResponseCode::NXDomain);
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(question) = read(&bytes) {
                let _ = question.answer(&Answer::Nothing);
            }
        }
    }
}
