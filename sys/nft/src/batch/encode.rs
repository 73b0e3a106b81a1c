//! A transaction as one datagram.
//!
//! ```text
//! batch begin | message of step 1 | message of step 2 | ... | batch end
//! ```
//!
//! The kernel answers with one acknowledgement per refused message, and for the last
//! step's message, which asks for it, in any case.

use warren_sys_netlink::{
    AttributeBuilder, Attributes, HEADER_LEN, MessageBuilder, TooLong, flags,
};

use super::{Place, Step};
use crate::codec::{self, message};
use crate::wire::{self, chain, elem, msg, rule, set, table};
use crate::{ChainId, Element, Error, Set, SetId, TableId};

/// Bytes to send, and which message belongs to which step.
pub(crate) struct Encoded {
    /// The datagram.
    pub(crate) bytes: Vec<u8>,
    /// Sequence number of the batch's first message.
    first: u32,
    /// Step of each message between begin and end.
    steps: Vec<usize>,
}

impl Encoded {
    /// Whether there is anything between begin and end.
    pub(crate) fn has_messages(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The step that message `sequence` belongs to; `None` for begin and end.
    pub(crate) fn step(&self, sequence: u32) -> Option<usize> {
        let index = usize::try_from(sequence.wrapping_sub(self.first)).ok()?;
        self.steps.get(index.checked_sub(1)?).copied()
    }

    /// Name of the rule expression at `offset` bytes from the start of message `sequence`.
    pub(crate) fn expression_at(&self, sequence: u32, offset: u32) -> Option<String> {
        let mut rest = self.bytes.as_slice();
        for _ in 0..sequence.wrapping_sub(self.first) {
            rest = rest.get(message_length(rest)?..)?;
        }
        let message = rest.get(..message_length(rest)?)?;
        let attributes = message.get(HEADER_LEN + codec::FAMILY_HEADER..)?;
        // Slices of one message: where they start tells how far in they are.
        let start = message.as_ptr().addr();
        let list = Attributes::new(attributes).find(rule::EXPRESSIONS).ok()??;
        let elements = list.nested().collect::<Result<Vec<_>, _>>().ok()?;
        let offset = usize::try_from(offset).ok()?;
        let element = elements.iter().rev().find(|element| {
            element.payload.as_ptr().addr() - start <= offset.saturating_add(ATTRIBUTE_HEADER)
        })?;
        let end = element.payload.as_ptr().addr() - start + element.payload.len();
        let name = element.nested().find(wire::expr::NAME).ok()??;
        (offset < end).then(|| name.str_lossy())
    }

    /// Whether message `sequence` is of this batch.
    pub(crate) fn contains(&self, sequence: u32) -> bool {
        usize::try_from(sequence.wrapping_sub(self.first))
            .is_ok_and(|index| index < self.steps.len() + 2)
    }

    /// Whether message `sequence` is that of the last step.
    pub(crate) fn is_last(&self, sequence: u32) -> bool {
        usize::try_from(sequence.wrapping_sub(self.first)) == Ok(self.steps.len())
    }
}

/// Writes the steps as a datagram, numbering messages by `next_sequence`. With
/// `generation`, the kernel applies it only while that is the current one.
pub(crate) fn encode(
    steps: &[Step],
    generation: Option<u32>,
    mut next_sequence: impl FnMut() -> u32,
) -> Result<Encoded, Error> {
    let mut messages = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let failed = |source| Error::TooLong {
            step: index,
            text: step.to_string(),
            source,
        };
        step.check().map_err(|reason| Error::Invalid {
            step: index,
            text: step.to_string(),
            reason,
        })?;
        for message in encode_step(index, step).map_err(failed)? {
            messages.push((index, message));
        }
    }
    let too_long = |index: usize| {
        move |source| Error::TooLong {
            step: index,
            text: steps[index].to_string(),
            source,
        }
    };
    let first = next_sequence();
    let mut bytes = finish(batch(wire::BATCH_BEGIN, generation), first);
    let count = messages.len();
    let mut owners = Vec::with_capacity(count);
    for (position, (index, message)) in messages.into_iter().enumerate() {
        let acknowledge = if position + 1 == count { flags::ACK } else { 0 };
        let message = message.with_flags(flags::REQUEST | acknowledge);
        bytes.extend(message.finish(next_sequence()).map_err(too_long(index))?);
        owners.push(index);
    }
    bytes.extend(finish(batch(wire::BATCH_END, None), next_sequence()));
    Ok(Encoded {
        bytes,
        first,
        steps: owners,
    })
}

/// Bytes of an attribute's own header.
const ATTRIBUTE_HEADER: usize = 4;

/// Length of the message that `bytes` start with.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    (length > 0).then_some(length)
}

fn batch(kind: u16, generation: Option<u32>) -> MessageBuilder {
    let [high, low] = wire::SUBSYSTEM.to_be_bytes();
    MessageBuilder::new(kind, flags::REQUEST)
        .family_header(&[0, 0, high, low])
        .attributes(|a| {
            if let Some(generation) = generation {
                a.put_be32(wire::BATCH_GENID, generation);
            }
        })
}

/// Begin and end messages always fit.
fn finish(message: MessageBuilder, sequence: u32) -> Vec<u8> {
    message.finish(sequence).unwrap_or_default()
}

fn create(exclusive: bool) -> u16 {
    flags::CREATE | if exclusive { flags::EXCL } else { 0 }
}

/// The messages of a step: one, except for long lists of elements.
fn encode_step(index: usize, step: &Step) -> Result<Vec<MessageBuilder>, TooLong> {
    let one = |message| Ok(vec![message]);
    match step {
        Step::AddTable { table, exclusive } => {
            one(
                message(msg::NEWTABLE, create(*exclusive), Some(table.family))
                    .attributes(|a| codec::encode_table(table, a)),
            )
        }
        Step::DeleteTable(id) => one(about_table(msg::DELTABLE, id)),
        Step::DestroyTable(id) => one(about_table(msg::DESTROYTABLE, id)),
        Step::FlushTable(id) => one(message(msg::DELRULE, 0, Some(id.family)).attributes(|a| {
            a.put_str(rule::TABLE, &id.name);
        })),
        Step::AddChain { chain, exclusive } => {
            one(
                message(msg::NEWCHAIN, create(*exclusive), Some(chain.family))
                    .attributes(|a| codec::encode_chain(chain, a)),
            )
        }
        Step::DeleteChain(id) => one(about_chain(msg::DELCHAIN, id)),
        Step::DestroyChain(id) => one(about_chain(msg::DESTROYCHAIN, id)),
        Step::FlushChain(id) => one(about_rule(msg::DELRULE, 0, id, None)),
        Step::PutRule { chain, place, rule } => {
            let (flags, position) = match place {
                Place::Last => (flags::CREATE | flags::APPEND, None),
                Place::First => (flags::CREATE, None),
                Place::After(handle) => (flags::CREATE | flags::APPEND, Some(*handle)),
                Place::Before(handle) => (flags::CREATE, Some(*handle)),
                Place::Instead(_) => (flags::REPLACE, None),
            };
            let replaced = match place {
                Place::Instead(handle) => Some(*handle),
                _ => None,
            };
            one(
                about_rule(msg::NEWRULE, flags, chain, replaced).attributes(|a| {
                    if let Some(position) = position {
                        a.put_be64(rule::POSITION, position);
                    }
                    codec::encode_rule(rule, a);
                }),
            )
        }
        Step::DeleteRule { chain, handle } => {
            one(about_rule(msg::DELRULE, 0, chain, Some(*handle)))
        }
        Step::DestroyRule { chain, handle } => {
            one(about_rule(msg::DESTROYRULE, 0, chain, Some(*handle)))
        }
        Step::AddSet { set, exclusive } => {
            // Any number that is unique within the transaction.
            let id = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            one(message(msg::NEWSET, create(*exclusive), Some(set.family))
                .attributes(|a| codec::encode_set(set, id, a)))
        }
        Step::DeleteSet(id) => one(about_set(msg::DELSET, id)),
        Step::DestroySet(id) => one(about_set(msg::DESTROYSET, id)),
        Step::FlushSet(id) => one(
            message(msg::DELSETELEM, 0, Some(id.table.family)).attributes(|a| {
                put_elements_of(a, id);
            }),
        ),
        Step::AddElements {
            set,
            elements,
            exclusive,
        } => encode_elements(msg::NEWSETELEM, create(*exclusive), set, elements),
        Step::DeleteElements { set, elements } => {
            encode_elements(msg::DELSETELEM, 0, set, &keys_only(elements))
        }
        Step::DestroyElements { set, elements } => {
            encode_elements(msg::DESTROYSETELEM, 0, set, &keys_only(elements))
        }
    }
}

fn about_table(kind: u8, id: &TableId) -> MessageBuilder {
    message(kind, 0, Some(id.family)).attributes(|a| {
        a.put_str(table::NAME, &id.name);
    })
}

fn about_chain(kind: u8, id: &ChainId) -> MessageBuilder {
    message(kind, 0, Some(id.table.family)).attributes(|a| {
        a.put_str(chain::TABLE, &id.table.name)
            .put_str(chain::NAME, &id.name);
    })
}

fn about_rule(kind: u8, flags: u16, id: &ChainId, handle: Option<u64>) -> MessageBuilder {
    message(kind, flags, Some(id.table.family)).attributes(|a| {
        a.put_str(rule::TABLE, &id.table.name)
            .put_str(rule::CHAIN, &id.name);
        if let Some(handle) = handle {
            a.put_be64(rule::HANDLE, handle);
        }
    })
}

fn about_set(kind: u8, id: &SetId) -> MessageBuilder {
    message(kind, 0, Some(id.table.family)).attributes(|a| {
        a.put_str(set::TABLE, &id.table.name)
            .put_str(set::NAME, &id.name);
    })
}

fn put_elements_of(a: &mut AttributeBuilder, id: &SetId) {
    a.put_str(elem::LIST_TABLE, &id.table.name)
        .put_str(elem::LIST_SET, &id.name);
}

fn encode_elements(
    kind: u8,
    flags: u16,
    set: &Set,
    elements: &[Element],
) -> Result<Vec<MessageBuilder>, TooLong> {
    let id = SetId::from(set);
    let lists = codec::encode_elements(set, elements)?;
    Ok(lists
        .into_iter()
        .map(|list| {
            message(kind, flags, Some(set.family)).attributes(|a| {
                put_elements_of(a, &id);
                a.put_nested_bytes(elem::LIST_ELEMENTS, &list);
            })
        })
        .collect())
}

/// What names elements to delete; an element's data would have to be equal too.
fn keys_only(elements: &[Element]) -> Vec<Element> {
    elements
        .iter()
        .map(|element| Element {
            key: element.key.clone(),
            last: element.last.clone(),
            is_catchall: element.is_catchall,
            ..Element::catchall()
        })
        .collect()
}
