//! Expressions to attributes.

use warren_sys_netlink::AttributeBuilder;

use super::{Expr, LogTarget, LookupData, NatKind, Register, Reject};
use crate::wire::{LIST_ELEM, data, expr};
use crate::{Data, Verdict};

impl Expr {
    /// Writes the expression as one element of a rule's expression list.
    pub(crate) fn encode_into(&self, list: &mut AttributeBuilder) {
        list.put_nested(LIST_ELEM, |element| {
            element.put_str(expr::NAME, self.name());
            match self {
                Self::Unknown { data, .. } => {
                    element.put_nested_bytes(expr::DATA, data);
                }
                known => {
                    element.put_nested(expr::DATA, |a| known.encode(a));
                }
            }
        });
    }

    /// Writes the expression's own attributes; `Unknown` writes none.
    pub(crate) fn encode(&self, a: &mut AttributeBuilder) {
        match self {
            Self::MetaLoad { key, register } => {
                a.put_be32(1, register.number()).put_be32(2, key.number());
            }
            Self::MetaSet { key, register } => {
                a.put_be32(2, key.number()).put_be32(3, register.number());
            }
            Self::Payload {
                base,
                offset,
                len,
                register,
            } => {
                a.put_be32(1, register.number()).put_be32(2, base.number());
                a.put_be32(3, *offset).put_be32(4, *len);
            }
            Self::Cmp {
                register,
                op,
                value,
            } => {
                a.put_be32(1, register.number()).put_be32(2, op.number());
                put_value(a, 3, value);
            }
            Self::Range {
                register,
                is_negated,
                from,
                to,
            } => {
                a.put_be32(1, register.number())
                    .put_be32(2, u32::from(*is_negated));
                put_value(a, 3, from);
                put_value(a, 4, to);
            }
            Self::Bitwise {
                source,
                register,
                len,
                mask,
                xor,
            } => {
                a.put_be32(1, source.number())
                    .put_be32(2, register.number())
                    .put_be32(3, *len);
                put_value(a, 4, mask);
                put_value(a, 5, xor);
            }
            Self::Socket {
                key,
                level,
                register,
            } => {
                a.put_be32(1, key.number()).put_be32(2, register.number());
                if let Some(level) = level {
                    a.put_be32(3, *level);
                }
            }
            Self::Ct {
                key,
                direction,
                register,
            } => {
                a.put_be32(1, register.number()).put_be32(2, key.number());
                if let Some(direction) = direction {
                    a.put_u8(3, *direction);
                }
            }
            Self::Lookup {
                set,
                register,
                data,
                is_negated,
            } => {
                a.put_str(1, set).put_be32(2, register.number());
                match data {
                    Some(LookupData::Verdict) => {
                        a.put_be32(3, 0);
                    }
                    Some(LookupData::Register(register)) => {
                        a.put_be32(3, register.number());
                    }
                    None => {}
                }
                a.put_be32(5, u32::from(*is_negated));
            }
            Self::Counter { packets, bytes } => {
                a.put_be64(1, *bytes).put_be64(2, *packets);
            }
            Self::Log(log) => {
                if let Some(prefix) = &log.prefix {
                    a.put_str(2, prefix);
                }
                match log.target {
                    LogTarget::Kernel { level, flags } => {
                        a.put_be32(5, level);
                        if flags != 0 {
                            a.put_be32(6, flags);
                        }
                    }
                    LogTarget::Group {
                        number,
                        snaplen,
                        threshold,
                    } => {
                        a.put_be16(1, number);
                        if let Some(snaplen) = snaplen {
                            a.put_be32(3, snaplen);
                        }
                        if let Some(threshold) = threshold {
                            a.put_be16(4, threshold);
                        }
                    }
                }
            }
            Self::Limit(limit) => {
                a.put_be64(1, limit.rate)
                    .put_be64(2, limit.unit)
                    .put_be32(3, limit.burst);
                a.put_be32(4, u32::from(limit.is_bytes))
                    .put_be32(5, u32::from(limit.is_over));
            }
            Self::Immediate { register, value } => {
                a.put_be32(1, register.number());
                put_value(a, 2, value);
            }
            Self::Verdict(verdict) => {
                a.put_be32(1, 0).put_nested(2, |a| put_verdict(a, verdict));
            }
            Self::Reject(reject) => encode_reject(*reject, a),
            Self::Nat(nat) => {
                a.put_be32(1, u32::from(nat.kind == NatKind::Destination))
                    .put_be32(2, nat.family);
                put_registers(a, 3, nat.address);
                put_registers(a, 5, nat.port);
                if nat.flags != 0 {
                    a.put_be32(7, nat.flags);
                }
            }
            Self::Masquerade { port, flags } => {
                if *flags != 0 {
                    a.put_be32(1, *flags);
                }
                put_registers(a, 2, *port);
            }
            Self::Redirect { port, flags } => {
                put_registers(a, 1, *port);
                if *flags != 0 {
                    a.put_be32(3, *flags);
                }
            }
            Self::Unknown { .. } => {}
        }
    }
}

fn encode_reject(reject: Reject, a: &mut AttributeBuilder) {
    match reject {
        Reject::Icmp(code) => a.put_be32(1, 0).put_u8(2, code),
        Reject::TcpReset => a.put_be32(1, 1),
        Reject::Icmpx(code) => a.put_be32(1, 2).put_u8(2, code),
    };
}

/// First register in attribute `kind`, last in the one after.
fn put_registers(a: &mut AttributeBuilder, kind: u16, registers: Option<(Register, Register)>) {
    if let Some((first, last)) = registers {
        a.put_be32(kind, first.number())
            .put_be32(kind + 1, last.number());
    }
}

fn put_value(a: &mut AttributeBuilder, kind: u16, value: &[u8]) {
    a.put_nested(kind, |a| {
        a.put_bytes(data::VALUE, value);
    });
}

fn put_verdict(a: &mut AttributeBuilder, verdict: &Verdict) {
    let (code, chain) = match verdict {
        Verdict::Drop => (data::DROP, None),
        Verdict::Accept => (data::ACCEPT, None),
        Verdict::Continue => (data::CONTINUE, None),
        Verdict::Return => (data::RETURN, None),
        Verdict::Jump(chain) => (data::JUMP, Some(chain)),
        Verdict::Goto(chain) => (data::GOTO, Some(chain)),
    };
    a.put_nested(data::VERDICT, |a| {
        a.put_bytes(data::VERDICT_CODE, &code.to_be_bytes());
        if let Some(chain) = chain {
            a.put_str(data::VERDICT_CHAIN, chain);
        }
    });
}

/// Writes data as attribute `kind`.
pub(crate) fn put_data(a: &mut AttributeBuilder, kind: u16, value: &Data) {
    match value {
        Data::Value(value) => put_value(a, kind, value),
        Data::Verdict(verdict) => {
            a.put_nested(kind, |a| put_verdict(a, verdict));
        }
    }
}
