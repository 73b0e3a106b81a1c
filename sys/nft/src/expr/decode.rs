//! Attributes to expressions.

use warren_sys_netlink::{Attribute, Attributes, ParseError};

use super::{
    CmpOp, CtKey, Expr, Limit, Log, LogTarget, LookupData, MetaKey, Nat, NatKind, PayloadBase,
    Register, Reject, SocketKey,
};
use crate::wire::{data, expr};
use crate::{Data, Verdict};

/// Bits of NAT flags that the kernel derives from which registers are given.
const NAT_GIVEN: u32 = 0x3;

impl Expr {
    /// Reads one element of a rule's expression list.
    pub(crate) fn decode(element: Attributes<'_>) -> Result<Self, ParseError> {
        let name = element.require(expr::NAME)?.str()?;
        let data = element
            .find(expr::DATA)?
            .map_or(&[][..], |data| data.payload);
        Ok(decode_known(name, data).unwrap_or_else(|| Self::Unknown {
            name: name.to_owned(),
            data: data.to_vec(),
        }))
    }
}

/// `None` for a name, an attribute, or a form that has no type here.
fn decode_known(name: &str, data: &[u8]) -> Option<Expr> {
    let mut a = Fields::read(data)?;
    let decoded = match name {
        "meta" => match (a.register(1), a.register(3)) {
            (Some(register), None) => Expr::MetaLoad {
                key: MetaKey::from_number(a.be32(2)?),
                register,
            },
            (None, Some(register)) => Expr::MetaSet {
                key: MetaKey::from_number(a.be32(2)?),
                register,
            },
            _ => return None,
        },
        "payload" => Expr::Payload {
            register: a.register(1)?,
            base: PayloadBase::from_number(a.be32(2)?),
            offset: a.be32(3)?,
            len: a.be32(4)?,
        },
        "cmp" => Expr::Cmp {
            register: a.register(1)?,
            op: CmpOp::from_number(a.be32(2)?),
            value: a.value(3)?,
        },
        "range" => Expr::Range {
            register: a.register(1)?,
            is_negated: a.flag(2)?,
            from: a.value(3)?,
            to: a.value(4)?,
        },
        "bitwise" => {
            // Operation 0 is mask and xor; the others have no type here.
            if a.be32(6).unwrap_or(0) != 0 {
                return None;
            }
            Expr::Bitwise {
                source: a.register(1)?,
                register: a.register(2)?,
                len: a.be32(3)?,
                mask: a.value(4)?,
                xor: a.value(5)?,
            }
        }
        "socket" => Expr::Socket {
            key: SocketKey::from_number(a.be32(1)?),
            register: a.register(2)?,
            level: a.be32(3),
        },
        "ct" => Expr::Ct {
            register: a.register(1)?,
            key: CtKey::from_number(a.be32(2)?),
            direction: a.take(3).map(|d| d.u8().ok()).unwrap_or_default(),
        },
        "lookup" => Expr::Lookup {
            set: a.string(1)?,
            register: a.register(2)?,
            data: a.register(3).map(|register| match register.number() {
                0 => LookupData::Verdict,
                _ => LookupData::Register(register),
            }),
            is_negated: a.optional_flag(5)?,
        },
        "counter" => Expr::Counter {
            bytes: a.be64(1)?,
            packets: a.be64(2)?,
        },
        "log" => Expr::Log(decode_log(&mut a)?),
        "limit" => Expr::Limit(Limit {
            rate: a.be64(1)?,
            unit: a.be64(2)?,
            burst: a.be32(3).unwrap_or(0),
            is_bytes: a.optional_flag(4)?,
            is_over: a.optional_flag(5)?,
        }),
        "immediate" => {
            let register = a.register(1)?;
            match decode_data(a.take(2)?.nested()).ok()? {
                Data::Verdict(verdict) if register.number() == 0 => Expr::Verdict(verdict),
                Data::Value(value) if register.number() != 0 => Expr::Immediate { register, value },
                _ => return None,
            }
        }
        "reject" => match (a.be32(1)?, a.take(2).and_then(|code| code.u8().ok())) {
            (0, Some(code)) => Expr::Reject(Reject::Icmp(code)),
            (1, None | Some(0)) => Expr::Reject(Reject::TcpReset),
            (2, Some(code)) => Expr::Reject(Reject::Icmpx(code)),
            _ => return None,
        },
        "nat" => Expr::Nat(Nat {
            kind: if a.flag(1)? {
                NatKind::Destination
            } else {
                NatKind::Source
            },
            family: a.be32(2)?,
            address: a.registers(3)?,
            port: a.registers(5)?,
            flags: a.be32(7).unwrap_or(0) & !NAT_GIVEN,
        }),
        "masq" => Expr::Masquerade {
            flags: a.be32(1).unwrap_or(0) & !NAT_GIVEN,
            port: a.registers(2)?,
        },
        "redir" => Expr::Redirect {
            port: a.registers(1)?,
            flags: a.be32(3).unwrap_or(0) & !NAT_GIVEN,
        },
        _ => return None,
    };
    a.is_used_up(name).then_some(decoded)
}

fn decode_log(a: &mut Fields<'_>) -> Option<Log> {
    let prefix = match a.take(2) {
        Some(prefix) => Some(prefix.str().ok()?.to_owned()).filter(|prefix| !prefix.is_empty()),
        None => None,
    };
    let target = match a.take(1) {
        Some(group) => LogTarget::Group {
            number: group.be16().ok()?,
            snaplen: a.be32(3),
            threshold: a.take(4).and_then(|threshold| threshold.be16().ok()),
        },
        None => LogTarget::Kernel {
            level: a.be32(5).unwrap_or(4),
            flags: a.be32(6).unwrap_or(0),
        },
    };
    Some(Log { prefix, target })
}

/// Reads the content of a data attribute.
pub(crate) fn decode_data(attributes: Attributes<'_>) -> Result<Data, ParseError> {
    if let Some(value) = attributes.find(data::VALUE)? {
        return Ok(Data::Value(value.payload.to_vec()));
    }
    let verdict = attributes.require(data::VERDICT)?.nested();
    let code = i32::from_be_bytes(verdict.require(data::VERDICT_CODE)?.be32()?.to_be_bytes());
    let chain = || {
        verdict
            .require(data::VERDICT_CHAIN)?
            .str()
            .map(str::to_owned)
    };
    Ok(Data::Verdict(match code {
        data::DROP => Verdict::Drop,
        data::ACCEPT => Verdict::Accept,
        data::CONTINUE => Verdict::Continue,
        data::RETURN => Verdict::Return,
        data::JUMP => Verdict::Jump(chain()?),
        data::GOTO => Verdict::Goto(chain()?),
        // Queue and others: no element or rule that this crate can act on.
        _ => {
            return Err(ParseError::Missing {
                attribute: data::VERDICT_CODE,
            });
        }
    }))
}

/// The attributes of one expression, each to be taken once.
struct Fields<'a>(Vec<Attribute<'a>>);

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        Attributes::new(bytes)
            .collect::<Result<_, _>>()
            .ok()
            .map(Self)
    }

    fn take(&mut self, kind: u16) -> Option<Attribute<'a>> {
        let at = self.0.iter().position(|attribute| attribute.kind == kind)?;
        Some(self.0.swap_remove(at))
    }

    fn be32(&mut self, kind: u16) -> Option<u32> {
        self.take(kind)?.be32().ok()
    }

    fn be64(&mut self, kind: u16) -> Option<u64> {
        self.take(kind)?.be64().ok()
    }

    fn string(&mut self, kind: u16) -> Option<String> {
        self.take(kind)?.str().ok().map(str::to_owned)
    }

    fn register(&mut self, kind: u16) -> Option<Register> {
        self.be32(kind).map(Register::from_number)
    }

    /// First and last register; the last is the first if absent. `None` if malformed.
    #[expect(clippy::option_option, reason = "outer: well-formed, inner: present")]
    fn registers(&mut self, kind: u16) -> Option<Option<(Register, Register)>> {
        match (self.register(kind), self.register(kind + 1)) {
            (Some(first), last) => Some(Some((first, last.unwrap_or(first)))),
            (None, None) => Some(None),
            (None, Some(_)) => None,
        }
    }

    /// A number that must be 0 or 1.
    fn flag(&mut self, kind: u16) -> Option<bool> {
        match self.be32(kind)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// As [`Fields::flag`], absent meaning 0.
    fn optional_flag(&mut self, kind: u16) -> Option<bool> {
        if self.0.iter().any(|attribute| attribute.kind == kind) {
            self.flag(kind)
        } else {
            Some(false)
        }
    }

    fn value(&mut self, kind: u16) -> Option<Vec<u8>> {
        match decode_data(self.take(kind)?.nested()).ok()? {
            Data::Value(value) => Some(value),
            Data::Verdict(_) => None,
        }
    }

    /// Whether nothing but padding is left.
    fn is_used_up(&self, name: &str) -> bool {
        let padding = match name {
            "counter" => 3,
            "limit" => 6,
            _ => return self.0.is_empty(),
        };
        self.0.iter().all(|attribute| attribute.kind == padding)
    }
}
