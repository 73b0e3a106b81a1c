//! Changes by others, as they are told.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::{in_netns, nft, nft_stdin};
use warren_sys_nft::{
    Batch, Chain, Change, DataType, Element, Event, Family, Key, Monitor, Nft, Rule, Set, Table,
};

const SOON: Option<Duration> = Some(Duration::from_secs(5));

/// The events of one commit, without the generation that ends them, and that.
fn commit_events(monitor: &mut Monitor) -> (Vec<Event>, Event) {
    let mut events = Vec::new();
    loop {
        let event = monitor.next(SOON).unwrap().expect("an event");
        if matches!(event.change, Change::NewGeneration(_)) {
            return (events, event);
        }
        events.push(event);
    }
}

#[test]
fn tells_who_changed_what() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let mut monitor = Monitor::open().unwrap();
        assert_eq!(monitor.next(Some(Duration::ZERO)).unwrap(), None);
        let chain = Chain::new(Family::Inet, "t", "c");
        let set = Set::new(Family::Inet, "t", "s", DataType::InetService);
        let rule = Rule::new()
            .ip_daddr(Ipv4Addr::LOCALHOST)
            .tcp_dport(1)
            .accept();
        let mut batch = Batch::new();
        batch
            .add_table(&Table::new(Family::Inet, "t"))
            .add_chain(&chain)
            .add_set(&set);
        batch
            .add_elements(&set, [Element::new(Key::port(80))])
            .add_rule(&chain, rule.clone());
        kernel.commit(&batch).unwrap();
        let (events, end) = commit_events(&mut monitor);
        assert!(
            events.iter().all(|event| event.port == kernel.port_id()),
            "{events:?}"
        );
        assert_eq!(end.port, kernel.port_id());
        let Change::NewGeneration(generation) = end.change else {
            unreachable!()
        };
        assert_eq!(generation.id, kernel.generation().unwrap().id);
        assert!(generation.process.is_some());
        assert_eq!(generation.process_name.as_deref(), Some(common::THREAD));
        assert_eq!(events.len(), 5, "{events:?}");
        assert!(matches!(&events[0].change, Change::NewTable(listed) if listed.table.name == "t"));
        assert!(matches!(&events[1].change, Change::NewChain(listed) if listed.chain == chain));
        assert!(matches!(&events[2].change, Change::NewSet(listed) if listed.set == set));
        assert!(
            matches!(&events[3].change, Change::NewElements(_, elements) if elements[0].key == Key::port(80))
        );
        assert!(matches!(&events[4].change, Change::NewRule(listed) if listed.rule.same_as(&rule)));
        assert!(
            events
                .iter()
                .all(|event| event.change.table() == Some((Family::Inet, "t")))
        );

        nft(&["flush", "ruleset"]);
        let (events, end) = commit_events(&mut monitor);
        assert!(end.port != kernel.port_id() && end.port != 0);
        let Change::NewGeneration(generation) = end.change else {
            unreachable!()
        };
        assert_eq!(generation.process_name.as_deref(), Some("nft"));
        assert!(
            events
                .iter()
                .any(|event| matches!(event.change, Change::DelTable(_))),
            "{events:?}"
        );
        assert!(
            events
                .iter()
                .any(|event| matches!(&event.change, Change::DelRule(rule) if rule.chain == "c"))
        );
    });
}

#[test]
fn foreign_objects_do_not_stop_it() {
    in_netns(|| {
        let mut monitor = Monitor::open().unwrap();
        nft_stdin(
            "table inet t {
                counter k { }
                quota q { over 1 mbytes; }
                set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
                chain c {
                    type filter hook input priority 0
                    counter name k
                    tcp dport { 1, 2 } accept
                    fib daddr type local accept
                }
            }
            table netdev n { }
            table bridge b {
                chain c { ip saddr 1.1.1.1 accept; }
            }",
        );
        let (events, _) = commit_events(&mut monitor);
        assert!(
            events
                .iter()
                .any(|event| matches!(event.change, Change::Other(_))),
            "{events:?}"
        );
        assert!(events.iter().any(
            |event| matches!(&event.change, Change::NewRule(rule) if rule.family == Family::Bridge)
        ));
    });
}

#[test]
fn overrun_is_an_event() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let mut monitor = Monitor::open().unwrap();
        let chain = Chain::new(Family::Inet, "t", "c");
        let mut batch = Batch::new();
        batch
            .add_table(&Table::new(Family::Inet, "t"))
            .add_chain(&chain);
        for _ in 0..2000 {
            batch.add_rule(&chain, Rule::new().counter().with_comment("x".repeat(128)));
        }
        kernel.commit(&batch).unwrap();
        let mut more = Batch::new();
        for _ in 0..30 {
            more.flush_chain(&chain);
            for _ in 0..2000 {
                more.add_rule(&chain, Rule::new().counter().with_comment("x".repeat(128)));
            }
            kernel.commit(&std::mem::take(&mut more)).unwrap();
        }
        let mut overruns = 0;
        while let Some(event) = monitor.next(Some(Duration::from_millis(50))).unwrap() {
            overruns += usize::from(event.change == Change::Overrun);
        }
        assert!(overruns > 0);
        // And it goes on.
        nft(&["delete", "table", "inet", "t"]);
        let (events, _) = commit_events(&mut monitor);
        assert!(
            events
                .iter()
                .any(|event| matches!(event.change, Change::DelTable(_)))
        );
    });
}
