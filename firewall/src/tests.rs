//! The pure half of the firewall: rulesets as text, plans, jobs.

use std::collections::BTreeSet;

use warren_sys_nft::{Batch, Element, Key, ListedChain, ListedRule, ListedSet, ListedTable};
use warren_sys_nft::{Rule, Table, TableContents};

use crate::endpoint::Endpoint;
use crate::identity::Admitted;
use crate::jobs;
use crate::plan::{self, Actual, Change, Foreign};
use crate::policy::{Deny, Forwarded, Matching, Policy};
use crate::resolve::{Origin, Target};
use crate::ruleset::{self, FAMILY, FilledChain, TABLE};

const AGENT: Admitted = Admitted::Cgroup { id: 4711, level: 2 };

fn target(host: &str, addresses: &[&str]) -> Target {
    Target {
        endpoint: Endpoint {
            host: host.to_owned(),
            port: 4222,
        },
        addresses: addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
        origin: Origin::Resolved,
    }
}

fn text(chains: &[FilledChain]) -> String {
    let mut text = String::new();
    for filled in chains {
        let base = filled
            .chain
            .base
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        text += &format!("{} {{ {base}\n", filled.chain.name);
        for rule in filled.rules.iter().flatten() {
            text += &format!("  {rule}\n").replace("counter packets 0 bytes 0 ", "counter ");
        }
        text += "}\n";
    }
    text
}

#[test]
fn the_whole_ruleset() {
    let targets = [target("nats.bosh", &["10.0.0.6", "fd00::6"])];
    let policy = Policy {
        allow_uids: vec![1000, 0, 0],
        ..Policy::default()
    };
    let expected = include_str!("tests/ruleset.txt");
    assert_eq!(text(&ruleset::desired(&policy, &AGENT, &targets)), expected);
}

#[test]
fn what_the_policy_leaves_out_is_left_out() {
    let policy = Policy {
        monit: None,
        forwarded: Forwarded::Allow,
        matching: Matching::Subtree,
        deny: Deny::Drop,
        ..Policy::default()
    };
    let chains = ruleset::desired(&policy, &AGENT, &[target("10.0.0.6", &["10.0.0.6"])]);
    let expected = "nats_access { type filter hook output priority filter - 1; policy accept;
  th dport != 4222 accept comment \"not protected\"
  meta l4proto != tcp accept comment \"not protected\"
  tcp flags != syn / syn,ack accept comment \"connections under way\"
  ip daddr 10.0.0.6 tcp dport 4222 meta mark set meta mark | 0x20000000
  ip daddr 10.0.0.6 tcp dport 4222 socket cgroupv2 level 2 4711 counter accept comment \"agent\"
  ip daddr 10.0.0.6 tcp dport 4222 counter drop comment \"nats 10.0.0.6:4222\"
}
";
    assert_eq!(text(&chains), expected);
    let nothing = Policy {
        monit: None,
        ..Policy::default()
    };
    assert!(ruleset::desired(&nothing, &AGENT, &[]).is_empty());
}

/// The kernel's listing of a table that holds these chains.
fn listed(chains: &[FilledChain]) -> Actual {
    let mut handle = 0;
    let mut next = || {
        handle += 1;
        handle
    };
    let chains = chains.iter().map(|filled| {
        let rules = filled.rules.iter().flatten().map(|rule| ListedRule {
            family: FAMILY,
            table: TABLE.to_owned(),
            chain: filled.chain.name.clone(),
            handle: next(),
            rule: rule.clone(),
        });
        let rules = rules.collect();
        (
            ListedChain {
                chain: filled.chain.clone(),
                handle: next(),
            },
            rules,
        )
    });
    let chains = chains.collect();
    let table = Table::new(FAMILY, TABLE);
    let table = ListedTable {
        table,
        handle: 1,
        owner_port: None,
        use_count: 0,
    };
    Actual {
        table: Some(TableContents {
            table,
            sets: Vec::new(),
            chains,
        }),
    }
}

fn steps(batch: &Batch) -> Vec<String> {
    batch.steps().iter().map(ToString::to_string).collect()
}

#[test]
fn from_nothing_everything_is_added_and_then_nothing_is_left_to_do() {
    let desired = ruleset::desired(&Policy::default(), &AGENT, &[]);
    let (batch, changes) = plan::plan(&desired, &Actual::default()).unwrap();
    assert_eq!(changes[0], Change::TableAdded);
    assert_eq!(steps(&batch)[0], "add table inet bosh_agent");
    let (batch, changes) = plan::plan(&desired, &listed(&desired)).unwrap();
    assert!(batch.is_empty() && changes.is_empty(), "{changes:?}");
}

#[test]
fn a_change_of_identity_flushes_and_fills_in_one_transaction_and_spares_the_jobs() {
    let before = ruleset::desired(&Policy::default(), &AGENT, &[]);
    let moved = Admitted::Cgroup { id: 4712, level: 3 };
    let desired = ruleset::desired(&Policy::default(), &moved, &[]);
    let (batch, changes) = plan::plan(&desired, &listed(&before)).unwrap();
    let chain = ruleset::MONIT.to_owned();
    assert_eq!(
        changes,
        [Change::RulesReplaced {
            chain,
            was: 12,
            now: 12
        }]
    );
    let steps = steps(&batch);
    assert_eq!(steps[0], "flush chain inet bosh_agent monit_access");
    assert_eq!(steps.len(), 13);
    assert!(
        steps
            .iter()
            .all(|step| !step.contains("monit_access_jobs") || step.contains("jump"))
    );
}

#[test]
fn chains_no_longer_wanted_go() {
    let with = ruleset::desired(&Policy::default(), &AGENT, &[target("h", &["10.0.0.6"])]);
    let without = ruleset::desired(&Policy::default(), &AGENT, &[]);
    let (_, changes) = plan::plan(&without, &listed(&with)).unwrap();
    let removed = |chain: &str| Change::ChainRemoved {
        chain: chain.to_owned(),
    };
    assert_eq!(
        changes,
        [removed(ruleset::NATS), removed(ruleset::NATS_FORWARD)]
    );
}

#[test]
fn addresses_in_force_are_read_back_by_endpoint() {
    let targets = [
        target("a.bosh", &["10.0.0.1", "fd00::1"]),
        target("10.0.0.2", &["10.0.0.2"]),
    ];
    let actual = listed(&ruleset::desired(&Policy::default(), &AGENT, &targets));
    let known = actual.known_addresses();
    assert_eq!(known.len(), 2);
    for target in targets {
        let addresses: &BTreeSet<_> = &known[&target.endpoint];
        assert_eq!(*addresses, target.addresses);
    }
}

#[test]
fn a_table_that_is_not_ours_is_named() {
    let desired = ruleset::desired(&Policy::default(), &AGENT, &[]);
    let change = |change: fn(&mut TableContents)| {
        let mut actual = listed(&desired);
        actual.table.iter_mut().for_each(change);
        plan::plan(&desired, &actual).unwrap_err()
    };
    let owned = change(|table| table.table.owner_port = Some(77));
    assert_eq!(owned, Foreign::Owned { port: 77 });
    assert_eq!(
        change(|table| table.table.table.is_dormant = true),
        Foreign::Dormant
    );
    let other = change(|table| table.chains[1].0.chain.base = None);
    assert!(matches!(other, Foreign::Chain { chain, .. } if chain == ruleset::MONIT));
}

fn with_jobs(elements: Vec<Element>, rules: Vec<Rule>) -> Actual {
    let mut chains = ruleset::desired(&Policy::default(), &AGENT, &[]);
    chains[0].rules = Some(rules);
    let mut actual = listed(&chains);
    let set = ListedSet {
        set: jobs::set(),
        handle: 1,
    };
    actual
        .table
        .iter_mut()
        .for_each(|table| table.sets.push((set.clone(), elements.clone())));
    actual
}

fn element(id: u64, job: &str) -> Element {
    Element::new(Key::cgroup(id)).with_comment(format!("bosh-monit-access:{job}"))
}

#[test]
fn a_job_replaces_its_own_entries_alone() {
    let stock = Rule::new()
        .socket_cgroupv2(2, 5)
        .accept()
        .with_comment("bosh-monit-access:uaa");
    let other = Rule::new()
        .socket_cgroupv2(2, 6)
        .accept()
        .with_comment("bosh-monit-access:uaa2");
    let actual = with_jobs(
        vec![element(1, "uaa"), element(2, "other")],
        vec![stock, other],
    );
    let now = Admitted::Cgroup { id: 9, level: 3 };
    let batch = jobs::plan("uaa", &now, &Policy::default(), &actual).unwrap();
    let steps = steps(&batch).join("\n");
    assert_eq!(batch.steps().len(), 5, "{steps}");
    assert_eq!(steps.matches("delete rule").count(), 1, "{steps}");
    assert_eq!(steps.matches("delete element").count(), 1, "{steps}");
    assert!(steps.contains("level 3 @monit_access_job_ids"), "{steps}");
}

#[test]
fn a_job_that_is_let_through_changes_nothing() {
    let first = Admitted::Cgroup { id: 9, level: 3 };
    let batch = jobs::plan(
        "uaa",
        &first,
        &Policy::default(),
        &with_jobs(vec![], vec![]),
    )
    .unwrap();
    let added = |step: &warren_sys_nft::Step| match step {
        warren_sys_nft::Step::PutRule { rule, .. } => Some(rule.clone()),
        _ => None,
    };
    let rules: Vec<Rule> = batch.steps().iter().filter_map(added).collect();
    let actual = with_jobs(vec![element(9, "uaa")], rules);
    assert!(
        jobs::plan("uaa", &first, &Policy::default(), &actual)
            .unwrap()
            .is_empty()
    );
    assert_eq!(jobs::covered_levels(&actual), [3]);
    assert_eq!(jobs::listed(&actual).len(), 1);
}

#[test]
fn job_names_in_cgroup_paths() {
    let name = |path| jobs::name_from_path(path);
    assert_eq!(
        name("/system.slice/runc-bpm-uaa.scope").as_deref(),
        Some("uaa")
    );
    let scope = "/system.slice/monit-service-bpm-bpm-my-job.scope";
    assert_eq!(name(scope).as_deref(), Some("my-job"));
    assert_eq!(name("/a/bpm-uaa/inner").as_deref(), Some("uaa"));
    assert_eq!(name("/system.slice/uaa.service"), None);
    assert_eq!(name("/"), None);
    assert_eq!(name("/runc-bpm-.scope"), None);
}
