//! Following changes of the ruleset as they are committed.
//!
//! The kernel sends, for each commit, one message per changed object and then the new
//! generation. If they are not read in time some are lost; that is reported as
//! [`Change::Overrun`], after which the follower must read the ruleset again.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use warren_sys_netlink as netlink;
use warren_sys_netlink::{Message, ParseError, Protocol, Socket};

use crate::codec;
use crate::list::{decode_element_messages, decode_generation};
use crate::wire::{GROUP_NFTABLES, elem, msg};
use crate::{
    DataType, Element, Error, Family, Generation, ListedChain, ListedRule, ListedSet, ListedTable,
    Set, SetId,
};

/// Room for events that are not read yet.
const RECEIVE_BUFFER: usize = 16 << 20;

/// One change of the ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Port of the connection that made the change, as of [`Nft::port_id`](crate::Nft::port_id);
    /// 0 if the kernel did (an owned table removed, an element expired).
    pub port: u32,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A table was added or changed.
    NewTable(ListedTable),
    /// A table was deleted.
    DelTable(ListedTable),
    /// A chain was added or changed.
    NewChain(ListedChain),
    /// A chain was deleted.
    DelChain(ListedChain),
    /// A rule was added.
    NewRule(ListedRule),
    /// A rule was deleted; only where it was and its handle are sure to be told.
    DelRule(ListedRule),
    /// A set was added.
    NewSet(ListedSet),
    /// A set was deleted.
    DelSet(ListedSet),
    /// Elements were added. Ranges come as the kernel stores them: first key and end as
    /// elements of their own.
    NewElements(SetId, Vec<Element>),
    /// Elements were deleted or expired; ranges as in [`Change::NewElements`].
    DelElements(SetId, Vec<Element>),
    /// All changes of a commit were told.
    NewGeneration(Generation),
    /// Something changed that this crate has no type for; the number is `NFT_MSG_*`.
    Other(u8),
    /// Changes were lost: read the ruleset again.
    Overrun,
}

impl Change {
    /// Family and name of the table the change is in, if it is in one.
    #[must_use]
    pub fn table(&self) -> Option<(Family, &str)> {
        match self {
            Self::NewTable(listed) | Self::DelTable(listed) => {
                Some((listed.table.family, &listed.table.name))
            }
            Self::NewChain(listed) | Self::DelChain(listed) => {
                Some((listed.chain.family, &listed.chain.table))
            }
            Self::NewRule(rule) | Self::DelRule(rule) => Some((rule.family, &rule.table)),
            Self::NewSet(listed) | Self::DelSet(listed) => {
                Some((listed.set.family, &listed.set.table))
            }
            Self::NewElements(set, _) | Self::DelElements(set, _) => {
                Some((set.table.family, &set.table.name))
            }
            Self::NewGeneration(_) | Self::Other(_) | Self::Overrun => None,
        }
    }
}

/// Follows the ruleset of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    pending: VecDeque<Event>,
}

impl Monitor {
    /// Starts following: every commit from now on is told.
    pub fn open() -> Result<Self, Error> {
        let mut socket = Socket::open(Protocol::Netfilter).map_err(Error::Open)?;
        socket
            .set_receive_buffer(RECEIVE_BUFFER)
            .map_err(Error::Open)?;
        socket.join_group(GROUP_NFTABLES).map_err(Error::Open)?;
        Ok(Self {
            socket,
            pending: VecDeque::new(),
        })
    }

    /// The next change; `None` if there was none within `timeout`. No timeout waits for ever.
    ///
    /// When polling the descriptor, call this with a timeout of zero until it gives `None`:
    /// one datagram may hold several changes.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            match self.socket.recv(timeout) {
                Ok(messages) => {
                    for message in &messages {
                        self.pending.extend(event(message)?);
                    }
                }
                Err(netlink::Error::TimedOut) => return Ok(None),
                Err(netlink::Error::Overrun) => {
                    return Ok(Some(Event {
                        port: 0,
                        change: Change::Overrun,
                    }));
                }
                Err(error) => return Err(Error::Monitor(error)),
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The event of a message; `None` for control messages.
fn event(message: &Message) -> Result<Option<Event>, Error> {
    let Some(kind) = codec::message_kind(message) else {
        return Ok(None);
    };
    let change = change(kind, message).map_err(|source| Error::Malformed {
        what: "a change".to_owned(),
        source,
    })?;
    Ok(Some(Event {
        port: message.port,
        change,
    }))
}

pub(crate) fn change(kind: u8, message: &Message) -> Result<Change, ParseError> {
    if kind == msg::NEWGEN {
        return decode_generation(message).map(Change::NewGeneration);
    }
    let Some((family, a)) = codec::open(message)? else {
        return Ok(Change::Other(kind));
    };
    Ok(match kind {
        msg::NEWTABLE => Change::NewTable(codec::decode_table(family, &a)?),
        msg::DELTABLE | msg::DESTROYTABLE => Change::DelTable(codec::decode_table(family, &a)?),
        msg::NEWCHAIN => Change::NewChain(codec::decode_chain(family, &a)?),
        msg::DELCHAIN | msg::DESTROYCHAIN => Change::DelChain(codec::decode_chain(family, &a)?),
        msg::NEWRULE => Change::NewRule(codec::decode_rule(family, &a)?),
        msg::DELRULE | msg::DESTROYRULE => Change::DelRule(codec::decode_rule(family, &a)?),
        msg::NEWSET => Change::NewSet(codec::decode_set(family, &a)?),
        msg::DELSET | msg::DESTROYSET => Change::DelSet(codec::decode_set(family, &a)?),
        msg::NEWSETELEM | msg::DELSETELEM | msg::DESTROYSETELEM => {
            let table = a.require(elem::LIST_TABLE)?.str_lossy();
            let name = a.require(elem::LIST_SET)?.str_lossy();
            let id = SetId::new(family, table.as_str(), name.as_str());
            // The set's type is not told, and is not needed to read plain elements.
            let any = Set::new(
                family,
                table,
                name,
                DataType::Other {
                    number: 0,
                    length: 0,
                },
            );
            let elements = decode_element_messages(&any, std::slice::from_ref(message))?;
            if kind == msg::NEWSETELEM {
                Change::NewElements(id, elements)
            } else {
                Change::DelElements(id, elements)
            }
        }
        other => Change::Other(other),
    })
}
