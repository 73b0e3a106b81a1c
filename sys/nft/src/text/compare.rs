//! Comparisons in nft's language.

use super::decompile::Operand;
use super::value::{CT_STATE, TCP_FLAGS, host_u32, prefix_bits, range, states, value};
use crate::{CmpOp, DataType};

fn operator(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq | CmpOp::Other(_) => "",
        CmpOp::Ne => "!= ",
        CmpOp::Lt => "< ",
        CmpOp::Le => "<= ",
        CmpOp::Gt => "> ",
        CmpOp::Ge => ">= ",
    }
}

pub(super) fn comparison(left: &Operand, op: CmpOp, right: &[u8]) -> String {
    let data_type = left.data_type();
    match left {
        Operand::Masked {
            text,
            data_type,
            mask,
            xor,
        } if xor.iter().all(|byte| *byte == 0) => {
            let is_zero = right.iter().all(|byte| *byte == 0);
            if *data_type == CT_STATE
                && is_zero
                && let Some(names) = host_u32(mask).and_then(states)
            {
                let not = if op == CmpOp::Eq { "! " } else { "" };
                return format!("{text} {not}{names}");
            }
            if *data_type == TCP_FLAGS && matches!(op, CmpOp::Eq | CmpOp::Ne) {
                let (set, of) = (value(data_type, right), value(data_type, mask));
                return format!("{text} {}{set} / {of}", operator(op));
            }
            let is_address = matches!(data_type, DataType::Ipv4Addr | DataType::Ipv6Addr);
            match prefix_bits(mask) {
                Some(bits) if is_address && matches!(op, CmpOp::Eq | CmpOp::Ne) => {
                    format!("{text} {}{}/{bits}", operator(op), value(data_type, right))
                }
                _ => {
                    let op = if op == CmpOp::Eq { "== " } else { operator(op) };
                    format!("{} {op}{}", left.text(), value(data_type, right))
                }
            }
        }
        Operand::Field {
            text,
            data_type: DataType::Ipv4Addr,
            ..
        } if right.len() < 4 => {
            format!(
                "{text} {}{}",
                operator(op),
                short_prefix(&data_type, right, 4)
            )
        }
        Operand::Field {
            text,
            data_type: DataType::Ipv6Addr,
            ..
        } if right.len() < 16 => {
            format!(
                "{text} {}{}",
                operator(op),
                short_prefix(&data_type, right, 16)
            )
        }
        left => format!(
            "{} {}{}",
            left.text(),
            operator(op),
            value(&data_type, right)
        ),
    }
}

/// An address prefix of whole bytes, of which only those were loaded.
fn short_prefix(data_type: &DataType, bytes: &[u8], length: usize) -> String {
    let mut first = bytes.to_vec();
    first.resize(length, 0);
    let mut last = bytes.to_vec();
    last.resize(length, 0xff);
    range(data_type, &first, &last)
}
