//! Every rule method, loaded into the kernel, read back, and compared with the nft command.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use common::{in_netns, nft, nft_stdin};
use warren_sys_nft::{
    Batch, Chain, ChainType, CtState, DataType, Element, Family, Field, Hook, Key, Nft, Policy,
    Rule, Set, Table, TcpFlags, Verdict, priority,
};

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn filter_rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        Rule::new()
            .tcp_flags(TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK)
            .counter(),
        Rule::new()
            .tcp_flags_not(TcpFlags::SYN, TcpFlags::FIN | TcpFlags::SYN)
            .counter(),
        Rule::new().tcp_dport_not(2822).counter(),
        Rule::new().l4proto_not(6).counter(),
        rule()
            .ct_state(CtState::Established | CtState::Related)
            .accept(),
        rule()
            .ip_daddr(LOCALHOST)
            .tcp_dport(2822)
            .log("")
            .accept()
            .with_comment("bosh:x"),
        rule()
            .socket_cgroupv2(1, 999_999_999)
            .ip_daddr(LOCALHOST)
            .tcp_dport(2822)
            .accept(),
        rule().socket_cgroupv2_exists(2).counter(),
        rule().socket_cgroupv2_in(1, "groups").accept(),
        rule().socket_cgroupv2_not_in(1, "groups").accept(),
        rule()
            .meta_skuid(0)
            .ip_daddr(LOCALHOST)
            .tcp_dport(2822)
            .accept(),
        rule().meta_skgid(7).return_(),
        rule()
            .ip_saddr(Ipv4Addr::new(10, 1, 2, 3))
            .udp_dport(53)
            .drop(),
        rule()
            .ip_saddr_net(Ipv4Addr::new(10, 0, 0, 0), 8)
            .udp_sport(53)
            .drop(),
        rule()
            .ip_saddr_net(Ipv4Addr::new(10, 64, 0, 0), 10)
            .tcp_sport(80)
            .drop(),
        rule().ip_daddr_net(Ipv4Addr::new(10, 1, 2, 0), 24).drop(),
        rule()
            .ip_daddr_not_net(Ipv4Addr::new(10, 1, 2, 0), 24)
            .drop(),
        rule()
            .ip_saddr_not_net(Ipv4Addr::new(10, 1, 2, 128), 25)
            .drop(),
        rule()
            .ip6_daddr(Ipv6Addr::LOCALHOST)
            .tcp_dport(1)
            .reject_tcp_reset(),
        rule()
            .ip6_saddr(Ipv6Addr::LOCALHOST)
            .reject_port_unreachable(),
        rule().ip6_daddr_net("fd00::".parse().unwrap(), 8).drop(),
        rule().ip6_saddr_net("fe80::".parse().unwrap(), 10).drop(),
        rule().reject_tcp_reset(),
        rule().reject_admin_prohibited(),
        rule().iifname("lo").oifname_not("eth0").accept(),
        rule().iifname_not("eth*").oifname("w-*").accept(),
        rule().mark(7).accept(),
        rule().mark_has(0x10).counter(),
        rule().mark_lacks(0x10).counter(),
        rule().mark_set_bits(0x10),
        rule().mark_clear_bits(0x10),
        rule().mark_set(0x20),
        rule().limit_rate(5, 1).log("hi ").drop(),
        rule().limit_rate(10, 60).accept(),
        rule().tcp_dport_range(80, 90).jump("sub"),
        rule().udp_dport_range(80, 90).goto("sub"),
        rule().tcp().accept(),
        rule().udp().accept(),
        rule().ipv4().accept(),
        rule().ipv6().tcp().accept(),
        rule().in_set(Field::IpDaddr, "addresses").accept(),
        rule().not_in_set(Field::IpDaddr, "addresses").drop(),
        rule().in_set(Field::Ip6Daddr, "addresses6").drop(),
        rule().in_set(Field::TcpDport, "ports").accept(),
        rule().not_in_set(Field::IifName, "interfaces").accept(),
        rule()
            .concat_in_set(&[Field::IpDaddr, Field::TcpDport], "endpoints")
            .accept(),
        rule()
            .concat_in_set(&[Field::IpDaddr, Field::TcpDport], "ranges")
            .accept(),
        rule()
            .concat_in_set(
                &[
                    Field::CgroupV2 { level: 1 },
                    Field::IpDaddr,
                    Field::TcpDport,
                ],
                "who",
            )
            .accept(),
        rule().vmap(Field::TcpDport, "verdicts"),
        rule()
            .ip_daddr(LOCALHOST)
            .in_set(Field::TcpDport, "ports")
            .counter()
            .accept(),
        rule()
            .daddr(IpAddr::V4(LOCALHOST))
            .saddr(IpAddr::V4(LOCALHOST))
            .accept(),
    ]
}

fn table_id() -> (Family, &'static str) {
    (Family::Inet, "t")
}

fn set(name: &str, key_type: DataType) -> Set {
    Set::new(Family::Inet, "t", name, key_type)
}

fn sets() -> Vec<(Set, Vec<Element>)> {
    let ip = |last| Ipv4Addr::new(10, 0, 0, last);
    vec![
        (
            set("groups", DataType::CgroupV2).with_comment("who may"),
            vec![Element::new(Key::cgroup(987_654_321))],
        ),
        (
            set("addresses", DataType::Ipv4Addr).with_intervals(),
            vec![
                Element::prefix(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
                Element::new(Ipv4Addr::new(192, 168, 0, 1)).with_comment("one"),
                Element::range(Ipv4Addr::new(192, 168, 0, 5), Ipv4Addr::new(192, 168, 0, 9)),
                Element::prefix(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 3),
            ],
        ),
        (
            set("addresses6", DataType::Ipv6Addr),
            vec![Element::new(Ipv6Addr::LOCALHOST)],
        ),
        (
            set("ports", DataType::InetService).with_timeouts(),
            vec![
                Element::new(Key::port(80)),
                Element::new(Key::port(81))
                    .with_timeout(Duration::from_secs(3600))
                    .with_comment("an hour"),
            ],
        ),
        (
            set("interfaces", DataType::IfName),
            vec![
                Element::new(Key::ifname("lo")),
                Element::new(Key::ifname("eth0")),
            ],
        ),
        (
            set(
                "endpoints",
                DataType::Concat(vec![DataType::Ipv4Addr, DataType::InetService]),
            ),
            vec![Element::new(Key::concat([ip(1).into(), Key::port(80)]))],
        ),
        (
            set(
                "ranges",
                DataType::Concat(vec![DataType::Ipv4Addr, DataType::InetService]),
            )
            .with_intervals(),
            vec![Element::range(
                Key::concat([ip(0).into(), Key::port(80)]),
                Key::concat([ip(255).into(), Key::port(90)]),
            )],
        ),
        (
            set(
                "who",
                DataType::Concat(vec![
                    DataType::CgroupV2,
                    DataType::Ipv4Addr,
                    DataType::InetService,
                ]),
            ),
            vec![Element::new(Key::concat([
                Key::cgroup(987_654_321),
                ip(1).into(),
                Key::port(80),
            ]))],
        ),
        (
            set("verdicts", DataType::InetService).mapping_to(DataType::Verdict),
            vec![
                Element::new(Key::port(80)).to_verdict(Verdict::Accept),
                Element::new(Key::port(81)).to_verdict(Verdict::Jump("sub".into())),
            ],
        ),
        (
            set("targets", DataType::InetService).mapping_to(DataType::Ipv4Addr),
            vec![Element::new(Key::port(80)).to_value(ip(1))],
        ),
    ]
}

fn batch() -> Batch {
    let mut batch = Batch::new();
    let table = Table::new(Family::Inet, "t").with_comment("all methods");
    batch.add_table(&table);
    let filter = Chain::new(Family::Inet, "t", "filter")
        .hooked(
            ChainType::Filter,
            Hook::Output,
            priority::FILTER - 1,
            Policy::Accept,
        )
        .with_comment("a comment");
    let sub = Chain::new(Family::Inet, "t", "sub");
    let before = Chain::new(Family::Inet, "t", "before").hooked(
        ChainType::Nat,
        Hook::Prerouting,
        priority::DSTNAT,
        Policy::Accept,
    );
    let after = Chain::new(Family::Inet, "t", "after").hooked(
        ChainType::Nat,
        Hook::Postrouting,
        priority::SRCNAT,
        Policy::Accept,
    );
    let drops = Chain::new(Family::Inet, "t", "drops").hooked(
        ChainType::Filter,
        Hook::Forward,
        -200,
        Policy::Drop,
    );
    for chain in [&filter, &sub, &before, &after, &drops] {
        batch.add_chain(chain);
    }
    for (set, elements) in sets() {
        batch.add_set(&set).add_elements(&set, elements);
    }
    for rule in filter_rules() {
        batch.add_rule(&filter, rule);
    }
    for rule in prerouting_rules() {
        batch.add_rule(&before, rule);
    }
    for rule in postrouting_rules() {
        batch.add_rule(&after, rule);
    }
    batch
}

fn prerouting_rules() -> Vec<Rule> {
    vec![
        Rule::new()
            .tcp_dport(80)
            .dnat_to(Ipv4Addr::new(10, 0, 0, 1).into(), Some(8080)),
        Rule::new()
            .tcp_dport(80)
            .dnat_to(Ipv4Addr::new(10, 0, 0, 1).into(), None),
        Rule::new()
            .tcp_dport(81)
            .dnat_to(Ipv6Addr::LOCALHOST.into(), Some(8080)),
        Rule::new().tcp_dport(82).redirect(8080),
    ]
}

fn postrouting_rules() -> Vec<Rule> {
    vec![
        Rule::new()
            .ip_saddr_net(Ipv4Addr::new(10, 0, 0, 0), 8)
            .oifname_not("w-br")
            .masquerade(),
        Rule::new()
            .ip_saddr(Ipv4Addr::new(10, 0, 0, 1))
            .snat_to(Ipv4Addr::new(1, 2, 3, 4).into(), None),
    ]
}

#[test]
fn what_is_listed_is_what_was_sent() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&batch()).unwrap();
        let listed = kernel.table_ruleset(table_id()).unwrap();
        let table = listed.table(table_id()).unwrap();
        for (chain, rules) in [
            ("filter", filter_rules()),
            ("before", prerouting_rules()),
            ("after", postrouting_rules()),
        ] {
            let found = table.rules(chain).unwrap();
            assert_eq!(found.len(), rules.len());
            for (found, sent) in found.iter().zip(&rules) {
                assert!(
                    found.rule.same_as(sent),
                    "listed {:?}\nsent   {sent:?}",
                    found.rule
                );
            }
        }
        for (set, mut elements) in sets() {
            let (found, mut found_elements) = table
                .sets
                .iter()
                .find(|(listed, _)| listed.set.name == set.name)
                .cloned()
                .unwrap();
            assert_eq!(found.set, set);
            for element in &mut found_elements {
                element.expires = None;
            }
            elements.sort_by(|a, b| a.key.cmp(&b.key));
            found_elements.sort_by(|a, b| a.key.cmp(&b.key));
            assert_eq!(found_elements, elements, "set {}", set.name);
        }
    });
}

/// Element lines of sets, whose order the kernel chooses, sorted within each set; times left out.
fn comparable(text: &str) -> String {
    let mut lines = Vec::new();
    let mut elements: Option<String> = None;
    for line in text.lines() {
        if line.trim_start().starts_with("elements = {") || elements.is_some() {
            let all = elements.get_or_insert_default();
            all.push_str(
                line.trim()
                    .trim_start_matches("elements = {")
                    .trim_end_matches('}'),
            );
            if line.ends_with('}') {
                let all = elements.take().unwrap_or_default();
                let mut items: Vec<_> = all.split(',').map(without_expiry).collect();
                items.sort();
                lines.push(format!("elements {items:?}"));
            }
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

fn without_expiry(element: &str) -> String {
    let mut words = element.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "expires" {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}

#[test]
fn our_text_is_that_of_the_nft_command() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&batch()).unwrap();
        let ours = kernel.ruleset().unwrap().to_string();
        assert_eq!(comparable(&ours), comparable(&nft(&["list", "ruleset"])));
    });
}

/// Rules written by the nft command, with what this crate has no method for.
const FOREIGN: &str = r#"
table inet t {
    set mixed { type inet_service; size 100; flags constant,interval; comment "cm"; elements = { 1-2, 5, 65000-65535 }; }
    map pairs { type ipv4_addr . inet_service : verdict; flags interval; elements = { 10.0.0.0/8 . 80 : accept }; }
    set slow { type ipv4_addr; flags dynamic,timeout; timeout 90s; }
    chain filter {
        type filter hook input priority -10; policy drop;
        limit rate 10/second burst 20 packets
        limit rate over 10 kbytes/second
        log prefix "x" level info flags all
        log prefix "x" group 3 snaplen 5
        ct state != established
        ct state ! established
        ct state established
        ct mark 0x00000005
        reject with icmpx type host-unreachable
        reject with icmpx type no-route
        meta l4proto icmp accept
        meta l4proto 99 accept
        tcp dport != 80-90
        tcp dport > 80
        meta mark set meta mark and 0xff00 or 0x1
        meta mark set meta mark xor 0x1
        meta mark and 0xf != 0x1
        tcp dport {80,90,100-200} accept
        ip daddr . tcp dport {1.1.1.1 . 80, 1.1.1.2 . 90} accept
        tcp dport vmap {80:accept,90:drop}
        iifname {"a","b"} accept
        ip saddr & 0.0.0.255 == 0.0.0.5 accept
        ip daddr . tcp dport vmap @pairs
        meta l4proto { tcp, udp } th dport 53 accept
    }
}
table ip u {
    chain c {
        type nat hook prerouting priority -110; policy accept;
        ip daddr 1.1.1.1 tcp dport 80 dnat to 1.1.1.2:90 random,persistent
    }
    chain d {
        type nat hook postrouting priority 110; policy accept;
        meta l4proto tcp masquerade to :1024-2048 random
    }
    chain e { type filter hook output priority -145; policy accept; tcp dport 80 reject with tcp reset
    }
    chain f { type filter hook output priority 100; policy accept; }
}
"#;

#[test]
fn text_of_foreign_rules_is_that_of_the_nft_command() {
    in_netns(|| {
        nft_stdin(FOREIGN);
        let ours = Nft::open().unwrap().ruleset().unwrap().to_string();
        assert_eq!(comparable(&ours), comparable(&nft(&["list", "ruleset"])));
    });
}

#[test]
fn expressions_without_a_type_survive_a_round_trip() {
    in_netns(|| {
        nft_stdin(
            "table inet t {
                chain c {
                    numgen inc mod 2 0 fib daddr type local quota over 25 mbytes accept
                    tcp flags syn / fin,syn accept
                    ip ttl set 5
                    meta mark set ct mark
                }
            }",
        );
        let mut kernel = Nft::open().unwrap();
        let before = nft(&["list", "ruleset"]);
        let rules = kernel.list_rules((Family::Inet, "t", "c")).unwrap();
        assert!(
            rules
                .iter()
                .all(|listed| !listed.rule.to_string().is_empty())
        );
        let mut batch = Batch::new();
        batch.flush_chain((Family::Inet, "t", "c"));
        for listed in &rules {
            batch.add_rule(listed, listed.rule.clone());
        }
        kernel.commit(&batch).unwrap();
        assert_eq!(nft(&["list", "ruleset"]), before);
        assert!(before.contains("fib daddr type local"), "{before}");
        let is_unknown =
            |expr: &warren_sys_nft::Expr| matches!(expr, warren_sys_nft::Expr::Unknown { .. });
        let unknown = rules
            .iter()
            .flat_map(|listed| &listed.rule.exprs)
            .filter(|e| is_unknown(e));
        assert_eq!(unknown.count(), 4);
    });
}
