//! Commits: all or nothing, who owns what, and what refusals say.

mod common;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use common::{in_netns, nft};
use rustix::io::Errno;
use warren_sys_nft::{
    Batch, Chain, ChainType, DataType, Element, Error, Expr, Family, Hook, Key, Nft, Place, Policy,
    Rule, Set, SetId, Table,
};

const TABLE: (Family, &str) = (Family::Inet, "t");

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

fn chain() -> Chain {
    Chain::new(Family::Inet, "t", "c").hooked(ChainType::Filter, Hook::Output, 0, Policy::Accept)
}

fn set() -> Set {
    Set::new(Family::Inet, "t", "s", DataType::Ipv4Addr)
}

/// A table with a chain, a set and a rule that uses it.
fn base() -> Batch {
    let mut batch = Batch::new();
    batch
        .add_table(&table())
        .add_chain(&chain())
        .add_set(&set());
    batch.add_rule(
        &chain(),
        Rule::new()
            .in_set(warren_sys_nft::Field::IpDaddr, "s")
            .accept(),
    );
    batch
}

fn addresses(count: u32) -> Vec<Element> {
    (0..count)
        .map(|n| Element::new(Ipv4Addr::from_bits(0x0a00_0000 + n)))
        .collect()
}

#[test]
fn a_failing_step_undoes_all() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&base()).unwrap();
        let before = nft(&["list", "ruleset"]);
        let generation = kernel.generation().unwrap();
        let mut batch = Batch::new();
        batch.flush_chain(&chain());
        batch.add_rule(&chain(), Rule::new().tcp_dport(1).drop());
        batch.add_rule(
            &chain(),
            Rule::new().tcp_dport(2).jump("nowhere").with_comment("x"),
        );
        let error = kernel.commit(&batch).unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.step, Some(2));
        assert_eq!(
            refusal.text,
            "add rule inet t c tcp dport 2 jump nowhere comment \"x\""
        );
        assert_eq!(refusal.error.errno, Errno::NOENT);
        assert!(refusal.hint.is_some());
        assert_eq!(refusal.others, []);
        assert_eq!(nft(&["list", "ruleset"]), before);
        assert_eq!(kernel.generation().unwrap(), generation);
        // The connection goes on.
        kernel.commit(&base()).unwrap();
    });
}

#[test]
fn a_refusal_names_the_expression() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&base()).unwrap();
        let missing = || Expr::Unknown {
            name: "nosuch".to_owned(),
            data: Vec::new(),
        };
        let forward = Chain::new(Family::Inet, "t", "f").hooked(
            ChainType::Filter,
            Hook::Forward,
            0,
            Policy::Accept,
        );
        let field = warren_sys_nft::Field::TcpDport;
        let cases = [
            (
                Rule::new().tcp_dport(1).expr(missing()).accept(),
                Errno::NOENT,
                "nosuch",
            ),
            (
                Rule::new().tcp_dport(1).in_set(field, "none").accept(),
                Errno::NOENT,
                "lookup",
            ),
            (
                Rule::new().tcp_dport(1).jump("none"),
                Errno::NOENT,
                "immediate",
            ),
            (
                Rule::new().socket_cgroupv2(1000, 1).accept(),
                Errno::RANGE,
                "socket",
            ),
        ];
        for (rule, errno, name) in cases {
            let mut batch = Batch::new();
            batch
                .add_chain(&forward)
                .add_rule(&chain(), Rule::new().counter());
            batch.add_rule(&chain(), rule);
            let error = kernel.commit(&batch).unwrap_err();
            let refusal = error.refusal().unwrap();
            assert_eq!(
                (refusal.step, refusal.error.errno),
                (Some(2), errno),
                "{error}"
            );
            assert_eq!(refusal.expression.as_deref(), Some(name));
            let hint = refusal.hint.as_deref().unwrap();
            assert!(!hint.contains("it does not exist, or"), "{hint}");
        }
    });
}

#[test]
fn every_refused_step_is_told() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&base()).unwrap();
        let mut batch = Batch::new();
        batch
            .create_table(&table())
            .add_set(&set().with_comment("fine"))
            .create_chain(&chain());
        batch.delete_rule(&chain(), 4711);
        let error = kernel.commit(&batch).unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.step, refusal.error.errno), (Some(0), Errno::EXIST));
        let others: Vec<_> = refusal
            .others
            .iter()
            .map(|(step, e)| (*step, e.errno))
            .collect();
        assert_eq!(others, [(2, Errno::EXIST), (3, Errno::NOENT)]);
        let text = refusal.to_string();
        assert!(
            text.starts_with("step 1 refused: create table inet t ("),
            "{text}"
        );
    });
}

#[test]
fn invalid_steps_are_found_before_sending() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let long = "x".repeat(129);
        let cases: [Batch; 6] = std::array::from_fn(|case| {
            let mut batch = base();
            match case {
                0 => batch.add_table(&Table::new(Family::Inet, "")),
                1 => batch.add_table(&table().with_comment(long.as_str())),
                2 => batch.add_rule(&chain(), Rule::new().log(&long)),
                3 => batch.add_elements(&set(), [Element::new(Key::port(1))]),
                4 => batch.add_elements(
                    &set(),
                    [Element::range(
                        Ipv4Addr::new(1, 0, 0, 0),
                        Ipv4Addr::new(1, 0, 0, 9),
                    )],
                ),
                _ => batch.add_elements(
                    &set().with_intervals(),
                    [Element::range(
                        Ipv4Addr::new(1, 0, 0, 9),
                        Ipv4Addr::new(1, 0, 0, 0),
                    )],
                ),
            };
            batch
        });
        for batch in cases {
            let error = kernel.commit(&batch).unwrap_err();
            assert!(matches!(error, Error::Invalid { step: 4, .. }), "{error:?}");
        }
        assert_eq!(kernel.list_tables().unwrap(), []);
    });
}

#[test]
fn rules_are_placed_replaced_and_deleted() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let rule = |port| Rule::new().tcp_dport(port).accept();
        let ports = |kernel: &mut Nft| -> Vec<(u64, String)> {
            let rules = kernel.list_rules(&chain()).unwrap();
            rules
                .iter()
                .map(|listed| (listed.handle, listed.rule.to_string()))
                .collect()
        };
        let texts = |kernel: &mut Nft| -> Vec<String> {
            ports(kernel)
                .into_iter()
                .map(|(_, text)| text.replace("tcp dport ", "").replace(" accept", ""))
                .collect()
        };
        let mut batch = Batch::new();
        batch.add_table(&table()).add_chain(&chain());
        batch
            .add_rule(&chain(), rule(2))
            .add_rule(&chain(), rule(4))
            .insert_rule(&chain(), rule(1));
        kernel.commit(&batch).unwrap();
        assert_eq!(texts(&mut kernel), ["1", "2", "4"]);
        let second = ports(&mut kernel)[1].0;
        let mut batch = Batch::new();
        batch.put_rule(&chain(), Place::After(second), rule(3));
        batch.put_rule(&chain(), Place::Before(second), rule(9));
        kernel.commit(&batch).unwrap();
        assert_eq!(texts(&mut kernel), ["1", "9", "2", "3", "4"]);
        let mut batch = Batch::new();
        batch.replace_rule(&chain(), second, rule(7));
        kernel.commit(&batch).unwrap();
        assert_eq!(texts(&mut kernel), ["1", "9", "7", "3", "4"]);
        let listed = kernel.list_rules(&chain()).unwrap();
        let mut batch = Batch::new();
        batch.delete_rule(&listed[0], listed[0].handle);
        kernel.commit(&batch).unwrap();
        assert_eq!(texts(&mut kernel), ["9", "7", "3", "4"]);
        let mut batch = Batch::new();
        batch.flush_table(TABLE);
        kernel.commit(&batch).unwrap();
        assert_eq!(texts(&mut kernel), [""; 0]);
        assert_eq!(kernel.list_chains(TABLE).unwrap().len(), 1);
    });
}

#[test]
fn destroy_is_happy_without_an_object() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let mut batch = Batch::new();
        batch.destroy_table(TABLE);
        kernel.commit(&batch).unwrap();
        let mut batch = Batch::new();
        // The usual way to load a ruleset: replace whatever is there.
        batch.destroy_table(TABLE).append(base());
        batch
            .destroy_set((Family::Inet, "t", "none"))
            .destroy_chain((Family::Inet, "t", "none"));
        batch
            .destroy_rule(&chain(), 4711)
            .destroy_elements(&set(), addresses(3));
        kernel.commit(&batch).unwrap();
        kernel.commit(&batch).unwrap();
        assert_eq!(kernel.list_rules(&chain()).unwrap().len(), 1);
    });
}

#[test]
fn owned_tables_end_with_their_connection() {
    in_netns(|| {
        let mut owner = Nft::open().unwrap();
        let mut other = Nft::open().unwrap();
        let mut batch = Batch::new();
        batch.add_table(&table().owned()).add_chain(&chain());
        owner.commit(&batch).unwrap();
        let listed = other.list_tables().unwrap();
        assert_eq!(listed[0].owner_port, Some(owner.port_id()));
        assert!(listed[0].table.is_owned);
        nft(&["flush", "ruleset"]);
        assert_eq!(other.list_chains(TABLE).unwrap().len(), 1);
        let mut foreign = Batch::new();
        foreign.delete_table(TABLE);
        let error = other.commit(&foreign).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::PERM));
        drop(owner);
        // The kernel may take the table down a moment after the socket is closed.
        for _ in 0..6000 {
            if other.list_tables().unwrap().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the table outlived its owner");
    });
}

#[test]
fn thousands_of_elements_in_one_transaction() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let count = 20_000;
        let mut batch = base();
        batch.add_elements(&set(), addresses(count));
        kernel.commit(&batch).unwrap();
        let listed: HashSet<_> = kernel
            .list_elements(&set())
            .unwrap()
            .into_iter()
            .map(|e| e.key)
            .collect();
        let sent: HashSet<_> = addresses(count).into_iter().map(|e| e.key).collect();
        assert!(listed == sent, "{} of {}", listed.len(), sent.len());
        let mut batch = Batch::new();
        batch.delete_elements(&set(), addresses(count - 5));
        kernel.commit(&batch).unwrap();
        assert_eq!(kernel.list_elements(&set()).unwrap().len(), 5);
        let mut batch = Batch::new();
        batch.flush_set(&set());
        kernel.commit(&batch).unwrap();
        assert_eq!(kernel.list_elements(&set()).unwrap(), []);
    });
}

#[test]
fn thousands_of_steps_in_one_transaction() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let mut batch = base();
        for port in 1..=3000 {
            batch.add_rule(
                &chain(),
                Rule::new()
                    .tcp_dport(port)
                    .counter()
                    .with_comment(format!("port {port}")),
            );
        }
        kernel.commit(&batch).unwrap();
        let rules = kernel.list_rules(&chain()).unwrap();
        assert_eq!(rules.len(), 3001);
        assert_eq!(rules[3000].rule.comment.as_deref(), Some("port 3000"));
    });
}

#[test]
fn elements_exist_once_and_expire() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let set = set().with_default_timeout(Duration::from_secs(3600));
        let mut batch = Batch::new();
        batch
            .add_table(&table())
            .add_set(&set)
            .add_elements(&set, addresses(2));
        kernel.commit(&batch).unwrap();
        let mut again = Batch::new();
        again.add_elements(&set, addresses(2));
        kernel.commit(&again).unwrap();
        let mut exclusive = Batch::new();
        exclusive.create_elements(&set, addresses(2));
        assert_eq!(
            kernel.commit(&exclusive).unwrap_err().errno(),
            Some(Errno::EXIST)
        );
        let listed = kernel.list_elements(&set).unwrap();
        let expires = listed[0].expires.unwrap();
        assert!(expires > Duration::from_secs(3500) && expires <= Duration::from_secs(3600));
        let mut brief = Batch::new();
        brief.flush_set(&set);
        brief.add_elements(
            &set,
            addresses(1)
                .into_iter()
                .map(|e| e.with_timeout(Duration::from_millis(50))),
        );
        kernel.commit(&brief).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(kernel.list_elements(&set).unwrap(), []);
    });
}

#[test]
fn intervals_that_touch_stay_apart() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let set = set().with_intervals();
        let net = |a, b, bits| Element::prefix(IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), bits);
        let elements = vec![net(0, 0, 8), net(10, 0, 16), net(10, 1, 16), net(128, 0, 1)];
        let mut batch = Batch::new();
        batch
            .add_table(&table())
            .add_set(&set)
            .add_elements(&set, elements.clone());
        kernel.commit(&batch).unwrap();
        assert_eq!(kernel.list_elements(&set).unwrap(), elements);
        let mut batch = Batch::new();
        batch.delete_elements(&set, [net(10, 0, 16), net(128, 0, 1)]);
        kernel.commit(&batch).unwrap();
        assert_eq!(
            kernel.list_elements(&set).unwrap(),
            [net(0, 0, 8), net(10, 1, 16)]
        );
    });
}

#[test]
fn a_commit_for_an_old_generation_is_refused() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let generation = kernel.generation().unwrap().id;
        kernel.commit_if(&base(), generation).unwrap();
        let mut batch = Batch::new();
        batch.delete_table(TABLE);
        let error = kernel.commit_if(&batch, generation).unwrap_err();
        assert!(
            matches!(error, Error::Stale { expected } if expected == generation),
            "{error:?}"
        );
        assert_eq!(kernel.list_tables().unwrap().len(), 1);
    });
}

#[test]
fn commits_of_two_threads_all_arrive() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        kernel.commit(&base()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u16 {
                // A thread started here is in this network namespace.
                scope.spawn(move || {
                    let mut kernel = Nft::open().unwrap();
                    for index in 0..50u16 {
                        let mut batch = Batch::new();
                        batch.destroy_chain((Family::Inet, "t", "none"));
                        batch.add_rule(
                            &chain(),
                            Rule::new().tcp_dport(1000 * thread + index).accept(),
                        );
                        kernel.commit(&batch).unwrap();
                        let ruleset = kernel.ruleset().unwrap();
                        assert!(ruleset.table(TABLE).unwrap().elements("s").is_some());
                        assert_eq!(
                            ruleset
                                .table(SetId::from(&set()).table.clone())
                                .unwrap()
                                .sets
                                .len(),
                            1
                        );
                    }
                });
            }
        });
        assert_eq!(kernel.list_rules(&chain()).unwrap().len(), 201);
    });
}

#[test]
fn listing_what_is_not_there() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        assert_eq!(kernel.list_tables().unwrap(), []);
        assert_eq!(kernel.list_chains(TABLE).unwrap(), []);
        assert_eq!(kernel.list_rules(&chain()).unwrap(), []);
        assert_eq!(kernel.list_sets(TABLE).unwrap(), []);
        assert_eq!(
            kernel.list_elements(&set()).unwrap_err().errno(),
            Some(Errno::NOENT)
        );
        assert_eq!(kernel.ruleset().unwrap().tables, []);
    });
}
