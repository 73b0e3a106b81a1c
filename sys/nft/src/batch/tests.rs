//! Datagrams byte by byte, and destroy steps without kernel support.

use std::net::Ipv4Addr;

use super::*;
use crate::host_test::in_netns;
use crate::{DataType, Family, Nft};

const FAMILY: Family = Family::Inet;

fn chain() -> Chain {
    Chain::new(FAMILY, "t", "c")
}

fn set() -> Set {
    Set::new(FAMILY, "t", "s", DataType::Ipv4Addr)
}

fn element(last: u8) -> Element {
    Element::new(Ipv4Addr::new(10, 0, 0, last))
}

fn texts(steps: &[(usize, Step)]) -> Vec<(usize, String)> {
    steps
        .iter()
        .map(|(origin, step)| (*origin, step.to_string()))
        .collect()
}

#[test]
fn a_transaction_is_framed_by_begin_and_end() {
    let mut batch = Batch::new();
    batch.add_table(&Table::new(FAMILY, "t"));
    let mut sequence = 6;
    let encoded = encode(&batch.steps, Some(0x0102_0304), || {
        sequence += 1;
        sequence
    })
    .unwrap();
    let mut expected = Vec::new();
    let mut header = |len: u32, kind: u16, flags: u16, seq: u32, rest: &[u8]| {
        expected.extend(len.to_ne_bytes());
        expected.extend(kind.to_ne_bytes());
        expected.extend(flags.to_ne_bytes());
        expected.extend(seq.to_ne_bytes());
        expected.extend([0; 4]);
        expected.extend(rest);
    };
    let attribute = |len: u16, kind: u16, value: &[u8]| {
        [&len.to_ne_bytes(), &kind.to_ne_bytes(), value].concat()
    };
    // nfgenmsg: family unspecified, version 0, resource id 10 in network order.
    let begin = [&[0, 0, 0, 10][..], &attribute(8, 1, &[1, 2, 3, 4])].concat();
    header(28, 0x10, 1, 7, &begin);
    let table = [
        &[1, 0, 0, 0][..],
        &attribute(6, 1, b"t\0\0\0"),
        &attribute(8, 2, &[0, 0, 0, 0]),
    ]
    .concat();
    // NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
    header(36, 0x0a00, 0x405, 8, &table);
    header(20, 0x11, 1, 9, &[0, 0, 0, 10]);
    assert_eq!(encoded.bytes, expected);
    assert_eq!(
        (7..=10)
            .map(|seq| encoded.contains(seq))
            .collect::<Vec<_>>(),
        [true, true, true, false]
    );
    assert_eq!(
        (7..=9).map(|seq| encoded.step(seq)).collect::<Vec<_>>(),
        [None, Some(0), None]
    );
    assert!(encoded.is_last(8) && !encoded.is_last(9));
}

#[test]
fn long_lists_of_elements_take_several_messages_of_one_step() {
    let mut batch = Batch::new();
    batch.add_set(&set());
    batch.add_elements(
        &set(),
        (0..10_000).map(|n| Element::new(Ipv4Addr::from_bits(n))),
    );
    batch.flush_set(&set());
    let mut sequence = 0;
    let encoded = encode(&batch.steps, None, || {
        sequence += 1;
        sequence
    })
    .unwrap();
    let messages = warren_sys_netlink::split(&encoded.bytes).unwrap();
    let owners: Vec<_> = messages
        .iter()
        .map(|message| encoded.step(message.seq))
        .collect();
    assert!(owners.len() > 6);
    assert_eq!((owners[0], owners[1], owners[2]), (None, Some(0), Some(1)));
    assert_eq!(owners[owners.len() - 3..], [Some(1), Some(2), None]);
    let asks: Vec<_> = messages
        .iter()
        .filter(|m| m.flags & 4 != 0)
        .map(|m| m.seq)
        .collect();
    assert_eq!(asks.len(), 1);
    assert!(encoded.is_last(asks[0]));
}

#[test]
fn no_elements_are_no_message() {
    let mut batch = Batch::new();
    batch.add_elements(&set(), []);
    assert!(!encode(&batch.steps, None, || 1).unwrap().has_messages());
}

#[test]
fn destroy_becomes_delete_of_what_is_there() {
    let mut batch = Batch::new();
    batch.destroy_table((FAMILY, "old")).destroy_chain(&chain());
    batch.destroy_set((FAMILY, "t", "none")).destroy_set(&set());
    batch.destroy_rule(&chain(), 1);
    batch.add_set(&set()).add_elements(&set(), [element(1)]);
    batch.destroy_elements(&set(), [element(1), element(2)]);
    batch.destroy_elements(&set(), [element(1)]);
    batch.destroy_set(&set());
    let existing = Existing {
        sets: [(&set()).into()].into(),
        elements: [((&set()).into(), element(2).key)].into(),
        rules: [((&chain()).into(), 1)].into(),
    };
    assert_eq!(
        texts(&without_destroy(&batch.steps, existing)),
        [
            (0, "add table inet old"),
            (0, "delete table inet old"),
            (1, "add chain inet t c"),
            (1, "delete chain inet t c"),
            (3, "delete set inet t s"),
            // The rule went with its chain, element 2 with its set.
            (5, "add set inet t s"),
            (6, "add element inet t s { 10.0.0.1 }"),
            (7, "delete element inet t s { 10.0.0.1 }"),
            (9, "delete set inet t s"),
        ]
        .map(|(origin, text)| (origin, text.to_owned()))
    );
}

#[test]
fn old_kernels_destroy_too() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.pretend_no_destroy();
        let mut load = Batch::new();
        load.destroy_table((FAMILY, "t"))
            .add_table(&Table::new(FAMILY, "t"))
            .add_chain(&chain());
        load.destroy_set(&set())
            .add_set(&set())
            .add_elements(&set(), [element(1), element(2)]);
        load.add_rule(&chain(), Rule::new().accept());
        kernel.commit(&load).unwrap();
        kernel.commit(&load).unwrap();
        assert_eq!(kernel.list_elements(&set()).unwrap().len(), 2);
        let handle = kernel.list_rules(&chain()).unwrap()[0].handle;
        let mut batch = Batch::new();
        batch
            .destroy_rule(&chain(), handle)
            .destroy_rule(&chain(), handle + 100);
        batch.destroy_elements(&set(), [element(1), element(9)]);
        batch
            .destroy_chain((FAMILY, "t", "none"))
            .destroy_set((FAMILY, "t", "none"));
        kernel.commit(&batch).unwrap();
        assert_eq!(kernel.list_rules(&chain()).unwrap(), []);
        assert_eq!(kernel.list_elements(&set()).unwrap(), [element(2)]);
        // A refusal is told about the step as it was written.
        let mut refused = Batch::new();
        refused
            .destroy_chain((FAMILY, "t", "none"))
            .delete_rule(&chain(), 4711);
        let error = kernel.commit(&refused).unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(
            (refusal.step, refusal.text.as_str()),
            (Some(1), "delete rule inet t c handle 4711")
        );
        let mut last = Batch::new();
        last.destroy_table((FAMILY, "t"));
        kernel.commit(&last).unwrap();
        kernel.commit(&last).unwrap();
        assert_eq!(kernel.list_tables().unwrap(), []);
    });
}
