//! Which protocol checks a rule gets, and what makes two rules the same.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::expr::{CmpOp, MetaKey};
use crate::{Key, Register};

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn names(rule: &Rule) -> Vec<&str> {
    rule.exprs.iter().map(Expr::name).collect()
}

#[test]
fn inet_rules_check_family_and_transport_once() {
    let rule = Rule::new()
        .ip_daddr(LOCALHOST)
        .tcp_dport(1)
        .ip_saddr(LOCALHOST)
        .tcp_sport(2);
    assert_eq!(
        names(&rule),
        [
            "meta", "cmp", "payload", "cmp", "meta", "cmp", "payload", "cmp", "payload", "cmp",
            "payload", "cmp",
        ]
    );
    let check = Expr::Cmp {
        register: Register::R1,
        op: CmpOp::Eq,
        value: vec![2],
    };
    assert_eq!(rule.exprs[1], check);
}

#[test]
fn other_families_check_what_they_must() {
    let rule = |family| Rule::in_family(family).ip_daddr(LOCALHOST);
    assert_eq!(names(&rule(Family::Ip)), ["payload", "cmp"]);
    let bridge = rule(Family::Bridge);
    let load = Expr::MetaLoad {
        key: MetaKey::Protocol,
        register: Register::R1,
    };
    assert_eq!(bridge.exprs[0], load);
    let check = Expr::Cmp {
        register: Register::R1,
        op: CmpOp::Eq,
        value: vec![8, 0],
    };
    assert_eq!(bridge.exprs[1], check);
}

#[test]
fn concatenated_fields_fill_words_in_order() {
    let fields = [
        Field::CgroupV2 { level: 3 },
        Field::IpDaddr,
        Field::TcpDport,
    ];
    let rule = Rule::new().concat_in_set(&fields, "s");
    let registers: Vec<_> = rule
        .exprs
        .iter()
        .filter_map(|expr| match expr {
            Expr::Socket { register, .. } | Expr::Payload { register, .. } => register.first_word(),
            _ => None,
        })
        .collect();
    assert_eq!(registers, [0, 2, 3]);
}

#[test]
fn prefixes_compare_whole_bytes_or_a_mask() {
    let net = |bits| Rule::in_family(Family::Ip).ip_saddr_net(Ipv4Addr::new(10, 77, 3, 4), bits);
    let value = |rule: &Rule| match rule.exprs.last() {
        Some(Expr::Cmp { value, .. }) => value.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(value(&net(16)), [10, 77]);
    assert_eq!(names(&net(16)), ["payload", "cmp"]);
    assert_eq!(value(&net(10)), [10, 64, 0, 0]);
    assert_eq!(names(&net(10)), ["payload", "bitwise", "cmp"]);
    assert_eq!(value(&net(32)), [10, 77, 3, 4]);
    // Everything, and more bits than there are.
    assert_eq!(value(&net(0)), [0; 4]);
    assert_eq!(value(&net(200)), [10, 77, 3, 4]);
}

#[test]
fn interface_names_are_whole_or_a_start() {
    let value = |name: &str| match Rule::new().iifname(name).exprs.pop() {
        Some(Expr::Cmp { value, .. }) => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(value("lo"), b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(value("eth*"), b"eth");
    assert_eq!(value("a-name-too-long-for-linux").len(), 16);
    assert_eq!(value("a-name-too-long-for-linux*").len(), 15);
}

#[test]
fn same_rules_differ_in_counts_only() {
    let rule = Rule::new()
        .tcp_dport(1)
        .counter()
        .accept()
        .with_comment("x");
    let mut counted = rule.clone();
    for expr in &mut counted.exprs {
        if let Expr::Counter { packets, bytes } = expr {
            (*packets, *bytes) = (3, 180);
        }
    }
    assert_ne!(rule, counted);
    assert!(rule.same_as(&counted));
    assert_eq!(counted.counted(), Some((3, 180)));
    assert!(!rule.same_as(&rule.clone().with_comment("y")));
    assert!(!rule.same_as(&rule.clone().counter()));
}

#[test]
fn texts_need_no_kernel() {
    let cases = [
        (
            Rule::new()
                .ip6_daddr(Ipv6Addr::LOCALHOST)
                .udp_dport(53)
                .drop(),
            "ip6 daddr ::1 udp dport 53 drop",
        ),
        (
            Rule::in_family(Family::Bridge).ip_saddr(LOCALHOST).accept(),
            "ip saddr 127.0.0.1 accept",
        ),
        (
            Rule::new().ct_state(CtState::New | CtState::Invalid).drop(),
            "ct state invalid,new drop",
        ),
        (
            Rule::new().is(Field::ThDport, Key::port(9)).accept(),
            "th dport 9 accept",
        ),
        (
            Rule::new().mark_has(1).mark_set(2),
            "meta mark & 0x00000001 == 0x00000001 meta mark set 0x00000002",
        ),
        (Rule::new().reject_icmpx(0), "reject with icmpx no-route"),
        (
            Rule::new().ip_saddr_net(LOCALHOST, 0).accept(),
            "ip saddr 0.0.0.0/0 accept",
        ),
    ];
    for (rule, text) in cases {
        assert_eq!(rule.to_string(), text);
    }
}
