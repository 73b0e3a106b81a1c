//! From expressions back to matches: which field is in which register.
//!
//! The nft command loads a field, compares it, and first checks the protocol the field
//! needs. Going back, a check that a later field implies is not printed:
//!
//! ```text
//! load nfproto, cmp ipv4, load network+16, cmp 127.0.0.1   ->   ip daddr 127.0.0.1
//! ```

use std::collections::HashMap;

use super::compare::comparison;
use super::value::{hex, value};
use crate::rule::{IPV4, IPV6, Needs, TCP, UDP};
use crate::{
    CmpOp, CtKey, DataType, Expr, Family, Field, MetaKey, PayloadBase, Register, SocketKey,
};

/// What a register holds.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// Something of the packet: its text and type.
    Field {
        text: String,
        data_type: DataType,
        needs: Option<Needs>,
    },
    /// A field after `(x & mask) ^ xor`.
    Masked {
        text: String,
        data_type: DataType,
        mask: Vec<u8>,
        xor: Vec<u8>,
    },
    /// A value.
    Constant(Vec<u8>),
}

impl Operand {
    /// Text of the left side of a comparison.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Field { text, .. } => text.clone(),
            Self::Masked {
                text,
                data_type,
                mask,
                xor,
            } => {
                let and = format!("{text} & {}", value(data_type, mask));
                if xor.iter().all(|byte| *byte == 0) {
                    and
                } else {
                    format!("{and} ^ {}", value(data_type, xor))
                }
            }
            Self::Constant(bytes) => hex(bytes),
        }
    }

    /// Type of what is compared.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Field { data_type, .. } | Self::Masked { data_type, .. } => data_type.clone(),
            Self::Constant(_) => DataType::Other {
                number: 0,
                length: 0,
            },
        }
    }
}

/// A piece of a rule's text.
struct Token {
    text: String,
    /// Set if the piece is a protocol check, which a later field may imply.
    checks: Option<Needs>,
}

/// The state of going through a rule.
pub(super) struct Decompiler {
    family: Family,
    registers: HashMap<u32, Operand>,
    /// Words loaded since the last comparison or lookup, in order.
    loaded: Vec<u32>,
    network: Option<u8>,
    transport: Option<u8>,
    tokens: Vec<Token>,
}

impl Decompiler {
    pub(super) fn new(family: Family) -> Self {
        let network = match family {
            Family::Ip => Some(IPV4),
            Family::Ip6 => Some(IPV6),
            _ => None,
        };
        let tokens = Vec::new();
        Self {
            family,
            registers: HashMap::new(),
            loaded: Vec::new(),
            network,
            transport: None,
            tokens,
        }
    }

    /// Family of the rule's table.
    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// The text so far.
    pub(super) fn finish(self) -> String {
        let texts: Vec<_> = self.tokens.into_iter().map(|token| token.text).collect();
        texts.join(" ")
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.tokens.push(Token {
            text: text.into(),
            checks: None,
        });
    }

    /// Puts an operand into a register.
    pub(super) fn load(&mut self, register: Register, operand: Operand) {
        let Some(word) = register.first_word() else {
            return;
        };
        self.registers.insert(word, operand);
        self.loaded.retain(|loaded| *loaded != word);
        self.loaded.push(word);
    }

    /// What a register holds, its protocol check being taken as said.
    pub(super) fn read(&mut self, register: Register) -> Operand {
        let operand = register
            .first_word()
            .and_then(|word| self.registers.get(&word))
            .cloned();
        let operand = operand.unwrap_or_else(|| Operand::Field {
            text: format!("register-{}", register.number()),
            data_type: DataType::Other {
                number: 0,
                length: 0,
            },
            needs: None,
        });
        self.imply(&operand);
        operand
    }

    /// The constant in a register.
    pub(super) fn constant(&mut self, register: Register) -> Option<Vec<u8>> {
        match self.read(register) {
            Operand::Constant(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The operands loaded for a lookup that starts at `register`, and their common type.
    pub(super) fn read_all(&mut self, register: Register) -> (String, DataType) {
        let mut words = std::mem::take(&mut self.loaded);
        words.retain(|word| Some(*word) >= register.first_word());
        words.sort_unstable();
        let operands: Vec<_> = words
            .iter()
            .filter_map(|w| self.registers.get(w))
            .cloned()
            .collect();
        operands.iter().for_each(|operand| self.imply(operand));
        let text = operands
            .iter()
            .map(Operand::text)
            .collect::<Vec<_>>()
            .join(" . ");
        let mut types: Vec<_> = operands.iter().map(Operand::data_type).collect();
        match types.len() {
            0 => (
                self.read(register).text(),
                DataType::Other {
                    number: 0,
                    length: 0,
                },
            ),
            1 => (text, types.remove(0)),
            _ => (text, DataType::Concat(types)),
        }
    }

    /// Drops the protocol check that a field implies.
    fn imply(&mut self, operand: &Operand) {
        if let Operand::Field {
            needs: Some(needs), ..
        } = operand
        {
            self.tokens.retain(|token| token.checks != Some(*needs));
        }
    }

    /// A field loaded into a register; false if the expression loads none that is known.
    pub(super) fn load_field(&mut self, expr: &Expr) -> bool {
        let (register, field) = match expr {
            Expr::Payload {
                base,
                offset,
                len,
                register,
            } => {
                let operand = self.payload(*base, *offset, *len);
                self.load(*register, operand);
                return true;
            }
            Expr::MetaLoad { key, register } => (*register, meta_field(*key)),
            Expr::Socket {
                key: SocketKey::CgroupV2,
                level: Some(level),
                register,
            } => (*register, Some(Field::CgroupV2 { level: *level })),
            Expr::Ct {
                key: CtKey::State,
                direction: None,
                register,
            } => (*register, Some(Field::CtState)),
            Expr::Ct {
                key: CtKey::Mark,
                direction: None,
                register,
            } => (*register, Some(Field::CtMark)),
            _ => return false,
        };
        let operand = match (field, expr) {
            (Some(field), _) => Operand::Field {
                text: field.text(),
                data_type: field.data_type(),
                needs: None,
            },
            (None, Expr::MetaLoad { key, .. }) => Operand::Field {
                text: match key {
                    MetaKey::Protocol => ETHER_TYPE.to_owned(),
                    MetaKey::Cgroup => "meta cgroup".to_owned(),
                    other => format!("meta key-{}", other.number()),
                },
                data_type: DataType::Other {
                    number: 0,
                    length: 0,
                },
                needs: None,
            },
            (None, _) => return false,
        };
        self.load(register, operand);
        true
    }

    fn payload(&self, base: PayloadBase, offset: u32, len: u32) -> Operand {
        let field = match (base, offset, self.network, self.transport) {
            (PayloadBase::Network, 12, Some(IPV4), _) => Some(Field::IpSaddr),
            (PayloadBase::Network, 16, Some(IPV4), _) => Some(Field::IpDaddr),
            (PayloadBase::Network, 8, Some(IPV6), _) => Some(Field::Ip6Saddr),
            (PayloadBase::Network, 24, Some(IPV6), _) => Some(Field::Ip6Daddr),
            (PayloadBase::Transport, 0, _, Some(TCP)) => Some(Field::TcpSport),
            (PayloadBase::Transport, 2, _, Some(TCP)) => Some(Field::TcpDport),
            (PayloadBase::Transport, 13, _, Some(TCP)) => Some(Field::TcpFlags),
            (PayloadBase::Transport, 0, _, Some(UDP)) => Some(Field::UdpSport),
            (PayloadBase::Transport, 2, _, Some(UDP)) => Some(Field::UdpDport),
            (PayloadBase::Transport, 0, ..) => Some(Field::ThSport),
            (PayloadBase::Transport, 2, ..) => Some(Field::ThDport),
            _ => None,
        };
        // Shorter loads of an address are prefixes; of a port, something else.
        let is_whole = |field: &Field| match field.data_type() {
            DataType::InetService => len == 2,
            address => len <= address.length(),
        };
        match field.filter(is_whole) {
            Some(field) => Operand::Field {
                text: field.text(),
                data_type: field.data_type(),
                needs: field.needs(),
            },
            None => {
                let name = match base {
                    PayloadBase::Link => "ll".to_owned(),
                    PayloadBase::Network => "nh".to_owned(),
                    PayloadBase::Transport => "th".to_owned(),
                    PayloadBase::Inner => "ih".to_owned(),
                    PayloadBase::Other(number) => format!("base-{number}"),
                };
                let bits = |bytes: u32| u64::from(bytes) * 8;
                Operand::Field {
                    text: format!("@{name},{},{}", bits(offset), bits(len)),
                    data_type: DataType::Other {
                        number: 4,
                        length: len,
                    },
                    needs: None,
                }
            }
        }
    }

    /// A comparison with one value.
    pub(super) fn compare(&mut self, register: Register, op: CmpOp, right: &[u8]) {
        self.loaded.clear();
        let left = self.read(register);
        let checks = match (&left, op, right) {
            (Operand::Field { text, .. }, CmpOp::Eq, [protocol])
                if *text == Field::NfProto.text() =>
            {
                self.network = Some(*protocol);
                Some(Needs::Network(*protocol))
            }
            (Operand::Field { text, .. }, CmpOp::Eq, [protocol])
                if *text == Field::L4Proto.text() =>
            {
                self.transport = Some(*protocol);
                Some(Needs::Transport(*protocol))
            }
            (Operand::Field { text, .. }, CmpOp::Eq, [high, low]) if text == ETHER_TYPE => {
                let protocol = match u16::from_be_bytes([*high, *low]) {
                    0x0800 => Some(IPV4),
                    0x86dd => Some(IPV6),
                    _ => None,
                };
                self.network = protocol;
                protocol.map(Needs::Network)
            }
            _ => None,
        };
        let text = comparison(&left, op, right);
        self.tokens.push(Token { text, checks });
    }

    /// A comparison with a range, both ends included.
    pub(super) fn compare_range(
        &mut self,
        register: Register,
        is_negated: bool,
        first: &[u8],
        last: &[u8],
    ) {
        self.loaded.clear();
        let left = self.read(register);
        let data_type = left.data_type();
        let not = if is_negated { "!= " } else { "" };
        let ends = format!("{}-{}", value(&data_type, first), value(&data_type, last));
        self.say(format!("{} {not}{ends}", left.text()));
    }
}

/// How the meta key that bridge and netdev rules check is written.
const ETHER_TYPE: &str = "meta protocol";

fn meta_field(key: MetaKey) -> Option<Field> {
    Some(match key {
        MetaKey::NfProto => Field::NfProto,
        MetaKey::L4Proto => Field::L4Proto,
        MetaKey::Mark => Field::Mark,
        MetaKey::SkUid => Field::SkUid,
        MetaKey::SkGid => Field::SkGid,
        MetaKey::IifName => Field::IifName,
        MetaKey::OifName => Field::OifName,
        _ => return None,
    })
}
