//! Rules in nft's language.

use std::fmt;

use super::decompile::{Decompiler, Operand};
use super::table::anonymous;
use super::value::{host_u32, value};
use crate::{
    CmpOp, DataType, Expr, Family, Limit, Log, LogTarget, LookupData, MetaKey, Nat, NatKind,
    Register, Reject, Rule, TableContents,
};

/// Bits that make translations choose ports or addresses in other ways, and their names.
const NAT_FLAGS: &[(u32, &str)] = &[(4, "random"), (16, "fully-random"), (8, "persistent")];
/// Names of log levels, by number.
const LEVELS: &[&str] = &[
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit",
];
const DEFAULT_LEVEL: u32 = 4;
/// What `flags all` stands for (`NF_LOG_MASK`).
const ALL_LOG_FLAGS: u32 = 0x2f;
const DEFAULT_BURST: u32 = 5;

impl fmt::Display for Rule {
    /// One line in nft's language, as `nft list ruleset` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rule(self, None))
    }
}

/// A rule's text; with `table`, sets that belong to one rule are written out.
pub(super) fn rule(rule: &Rule, table: Option<&TableContents>) -> String {
    let mut d = Decompiler::new(rule.family());
    let mut exprs = rule.exprs.iter().peekable();
    while let Some(expr) = exprs.next() {
        // A range is two comparisons of one register.
        if let Expr::Cmp {
            register,
            op: CmpOp::Ge,
            value: first,
        } = expr
            && let Some(Expr::Cmp {
                register: same,
                op: CmpOp::Le,
                value: last,
            }) = exprs.peek()
            && same == register
        {
            d.compare_range(*register, false, first, last);
            exprs.next();
            continue;
        }
        write_expr(&mut d, expr, table);
    }
    if let Some(comment) = &rule.comment {
        d.say(format!("comment \"{comment}\""));
    }
    d.finish()
}

fn write_expr(d: &mut Decompiler, expr: &Expr, table: Option<&TableContents>) {
    if d.load_field(expr) {
        return;
    }
    match expr {
        Expr::Cmp {
            register,
            op,
            value,
        } => d.compare(*register, *op, value),
        Expr::Range {
            register,
            is_negated,
            from,
            to,
        } => {
            d.compare_range(*register, *is_negated, from, to);
        }
        Expr::Bitwise {
            source,
            register,
            mask,
            xor,
            ..
        } => {
            if let Operand::Field {
                text, data_type, ..
            } = d.read(*source)
            {
                let (mask, xor) = (mask.clone(), xor.clone());
                d.load(
                    *register,
                    Operand::Masked {
                        text,
                        data_type,
                        mask,
                        xor,
                    },
                );
            } else {
                d.say("[bitwise]");
            }
        }
        Expr::Immediate { register, value } => d.load(*register, Operand::Constant(value.clone())),
        Expr::MetaSet { key, register } => meta_set(d, *key, *register),
        Expr::Lookup {
            set,
            register,
            data,
            is_negated,
        } => {
            let (fields, data_type) = d.read_all(*register);
            let verb = match (data, is_negated) {
                (Some(LookupData::Verdict), _) => "vmap ",
                (Some(LookupData::Register(_)), _) => "map ",
                (None, true) => "!= ",
                (None, false) => "",
            };
            let target = table
                .and_then(|table| anonymous(table, set))
                .unwrap_or_else(|| format!("@{set}"));
            let text = format!("{fields} {verb}{target}");
            match data {
                Some(LookupData::Register(to)) => {
                    d.load(
                        *to,
                        Operand::Field {
                            text,
                            data_type,
                            needs: None,
                        },
                    );
                }
                _ => d.say(text),
            }
        }
        Expr::Counter { packets, bytes } => {
            d.say(format!("counter packets {packets} bytes {bytes}"))
        }
        Expr::Log(log) => d.say(log_text(log)),
        Expr::Limit(limit) => d.say(limit_text(limit)),
        Expr::Verdict(verdict) => d.say(verdict.to_string()),
        Expr::Reject(reject) => d.say(reject_text(*reject)),
        Expr::Nat(nat) => {
            let text = nat_text(d, nat);
            d.say(text);
        }
        Expr::Masquerade { port, flags } => {
            let to = ports(d, *port)
                .map(|ports| format!(" to :{ports}"))
                .unwrap_or_default();
            d.say(format!("masquerade{to}{}", nat_flags(*flags)));
        }
        Expr::Redirect { port, flags } => {
            let to = ports(d, *port)
                .map(|ports| format!(" to :{ports}"))
                .unwrap_or_default();
            d.say(format!("redirect{to}{}", nat_flags(*flags)));
        }
        Expr::Unknown { name, data } => d.say(format!("[{name} {} bytes]", data.len())),
        other => d.say(format!("[{}]", other.name())),
    }
}

fn meta_set(d: &mut Decompiler, key: MetaKey, register: Register) {
    let name = match key {
        MetaKey::Mark => "meta mark".to_owned(),
        other => format!("meta key-{}", other.number()),
    };
    let from = match d.read(register) {
        Operand::Constant(bytes) => value(&DataType::Mark, &bytes),
        Operand::Masked {
            text,
            data_type: DataType::Mark,
            mask,
            xor,
        } => masked_mark(&text, host_u32(&mask), host_u32(&xor)),
        other => other.text(),
    };
    d.say(format!("{name} set {from}"));
}

/// `(mark & mask) ^ xor` in the shortest form.
fn masked_mark(text: &str, mask: Option<u32>, xor: Option<u32>) -> String {
    let (Some(mask), Some(xor)) = (mask, xor) else {
        return text.to_owned();
    };
    match (mask, xor) {
        (mask, 0) => format!("{text} & {mask:#010x}"),
        (u32::MAX, xor) => format!("{text} ^ {xor:#010x}"),
        (mask, xor) if mask == !xor => format!("{text} | {xor:#010x}"),
        (mask, xor) if mask & xor == 0 => format!("{text} & {:#010x} | {xor:#010x}", mask | xor),
        (mask, xor) => format!("{text} & {mask:#010x} ^ {xor:#010x}"),
    }
}

fn log_text(log: &Log) -> String {
    let mut text = "log".to_owned();
    if let Some(prefix) = &log.prefix {
        text.push_str(&format!(" prefix \"{prefix}\""));
    }
    match log.target {
        LogTarget::Kernel { level, flags } => {
            if level != DEFAULT_LEVEL {
                let name = usize::try_from(level)
                    .ok()
                    .and_then(|level| LEVELS.get(level));
                text.push_str(&format!(" level {}", name.unwrap_or(&"unknown")));
            }
            match flags {
                0 => {}
                ALL_LOG_FLAGS => text.push_str(" flags all"),
                other => text.push_str(&format!(" flags {other:#x}")),
            }
        }
        LogTarget::Group {
            number,
            snaplen,
            threshold,
        } => {
            text.push_str(&format!(" group {number}"));
            if let Some(snaplen) = snaplen {
                text.push_str(&format!(" snaplen {snaplen}"));
            }
            if let Some(threshold) = threshold {
                text.push_str(&format!(" queue-threshold {threshold}"));
            }
        }
    }
    text
}

fn limit_text(limit: &Limit) -> String {
    let unit = match limit.unit {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3_600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        604_800 => "week".to_owned(),
        other => format!("{other}s"),
    };
    let over = if limit.is_over { "over " } else { "" };
    let (rate, what) = if limit.is_bytes {
        bytes(limit.rate)
    } else {
        (limit.rate, "")
    };
    let burst = match (limit.is_bytes, limit.burst) {
        (_, 0) | (false, DEFAULT_BURST) => String::new(),
        (false, burst) => format!(" burst {burst} packets"),
        (true, burst) => {
            let (burst, what) = bytes(u64::from(burst));
            format!(" burst {burst}{what}")
        }
    };
    format!("limit rate {over}{rate}{what}/{unit}{burst}")
}

/// A number of bytes in the largest unit that leaves no rest.
fn bytes(count: u64) -> (u64, &'static str) {
    match count {
        0 => (0, " bytes"),
        count if count.is_multiple_of(1 << 20) => (count >> 20, " mbytes"),
        count if count.is_multiple_of(1 << 10) => (count >> 10, " kbytes"),
        count => (count, " bytes"),
    }
}

fn reject_text(reject: Reject) -> String {
    match reject {
        Reject::TcpReset => "reject with tcp reset".to_owned(),
        Reject::Icmpx(0) => "reject with icmpx no-route".to_owned(),
        Reject::Icmpx(1) => "reject".to_owned(),
        Reject::Icmpx(2) => "reject with icmpx host-unreachable".to_owned(),
        Reject::Icmpx(3) => "reject with icmpx admin-prohibited".to_owned(),
        Reject::Icmpx(code) => format!("reject with icmpx {code}"),
        Reject::Icmp(code) => format!("reject with icmp {code}"),
    }
}

fn nat_text(d: &mut Decompiler, nat: &Nat) -> String {
    let verb = match nat.kind {
        NatKind::Source => "snat",
        NatKind::Destination => "dnat",
    };
    let is_ipv6 = nat.family == 10;
    let family = match (d.family(), is_ipv6) {
        (Family::Inet, false) => " ip",
        (Family::Inet, true) => " ip6",
        _ => "",
    };
    let data_type = if is_ipv6 {
        DataType::Ipv6Addr
    } else {
        DataType::Ipv4Addr
    };
    let port = ports(d, nat.port);
    let mut to = String::new();
    if let Some((first, last)) = nat.address {
        let mut show = |register| {
            let text = match d.constant(register) {
                Some(bytes) => value(&data_type, &bytes),
                None => d.read(register).text(),
            };
            if is_ipv6 && port.is_some() {
                format!("[{text}]")
            } else {
                text
            }
        };
        to = show(first);
        if last != first {
            to = format!("{to}-{}", show(last));
        }
    }
    if let Some(port) = port {
        to = format!("{to}:{port}");
    }
    format!("{verb}{family} to {to}{}", nat_flags(nat.flags))
}

fn ports(d: &mut Decompiler, port: Option<(Register, Register)>) -> Option<String> {
    let (first, last) = port?;
    let mut show = |register| match d.constant(register) {
        Some(bytes) => value(&DataType::InetService, &bytes),
        None => d.read(register).text(),
    };
    let first_text = show(first);
    if first == last {
        Some(first_text)
    } else {
        Some(format!("{first_text}-{}", show(last)))
    }
}

fn nat_flags(flags: u32) -> String {
    let names: Vec<_> = NAT_FLAGS
        .iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, name)| *name)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" {}", names.join(","))
    }
}
