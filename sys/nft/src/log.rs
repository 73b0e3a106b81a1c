//! Reading what rules log to a netlink group (nfnetlink_log).
//!
//! The kernel's own log tells nothing of network namespaces but the first, unless its owner says so
//! (`net.netfilter.nf_log_all_netns`). A group is read in the namespace whose packets are logged, by one
//! socket; what is logged while there is none is lost. Rules of a group need the kernel's
//! nfnetlink_log before they can be loaded.
//!
//! Messages are of type `4 << 8 | NFULNL_MSG_*`; integers in attributes are big-endian. Source: Linux
//! `include/uapi/linux/netfilter/nfnetlink_log.h`, `net/netfilter/nfnetlink_log.c`.

mod packet;

use std::collections::VecDeque;
use std::time::Duration;

use warren_sys_netlink as netlink;
use warren_sys_netlink::{Attributes, Message, MessageBuilder, ParseError, Protocol, Socket};

pub use packet::Flow;

use crate::Error;

/// Subsystem number in message types.
const SUBSYSTEM: u16 = 4;
/// `NFULNL_MSG_*`.
const PACKET: u16 = SUBSYSTEM << 8;
const CONFIG: u16 = SUBSYSTEM << 8 | 1;
/// Attributes of [`CONFIG`] (`NFULA_CFG_*`) and their values.
const CFG_COMMAND: u16 = 1;
const CFG_MODE: u16 = 2;
const CFG_TIMEOUT: u16 = 4;
const CFG_THRESHOLD: u16 = 5;
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
/// Attributes of [`PACKET`] (`NFULA_*`).
const IN_LINK: u16 = 4;
const OUT_LINK: u16 = 5;
const PAYLOAD: u16 = 9;
const PREFIX: u16 = 10;

/// Bytes of a packet that are wanted: headers up to the ports.
const SNAP: u32 = 128;
/// The reader is woken for so many packets together, or after so many hundredths of a second.
const TOGETHER: u32 = 16;
const PATIENCE: u32 = 10;

/// A packet that a rule logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logged {
    /// The rule's text.
    pub prefix: String,
    /// Index of the link it came in by, if it did.
    pub in_link: Option<u32>,
    /// Index of the link it goes out by, if it does.
    pub out_link: Option<u32>,
    /// Where from and where to; `None` if it is no IP packet.
    pub flow: Option<Flow>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A packet.
    Packet(Logged),
    /// Some were lost: they came faster than they were read.
    Lost,
}

/// The reader of a group in the network namespace in which it was opened.
#[derive(Debug)]
pub struct LogReader {
    socket: Socket,
    pending: VecDeque<Entry>,
}

impl LogReader {
    /// Becomes the reader of a group. Needs `CAP_NET_ADMIN` in the user namespace that owns the network
    /// namespace.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Group`]: EBUSY if the group has a reader, EINVAL if the kernel has no
    /// nfnetlink_log.
    pub fn open(group: u16) -> Result<Self, Error> {
        let mut socket = Socket::open(Protocol::Netfilter).map_err(Error::Open)?;
        let mut mode = [0; 6];
        mode[..4].copy_from_slice(&SNAP.to_be_bytes());
        mode[4] = COPY_PACKET;
        let mut ask = |message: MessageBuilder| match socket.request(message) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Group { group, source }),
        };
        ask(config(group).attributes(|a| _ = a.put_u8(CFG_COMMAND, BIND)))?;
        let rest = config(group).attributes(|a| {
            a.put_bytes(CFG_MODE, &mode)
                .put_be32(CFG_TIMEOUT, PATIENCE)
                .put_be32(CFG_THRESHOLD, TOGETHER);
        });
        ask(rest)?;
        Ok(Self {
            socket,
            pending: VecDeque::new(),
        })
    }

    /// The next entry; `None` if there was none within `timeout`. No timeout waits for ever.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Malformed`].
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Entry>, Error> {
        loop {
            if let Some(entry) = self.pending.pop_front() {
                return Ok(Some(entry));
            }
            match self.socket.recv(timeout) {
                Ok(messages) => {
                    for message in &messages {
                        self.pending.extend(packet(message)?.map(Entry::Packet));
                    }
                }
                Err(netlink::Error::TimedOut) => return Ok(None),
                Err(netlink::Error::Overrun) => return Ok(Some(Entry::Lost)),
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }
}

/// A message about a group's settings.
fn config(group: u16) -> MessageBuilder {
    let [high, low] = group.to_be_bytes();
    MessageBuilder::new(CONFIG, 0).family_header(&[0, 0, high, low])
}

/// The packet of a message; `None` if it is about something else.
fn packet(message: &Message) -> Result<Option<Logged>, Error> {
    decode(message).map_err(|source| Error::Malformed {
        what: "a logged packet".to_owned(),
        source,
    })
}

pub(crate) fn decode(message: &Message) -> Result<Option<Logged>, ParseError> {
    if message.kind != PACKET {
        return Ok(None);
    }
    let Some((_, rest)) = message.payload.split_first_chunk::<4>() else {
        return Err(ParseError::Truncated {
            needed: 4,
            available: message.payload.len(),
        });
    };
    let mut logged = Logged::default();
    for attribute in Attributes::new(rest) {
        let attribute = attribute?;
        match attribute.kind {
            PREFIX => logged.prefix = attribute.str_lossy(),
            IN_LINK => logged.in_link = Some(attribute.be32()?),
            OUT_LINK => logged.out_link = Some(attribute.be32()?),
            PAYLOAD => logged.flow = Flow::parse(attribute.payload),
            _ => {}
        }
    }
    Ok(Some(logged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, attributes: &[u8]) -> Message {
        Message {
            kind,
            flags: 0,
            seq: 0,
            port: 0,
            payload: [&[2, 0, 0, 7], attributes].concat(),
        }
    }

    #[test]
    fn a_packet_is_read_and_other_messages_are_not() {
        let mut attributes = warren_sys_netlink::AttributeBuilder::new();
        attributes
            .put_be32(IN_LINK, 3)
            .put_be32(OUT_LINK, 2)
            .put_bytes(1, &[8, 0, 2, 0])
            .put_str(PREFIX, "box ")
            .put_bytes(PAYLOAD, &[0x45]);
        let attributes = attributes.finish().unwrap();
        let logged = decode(&message(PACKET, &attributes)).unwrap().unwrap();
        let expected = Logged {
            prefix: "box ".to_owned(),
            in_link: Some(3),
            out_link: Some(2),
            flow: None,
        };
        assert_eq!(logged, expected);
        // The end of several that came together.
        assert_eq!(decode(&message(3, &[])).unwrap(), None);
        assert_eq!(decode(&message(CONFIG, &[])).unwrap(), None);
        decode(&message(PACKET, &[9, 0, 4])).unwrap_err();
        decode(&message(PACKET, &[6, 0, 4, 0, 1, 1])).unwrap_err();
    }
}
