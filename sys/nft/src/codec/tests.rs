//! Objects to messages and back, and junk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;
use warren_sys_netlink::{AttributeBuilder, Attributes, Message};

use super::*;
use crate::expr::tests::any_expr;
use crate::{
    Chain, ChainType, DataType, Element, Hook, Key, Policy, Rule, Set, Table, Verdict, wire,
};

fn built(fill: impl FnOnce(&mut AttributeBuilder)) -> Vec<u8> {
    let mut builder = AttributeBuilder::new();
    fill(&mut builder);
    builder.finish().unwrap()
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(Family::ALL.to_vec())
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,30}"
}

fn some_comment() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[ -~]{0,128}")
}

fn key_type() -> impl Strategy<Value = DataType> {
    let plain = prop::sample::select(vec![
        DataType::Ipv4Addr,
        DataType::Ipv6Addr,
        DataType::InetService,
        DataType::Mark,
        DataType::IfName,
        DataType::CgroupV2,
    ]);
    prop_oneof![
        plain.clone(),
        prop::collection::vec(plain, 2..4).prop_map(DataType::Concat),
        Just(DataType::Other {
            number: 2,
            length: 1
        }),
    ]
}

prop_compose! {
    fn set()(
        family in family(), table in name(), set in name(), key_type in key_type(),
        data_type in prop::option::of(prop_oneof![Just(DataType::Verdict), key_type()]),
        flags in any::<[bool; 4]>(), timeout in prop::option::of(1u64..1 << 40),
        size in any::<Option<u32>>(), comment in some_comment(),
    ) -> Set {
        let mut set = Set::new(family, table, set, key_type);
        set.data_type = data_type;
        [set.is_interval, set.is_constant, set.is_dynamic, set.has_timeouts] = flags;
        set.default_timeout = timeout.map(Duration::from_millis);
        set.size = size;
        set.comment = comment;
        set
    }
}

proptest! {
    #[test]
    fn tables_round_trip(family in family(), name in name(), flags in any::<[bool; 3]>(), comment in some_comment()) {
        let mut table = Table::new(family, name);
        [table.is_dormant, table.is_owned, table.is_persistent] = flags;
        table.comment = comment;
        let bytes = built(|a| encode_table(&table, a));
        prop_assert_eq!(decode_table(family, &Attributes::new(&bytes)).unwrap().table, table);
    }

    #[test]
    fn chains_round_trip(family in family(), names in (name(), name()), hook in 0u32..6, priority in any::<i32>(), drops in any::<bool>(), comment in some_comment()) {
        let mut chain = Chain::new(family, names.0, names.1);
        chain.comment = comment;
        if let Some(hook) = Hook::from_number(family, hook) {
            let policy = if drops { Policy::Drop } else { Policy::Accept };
            chain = chain.hooked(ChainType::Filter, hook, priority, policy);
        }
        let bytes = built(|a| encode_chain(&chain, a));
        prop_assert_eq!(decode_chain(family, &Attributes::new(&bytes)).unwrap().chain, chain);
    }

    #[test]
    fn rules_round_trip(exprs in prop::collection::vec(any_expr(), 0..12), comment in some_comment()) {
        let rule = Rule::from_exprs(Family::Inet, exprs, comment);
        let bytes = built(|a| {
            a.put_str(wire::rule::TABLE, "t").put_str(wire::rule::CHAIN, "c");
            encode_rule(&rule, a);
        });
        let listed = decode_rule(Family::Inet, &Attributes::new(&bytes)).unwrap();
        prop_assert!(listed.rule.same_as(&rule));
        prop_assert_eq!(&listed.rule, &rule);
        // Any rule has a text.
        let _ = rule.to_string();
    }

    #[test]
    fn sets_round_trip(set in set()) {
        let bytes = built(|a| encode_set(&set, 1, a));
        prop_assert_eq!(decode_set(set.family, &Attributes::new(&bytes)).unwrap().set, set);
    }

    #[test]
    fn elements_round_trip(
        keys in prop::collection::btree_set(any::<u32>(), 0..200),
        comment in some_comment(), timeout in prop::option::of(1u64..1 << 40),
    ) {
        let set = Set::new(Family::Inet, "t", "s", DataType::Ipv4Addr);
        let elements: Vec<_> = keys.into_iter().map(|key| {
            let mut element = Element::new(Ipv4Addr::from_bits(key)).to_verdict(Verdict::Goto("c".into()));
            element.comment = comment.clone();
            element.timeout = timeout.map(Duration::from_millis);
            element
        }).collect();
        prop_assert_eq!(elements_round_trip_of(&set, &elements), elements);
    }

    #[test]
    fn ranges_round_trip(cuts in prop::collection::btree_set(any::<u32>(), 0..60)) {
        let set = Set::new(Family::Inet, "t", "s", DataType::Ipv4Addr).with_intervals();
        let cuts: Vec<_> = cuts.into_iter().collect();
        let elements: Vec<_> = cuts.chunks(2).map(|ends| match ends {
            [first, last] => Element::range(Ipv4Addr::from_bits(*first), Ipv4Addr::from_bits(*last)),
            ends => Element::new(Ipv4Addr::from_bits(ends[0])),
        }).collect();
        prop_assert_eq!(elements_round_trip_of(&set, &elements), elements);
    }

    #[test]
    fn prefixes_hold_what_they_should(address in any::<u32>(), other in any::<u32>(), bits in 0u8..=32) {
        let element = Element::prefix(IpAddr::V4(Ipv4Addr::from_bits(address)), bits);
        let last = element.last.clone().unwrap_or(element.key.clone());
        let other_key = Key::from(Ipv4Addr::from_bits(other));
        let shared = (address ^ other).leading_zeros() >= u32::from(bits);
        prop_assert_eq!(element.key <= other_key && other_key <= last, shared);
    }

    #[test]
    fn junk_never_panics(payload in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..40) {
        let message = Message { kind: 0x0a00 | u16::from(kind), flags: 0, seq: 0, port: 0, payload };
        let _ = crate::monitor::change(kind, &message);
        let _ = crate::list::decode_generation(&message);
        let a = attributes(&message);
        let _ = (decode_table(Family::Ip, &a), decode_chain(Family::Arp, &a), decode_rule(Family::Inet, &a));
        if let Ok(listed) = decode_set(Family::Inet, &a) {
            let _ = listed.set.key_type.to_string();
        }
    }

    /// Well-formed attributes in the wrong places.
    #[test]
    fn misplaced_attributes_never_panic(
        list in prop::collection::vec((1u16..18, prop::collection::vec((1u16..12, prop::collection::vec(any::<u8>(), 0..24)), 0..4)), 0..10),
        kind in 0u8..32,
    ) {
        let mut payload = vec![1, 0, 0, 0];
        payload.extend(built(|a| for (kind, inner) in &list {
            a.put_nested(*kind, |a| for (kind, bytes) in inner { a.put_nested(1, |a| { a.put_bytes(*kind, bytes); }).put_bytes(*kind, bytes); });
        }));
        let message = Message { kind: 0x0a00 | u16::from(kind), flags: 0, seq: 0, port: 0, payload };
        let _ = crate::monitor::change(kind, &message);
        for set in [
            Set::new(Family::Inet, "t", "s", DataType::Ipv4Addr).with_intervals(),
            Set::new(Family::Inet, "t", "s", DataType::Concat(vec![DataType::IfName, DataType::CgroupV2])),
        ] {
            for element in crate::list::decode_element_messages(&set, std::slice::from_ref(&message)).unwrap_or_default() {
                let _ = crate::text::element(&set, &element);
            }
        }
    }

    #[test]
    fn user_data_junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = crate::userdata::find_str(&bytes, 0);
        let _ = crate::userdata::find(&bytes, 7);
    }

    #[test]
    fn type_numbers_never_panic(number in any::<u32>(), length in any::<u32>()) {
        let data_type = DataType::from_number(number, length);
        prop_assert!(!data_type.to_string().is_empty());
        prop_assert_eq!(data_type.number(), number);
    }
}

fn elements_round_trip_of(set: &Set, elements: &[Element]) -> Vec<Element> {
    let lists = encode_elements(set, elements).unwrap();
    decode_elements(set, lists.iter().map(|list| Attributes::new(list))).unwrap()
}

#[test]
fn ranged_concatenations_keep_both_ends() {
    let parts = vec![DataType::Ipv6Addr, DataType::InetService];
    let set = Set::new(Family::Inet, "t", "s", DataType::Concat(parts)).with_intervals();
    let key = |port| Key::concat([Ipv6Addr::LOCALHOST.into(), Key::port(port)]);
    let elements = [Element::range(key(1), key(9)), Element::new(key(20))];
    assert_eq!(elements_round_trip_of(&set, &elements), elements);
}

#[test]
fn an_end_before_every_range_is_no_element() {
    // The nft command marks everything before the first range as outside.
    let set = Set::new(Family::Inet, "t", "s", DataType::InetService).with_intervals();
    let mark = |port, ends: bool| {
        built(|list| {
            list.put_nested(1, |a| {
                crate::expr::put_data(a, 1, &crate::Data::Value(Key::port(port).0));
                if ends {
                    a.put_be32(3, 1);
                }
            });
        })
    };
    let list = [mark(10, true), mark(0, true), mark(5, false)].concat();
    let elements = decode_elements(&set, [Attributes::new(&list)]).unwrap();
    assert_eq!(elements, [Element::range(Key::port(5), Key::port(9))]);
}

#[test]
fn concatenated_types_have_nfts_numbers() {
    let concat = DataType::Concat(vec![DataType::Ipv4Addr, DataType::InetService]);
    assert_eq!((concat.number(), concat.length()), (7 << 6 | 13, 8));
    assert_eq!(DataType::from_number(7 << 6 | 13, 8), concat);
}
