//! Each kind of rule as nft's language says it, and the kinds that cannot be.

use proptest::prelude::*;

use super::*;

fn range(start: &str, end: &str) -> AddressRange {
    AddressRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn texts(rule: &NetOutRule) -> Vec<String> {
    rule.check().unwrap();
    let rules = rule.expand("box ", LogTarget::default());
    rules
        .iter()
        .map(|rule| rule.to_string().replace("counter packets 0 bytes 0 ", ""))
        .collect()
}

#[test]
fn an_empty_rule_opens_everything() {
    assert_eq!(texts(&NetOutRule::default()), ["accept"]);
}

#[test]
fn networks_and_ports_multiply() {
    let rule = NetOutRule {
        protocol: Protocol::Tcp,
        networks: vec![range("10.0.0.1", "10.0.0.9"), range("fd00::1", "fd00::1")],
        ports: vec![
            Ports { start: 80, end: 80 },
            Ports {
                start: 1000,
                end: 2000,
            },
        ],
        ..NetOutRule::default()
    };
    assert_eq!(
        texts(&rule),
        [
            "ip daddr 10.0.0.1-10.0.0.9 tcp dport 80 accept",
            "ip daddr 10.0.0.1-10.0.0.9 tcp dport 1000-2000 accept",
            "ip6 daddr fd00::1 tcp dport 80 accept",
            "ip6 daddr fd00::1 tcp dport 1000-2000 accept",
        ]
    );
}

#[test]
fn a_logged_rule_logs_before_it_accepts() {
    let rule = NetOutRule {
        protocol: Protocol::Udp,
        log: true,
        ..NetOutRule::default()
    };
    assert_eq!(
        texts(&rule),
        ["meta l4proto udp log prefix \"box \" accept"]
    );
}

#[test]
fn icmp_code_zero_is_not_any_code() {
    let rule = |code| NetOutRule {
        protocol: Protocol::Icmp,
        icmp: Some(IcmpMatch { kind: 8, code }),
        ..NetOutRule::default()
    };
    let any = rule(None).expand("", LogTarget::default()).remove(0);
    let zero = rule(Some(0)).expand("", LogTarget::default()).remove(0);
    assert_eq!(zero.exprs.len(), any.exprs.len() + 2);
}

#[test]
fn rules_that_cannot_be_are_refused() {
    let ports = vec![Ports { start: 1, end: 2 }];
    for protocol in [Protocol::All, Protocol::Icmp, Protocol::Icmpv6] {
        let rule = NetOutRule {
            protocol,
            ports: ports.clone(),
            ..NetOutRule::default()
        };
        assert_eq!(rule.check(), Err(Error::Ports { protocol }));
    }
    let reversed = NetOutRule {
        protocol: Protocol::Tcp,
        ports: vec![Ports { start: 2, end: 1 }],
        ..NetOutRule::default()
    };
    assert_eq!(reversed.check(), Err(Error::PortOrder { start: 2, end: 1 }));
    let message = NetOutRule {
        protocol: Protocol::Tcp,
        icmp: Some(IcmpMatch {
            kind: 8,
            code: None,
        }),
        ..NetOutRule::default()
    };
    assert!(matches!(message.check(), Err(Error::Icmp { .. })));
    let family = NetOutRule {
        protocol: Protocol::Icmp,
        networks: vec![range("fd00::", "fd00::1")],
        ..NetOutRule::default()
    };
    assert!(matches!(family.check(), Err(Error::Family { .. })));
    let many = NetOutRule {
        protocol: Protocol::Tcp,
        networks: vec![range("10.0.0.1", "10.0.0.1"); 100],
        ports: vec![Ports { start: 1, end: 1 }; 100],
        ..NetOutRule::default()
    };
    assert!(matches!(many.check(), Err(Error::TooMany { .. })));
}

fn addresses() -> impl Strategy<Value = AddressRange> {
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(a, b)| {
            AddressRange::new(IpAddr::V4(a.min(b).into()), IpAddr::V4(a.max(b).into())).unwrap()
        }),
        any::<(u128, u128)>().prop_map(|(a, b)| {
            AddressRange::new(IpAddr::V6(a.min(b).into()), IpAddr::V6(a.max(b).into())).unwrap()
        }),
    ]
}

prop_compose! {
    fn rules()(
        protocol in proptest::sample::select(vec![
            Protocol::All, Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Icmpv6,
        ]),
        networks in proptest::collection::vec(addresses(), 0..4),
        ports in proptest::collection::vec(any::<(u16, u16)>(), 0..4),
        icmp in proptest::option::of(any::<(u8, Option<u8>)>()),
        log in any::<bool>(),
    ) -> NetOutRule {
        NetOutRule {
            protocol,
            networks,
            ports: ports.into_iter().map(|(start, end)| Ports { start, end }).collect(),
            icmp: icmp.map(|(kind, code)| IcmpMatch { kind, code }),
            log,
        }
    }
}

proptest! {
    #[test]
    fn a_checked_rule_expands_to_each_combination_and_survives_the_disk(rule in rules()) {
        if rule.check().is_ok() {
            let expected = rule.networks.len().max(1) * rule.ports.len().max(1);
            prop_assert_eq!(rule.expand("", LogTarget::default()).len(), expected);
        }
        let text = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<NetOutRule>(&text).unwrap(), rule);
    }
}
