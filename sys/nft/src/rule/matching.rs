//! Matches: compare a field, look it up, with the protocol checks it needs.

use super::field::{IPV4, IPV6, Needs};
use super::{Field, Rule};
use crate::expr::{CmpOp, LookupData, MetaKey};
use crate::{Expr, Family, Key, Register};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

impl Rule {
    /// Matches if `field` compares with `value` as `op` says.
    #[must_use]
    pub fn compare(self, field: Field, op: CmpOp, value: impl Into<Key>) -> Self {
        let Key(value) = value.into();
        self.load(field, Register::R1).expr(Expr::Cmp {
            register: Register::R1,
            op,
            value,
        })
    }

    /// Matches if `field` is `value`.
    #[must_use]
    pub fn is(self, field: Field, value: impl Into<Key>) -> Self {
        self.compare(field, CmpOp::Eq, value)
    }

    /// Matches if `field` is not `value`.
    #[must_use]
    pub fn is_not(self, field: Field, value: impl Into<Key>) -> Self {
        self.compare(field, CmpOp::Ne, value)
    }

    /// Matches if `field` is between `first` and `last`, both included.
    #[must_use]
    pub fn between(self, field: Field, first: impl Into<Key>, last: impl Into<Key>) -> Self {
        let register = Register::R1;
        self.load(field, register)
            .expr(Expr::Cmp {
                register,
                op: CmpOp::Ge,
                value: first.into().0,
            })
            .expr(Expr::Cmp {
                register,
                op: CmpOp::Le,
                value: last.into().0,
            })
    }

    /// Matches if `field & mask` compares with `value` as `op` says.
    #[must_use]
    pub fn compare_masked(
        self,
        field: Field,
        mask: impl Into<Key>,
        op: CmpOp,
        value: impl Into<Key>,
    ) -> Self {
        let register = Register::R1;
        let Key(mask) = mask.into();
        let len = mask.len();
        self.load(field, register)
            .expr(Expr::Bitwise {
                source: register,
                register,
                len: u32::try_from(len).unwrap_or(u32::MAX),
                mask,
                xor: vec![0; len],
            })
            .expr(Expr::Cmp {
                register,
                op,
                value: value.into().0,
            })
    }

    /// Matches if `field` is an element of the set named `set` of the same table.
    #[must_use]
    pub fn in_set(self, field: Field, set: impl Into<String>) -> Self {
        self.concat_in_set(&[field], set)
    }

    /// Matches if `field` is not an element of the set.
    #[must_use]
    pub fn not_in_set(self, field: Field, set: impl Into<String>) -> Self {
        self.concat_not_in_set(&[field], set)
    }

    /// Matches if the fields together (`a . b`) are an element of the set.
    #[must_use]
    pub fn concat_in_set(self, fields: &[Field], set: impl Into<String>) -> Self {
        self.lookup(fields, set.into(), None, false)
    }

    /// Matches if the fields together are not an element of the set.
    #[must_use]
    pub fn concat_not_in_set(self, fields: &[Field], set: impl Into<String>) -> Self {
        self.lookup(fields, set.into(), None, true)
    }

    /// Takes the verdict that the map says for `field`; goes on if it says none.
    #[must_use]
    pub fn vmap(self, field: Field, map: impl Into<String>) -> Self {
        self.concat_vmap(&[field], map)
    }

    /// Takes the verdict that the map says for the fields together.
    #[must_use]
    pub fn concat_vmap(self, fields: &[Field], map: impl Into<String>) -> Self {
        self.lookup(fields, map.into(), Some(LookupData::Verdict), false)
    }

    fn lookup(
        mut self,
        fields: &[Field],
        set: String,
        data: Option<LookupData>,
        is_negated: bool,
    ) -> Self {
        // All checks first: they load into the registers that the fields then fill.
        for field in fields {
            self = self.require(*field);
        }
        let mut word = 0;
        for field in fields {
            self.exprs.push(field.load(Register::word(word)));
            word += field.data_type().padded_length() / 4;
        }
        self.expr(Expr::Lookup {
            set,
            register: Register::R1,
            data,
            is_negated,
        })
    }

    fn load(mut self, field: Field, register: Register) -> Self {
        self = self.require(field);
        self.expr(field.load(register))
    }

    /// Adds the protocol check that `field` needs, unless the rule has it.
    pub(super) fn require(self, field: Field) -> Self {
        match field.needs() {
            Some(Needs::Network(protocol)) => self.require_network(protocol),
            Some(Needs::Transport(protocol)) => self.l4proto(protocol),
            None => self,
        }
    }

    fn require_network(self, protocol: u8) -> Self {
        match self.family {
            Family::Inet => self.check(Field::NfProto.load(Register::R1), &[protocol]),
            // Their packets are of one protocol.
            Family::Ip | Family::Ip6 | Family::Arp => self,
            Family::Bridge | Family::Netdev => {
                let ethertype = if protocol == IPV4 {
                    ETHERTYPE_IPV4
                } else {
                    ETHERTYPE_IPV6
                };
                let load = Expr::MetaLoad {
                    key: MetaKey::Protocol,
                    register: Register::R1,
                };
                self.check(load, &ethertype.to_be_bytes())
            }
        }
    }

    /// Adds "load, compare equal" unless the rule already has that pair.
    fn check(self, load: Expr, value: &[u8]) -> Self {
        let cmp = Expr::Cmp {
            register: Register::R1,
            op: CmpOp::Eq,
            value: value.to_vec(),
        };
        let is_known = self
            .exprs
            .windows(2)
            .any(|pair| pair[0] == load && pair[1] == cmp);
        if is_known {
            self
        } else {
            self.expr(load).expr(cmp)
        }
    }

    /// IPv4 packets (`meta nfproto ipv4`).
    #[must_use]
    pub fn ipv4(self) -> Self {
        self.require_network(IPV4)
    }

    /// IPv6 packets (`meta nfproto ipv6`).
    #[must_use]
    pub fn ipv6(self) -> Self {
        self.require_network(IPV6)
    }

    /// Packets of a transport protocol (`meta l4proto`).
    #[must_use]
    pub fn l4proto(self, protocol: u8) -> Self {
        self.check(Field::L4Proto.load(Register::R1), &[protocol])
    }

    /// TCP packets.
    #[must_use]
    pub fn tcp(self) -> Self {
        self.l4proto(super::field::TCP)
    }

    /// UDP packets.
    #[must_use]
    pub fn udp(self) -> Self {
        self.l4proto(super::field::UDP)
    }
}
