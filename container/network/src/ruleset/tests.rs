//! The rules as text, and that batches mention one table only.

use super::*;
use crate::address::AddressRange;
use crate::address::Subnet;
use crate::netout::NetOutRule;
use crate::port::Transport;
use crate::record::{Mapping, Phase};
use crate::subnet::Lease;

fn record() -> Record {
    Record {
        handle: "c\n1".to_owned(),
        phase: Phase::Ready,
        request: String::new(),
        lease: Lease {
            subnet: "10.254.0.0/30".parse().unwrap(),
            address: "10.254.0.2".parse().unwrap(),
        },
        ipv6: Some(crate::address::Ipv6Prefix::new("fd00::".parse().unwrap())),
        mtu: 1500,
        mappings: vec![Mapping {
            transport: Transport::Tcp,
            host_port: 61001,
            container_port: 80,
        }],
        net_out: vec![
            NetOutRule::default(),
            NetOutRule {
                log: true,
                ..NetOutRule::default()
            },
        ],
    }
}

fn settings() -> Settings {
    Settings {
        external: vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        deny: vec![AddressRange::from("10.0.0.0/8".parse::<Subnet>().unwrap())],
        ..Settings::default()
    }
}

fn texts(rules: Vec<Rule>) -> Vec<String> {
    rules.iter().map(ToString::to_string).collect()
}

#[test]
fn newest_rules_come_first_and_the_prefix_stays_on_its_line() {
    let settings = settings();
    assert_eq!(
        texts(Ruleset::new(&settings).outbound_rules(&record())),
        [
            "ct state established,related accept",
            "counter packets 0 bytes 0 log prefix \"c?1 \" accept",
            "counter packets 0 bytes 0 accept",
            "ip daddr 10.254.0.0/30 accept",
            "ip6 daddr fd00::afe:0/126 accept",
            "goto defaults",
        ]
    );
}

#[test]
fn mapped_ports_lead_to_the_address_of_the_same_family() {
    let settings = settings();
    let texts = texts(Ruleset::new(&settings).inbound_rules(&record()));
    assert_eq!(texts.len(), 2);
    assert!(
        texts[0].contains("ip daddr 192.0.2.7 tcp dport 61001"),
        "{texts:?}"
    );
    assert!(texts[0].contains("10.254.0.2:80"), "{texts:?}");
    assert!(texts[1].contains("fd00::afe:2"), "{texts:?}");
}

#[test]
fn every_step_is_about_our_table() {
    let settings = settings();
    let ruleset = Ruleset::new(&settings);
    let mut all = ruleset.whole([&record()]);
    all.append(ruleset.without_container(&record(), true));
    for step in all.steps() {
        let text = step.to_string();
        assert!(text.contains("inet warren_garden"), "{text}");
    }
}

#[test]
fn host_access_turns_the_last_rule_around() {
    let mut settings = settings();
    let last = |settings: &Settings| texts(Ruleset::new(settings).host_rules()).pop().unwrap();
    assert!(last(&settings).contains("reject"));
    settings.allow_host_access = true;
    assert!(last(&settings).ends_with("accept"));
}
