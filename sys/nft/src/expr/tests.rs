//! Expressions to bytes and back.

use proptest::prelude::*;
use warren_sys_netlink::{AttributeBuilder, Attributes};

use super::*;
use crate::Data;

/// Bytes of one element of an expression list, and back.
fn round_trip(expr: &Expr) -> Expr {
    let bytes = encoded(expr);
    let element = Attributes::new(&bytes).require(1).unwrap();
    Expr::decode(element.nested()).unwrap()
}

fn encoded(expr: &Expr) -> Vec<u8> {
    let mut list = AttributeBuilder::new();
    expr.encode_into(&mut list);
    list.finish().unwrap()
}

/// An attribute by hand: header in host order, payload, padding.
fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 4).unwrap();
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), payload].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nested(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | 0x8000, &parts.concat())
}

#[test]
fn socket_cgroupv2_has_the_kernels_layout() {
    let expr = Expr::Socket {
        key: SocketKey::CgroupV2,
        level: Some(2),
        register: Register::R1,
    };
    let expected = nested(
        1,
        &[
            attribute(1, b"socket\0"),
            nested(
                2,
                &[
                    attribute(1, &[0, 0, 0, 3]),
                    attribute(2, &[0, 0, 0, 1]),
                    attribute(3, &[0, 0, 0, 2]),
                ],
            ),
        ],
    );
    assert_eq!(encoded(&expr), expected);
}

#[test]
fn cgroup_ids_and_uids_are_in_host_order_and_ports_in_network_order() {
    let value = |rule: crate::Rule| match rule.exprs.last() {
        Some(Expr::Cmp { value, .. }) => value.clone(),
        other => panic!("{other:?}"),
    };
    let rule = crate::Rule::new;
    assert_eq!(
        value(rule().socket_cgroupv2(2, 0x0102_0304)),
        0x0102_0304_u64.to_ne_bytes()
    );
    assert_eq!(value(rule().meta_skuid(1000)), 1000_u32.to_ne_bytes());
    assert_eq!(value(rule().tcp_dport(2822)), [0x0b, 0x06]);
}

#[test]
fn verdict_has_the_kernels_layout() {
    let expr = Expr::Verdict(Verdict::Jump("c".to_owned()));
    let verdict = nested(
        2,
        &[attribute(1, &(-3i32).to_be_bytes()), attribute(2, b"c\0")],
    );
    let expected = nested(
        1,
        &[
            attribute(1, b"immediate\0"),
            nested(2, &[attribute(1, &[0; 4]), nested(2, &[verdict])]),
        ],
    );
    assert_eq!(encoded(&expr), expected);
}

#[test]
fn unknown_attributes_keep_an_expression_raw() {
    let data = [
        attribute(1, &[0; 8]),
        attribute(2, &[0; 8]),
        attribute(9, &[1]),
    ]
    .concat();
    let element = [
        attribute(1, b"counter\0"),
        nested(2, std::slice::from_ref(&data)),
    ]
    .concat();
    let expr = Expr::decode(Attributes::new(&element)).unwrap();
    assert_eq!(
        expr,
        Expr::Unknown {
            name: "counter".to_owned(),
            data
        }
    );
    assert_eq!(round_trip(&expr), expr);
}

#[test]
fn registers_are_one_number_per_place() {
    assert_eq!(Register::word(0), Register::R1);
    assert_eq!(Register::word(4), Register::R2);
    assert_eq!(Register::word(1).number(), 9);
    assert_eq!(Register::from_number(8), Register::R1);
    assert_eq!(Register::word(7).first_word(), Some(7));
    assert_eq!(Register::from_number(0).first_word(), None);
}

fn register() -> impl Strategy<Value = Register> {
    (0u32..16).prop_map(Register::word)
}

fn pair() -> impl Strategy<Value = Option<(Register, Register)>> {
    prop::option::of((register(), register()))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..20)
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_%]{1,20}"
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Accept),
        Just(Verdict::Drop),
        Just(Verdict::Continue),
        Just(Verdict::Return),
        name().prop_map(Verdict::Jump),
        name().prop_map(Verdict::Goto),
    ]
}

fn log_target() -> impl Strategy<Value = LogTarget> {
    prop_oneof![
        (any::<u32>(), any::<u32>()).prop_map(|(level, flags)| LogTarget::Kernel { level, flags }),
        (any::<u16>(), any::<Option<u32>>(), any::<Option<u16>>()).prop_map(
            |(number, snaplen, threshold)| LogTarget::Group {
                number,
                snaplen,
                threshold
            }
        ),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    (
        any::<u64>(),
        any::<u64>(),
        any::<u32>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(rate, unit, burst, is_bytes, is_over)| Limit {
            rate,
            unit,
            burst,
            is_bytes,
            is_over,
        })
}

fn nat() -> impl Strategy<Value = Nat> {
    (any::<bool>(), any::<u32>(), pair(), pair(), any::<u32>()).prop_map(
        |(is_source, family, address, port, flags)| Nat {
            kind: if is_source {
                NatKind::Source
            } else {
                NatKind::Destination
            },
            family,
            address,
            port,
            flags: flags & !3,
        },
    )
}

fn load() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (0u32..40, register()).prop_map(|(k, register)| Expr::MetaLoad {
            key: MetaKey::from_number(k),
            register
        }),
        (0u32..40, register()).prop_map(|(k, register)| Expr::MetaSet {
            key: MetaKey::from_number(k),
            register
        }),
        (0u32..6, any::<u32>(), any::<u32>(), register()).prop_map(|(b, offset, len, register)| {
            Expr::Payload {
                base: PayloadBase::from_number(b),
                offset,
                len,
                register,
            }
        }),
        (0u32..6, any::<Option<u32>>(), register()).prop_map(|(k, level, register)| {
            Expr::Socket {
                key: SocketKey::from_number(k),
                level,
                register,
            }
        }),
        (0u32..30, any::<Option<u8>>(), register()).prop_map(|(k, direction, register)| {
            Expr::Ct {
                key: CtKey::from_number(k),
                direction,
                register,
            }
        }),
        (register(), bytes()).prop_map(|(register, value)| Expr::Immediate { register, value }),
    ]
}

fn test() -> impl Strategy<Value = Expr> {
    let data = prop_oneof![
        Just(None),
        Just(Some(LookupData::Verdict)),
        register().prop_map(|register| Some(LookupData::Register(register))),
    ];
    prop_oneof![
        (register(), 0u32..8, bytes()).prop_map(|(register, op, value)| Expr::Cmp {
            register,
            op: CmpOp::from_number(op),
            value
        }),
        (register(), any::<bool>(), bytes(), bytes()).prop_map(
            |(register, is_negated, from, to)| Expr::Range {
                register,
                is_negated,
                from,
                to
            }
        ),
        (register(), register(), any::<u32>(), bytes(), bytes()).prop_map(
            |(source, register, len, mask, xor)| Expr::Bitwise {
                source,
                register,
                len,
                mask,
                xor
            }
        ),
        (name(), register(), data, any::<bool>()).prop_map(|(set, register, data, is_negated)| {
            Expr::Lookup {
                set,
                register,
                data,
                is_negated,
            }
        }),
    ]
}

fn action() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (any::<u64>(), any::<u64>()).prop_map(|(packets, bytes)| Expr::Counter { packets, bytes }),
        (prop::option::of(name()), log_target())
            .prop_map(|(prefix, target)| Expr::Log(Log { prefix, target })),
        limit().prop_map(Expr::Limit),
        verdict().prop_map(Expr::Verdict),
        any::<u8>().prop_map(|code| Expr::Reject(Reject::Icmp(code))),
        any::<u8>().prop_map(|code| Expr::Reject(Reject::Icmpx(code))),
        Just(Expr::Reject(Reject::TcpReset)),
        nat().prop_map(Expr::Nat),
        (pair(), any::<u32>()).prop_map(|(port, flags)| Expr::Masquerade {
            port,
            flags: flags & !3
        }),
        (pair(), any::<u32>()).prop_map(|(port, flags)| Expr::Redirect {
            port,
            flags: flags & !3
        }),
        (name(), bytes()).prop_map(|(name, data)| Expr::Unknown {
            name: format!("x{name}"),
            data
        }),
    ]
}

/// Any expression.
pub(crate) fn any_expr() -> impl Strategy<Value = Expr> {
    prop_oneof![load(), test(), action()]
}

proptest! {
    #[test]
    fn expressions_round_trip(expr in any_expr()) {
        prop_assert_eq!(round_trip(&expr), expr);
    }

    #[test]
    fn junk_is_kept_or_refused(
        name in "meta|payload|cmp|range|bitwise|socket|ct|lookup|counter|log|limit|immediate|reject|nat|masq|redir|x",
        data in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let element = [attribute(1, name.as_bytes()), nested(2, std::slice::from_ref(&data))].concat();
        let expr = Expr::decode(Attributes::new(&element)).unwrap();
        // Whatever was understood has a text, and can be sent.
        let rule = crate::Rule::new().expr(expr.clone());
        let is_unknown = matches!(expr, Expr::Unknown { .. });
        prop_assert!(!is_unknown || rule.to_string().contains('['));
        prop_assert_eq!(round_trip(&expr), expr);
    }

    /// Attributes of the right shape with values that make little sense.
    #[test]
    fn misplaced_attributes_never_panic(
        name in "meta|payload|cmp|range|bitwise|socket|ct|lookup|counter|log|limit|immediate|reject|nat|masq|redir",
        list in prop::collection::vec((1u16..9, prop::collection::vec(any::<u8>(), 0..12)), 0..8),
    ) {
        let data: Vec<Vec<u8>> = list.iter().map(|(kind, payload)| attribute(*kind, payload)).collect();
        let element = [attribute(1, name.as_bytes()), nested(2, &data)].concat();
        let expr = Expr::decode(Attributes::new(&element)).unwrap();
        let _ = crate::Rule::new().expr(expr).to_string();
    }

    #[test]
    fn data_junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _: Result<Data, _> = decode_data(Attributes::new(&bytes));
    }
}
