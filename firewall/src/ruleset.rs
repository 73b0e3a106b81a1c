//! The table `inet bosh_agent` as it should be: policy, identity and addresses to chains and
//! rules. Pure; the whole contract with the stock agent's table is in this file.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use warren_sys_nft::{
    Chain, ChainType, CmpOp, Expr, Family, Field, Hook, Key, Policy as Verdict, Register, Rule,
    TcpFlags,
};

use crate::identity::Admitted;
use crate::policy::{Deny, Forwarded, MONIT_ADDRESSES, Matching, Policy};
use crate::resolve::Target;

/// Family of the table.
pub const FAMILY: Family = Family::Inet;
/// Name of the table, as the stock agent has it.
pub const TABLE: &str = "bosh_agent";
/// Local connections to monit; stock name.
pub const MONIT: &str = "monit_access";
/// Rules that jobs add; stock name. Never flushed by us.
pub const MONIT_JOBS: &str = "monit_access_jobs";
/// Local connections to NATS; stock name.
pub const NATS: &str = "nats_access";
/// Connections to monit that did not come over loopback.
pub const MONIT_INPUT: &str = "monit_access_input";
/// Connections to NATS forwarded for nested containers.
pub const NATS_FORWARD: &str = "nats_access_forward";
/// Just before the filter priority, as the stock agent has it.
pub const PRIORITY: i32 = -1;
/// Mark bit of packets that this table has judged; see `guard`.
pub const JUDGED: u32 = 0x2000_0000;

/// Comment of the rule that admits the agent's cgroup.
pub const COMMENT_AGENT: &str = "agent";
/// Comment of the rule that refuses what is below the agent's cgroup.
pub const COMMENT_BELOW: &str = "below the agent";
/// Comment of a rule that admits a user id.
pub const COMMENT_UID: &str = "allowed uid";
/// Comment of the rules that refuse everyone else.
pub const COMMENT_OTHERS: &str = "others";
/// Comment of the rules that let pass what goes elsewhere.
pub const COMMENT_UNPROTECTED: &str = "not protected";
/// Comment of the rule that lets connections go on that were let through when they began.
pub const COMMENT_UNDER_WAY: &str = "connections under way";
const COMMENT_NATS: &str = "nats ";
const TCP: u8 = 6;

/// A chain and all its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledChain {
    /// The chain.
    pub chain: Chain,
    /// Its rules, or `None` where others own them.
    pub rules: Option<Vec<Rule>>,
}

/// A protected place: connections to it are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// Address.
    pub address: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

impl Destination {
    /// The start of a rule about connections to this place.
    pub fn rule(self) -> Rule {
        Rule::new().daddr(self.address).tcp_dport(self.port)
    }
}

/// Monit's places under this policy.
pub fn monit_destinations(policy: &Policy) -> Vec<Destination> {
    let places = policy
        .monit
        .map(|port| MONIT_ADDRESSES.map(|address| Destination { address, port }));
    places.into_iter().flatten().collect()
}

/// The places of the NATS servers, each with the comment that names its endpoint.
pub(crate) fn nats_destinations(targets: &[Target]) -> impl Iterator<Item = (Destination, String)> {
    targets.iter().flat_map(|target| {
        let comment = format!("{COMMENT_NATS}{}", target.endpoint);
        let port = target.endpoint.port;
        target
            .addresses
            .iter()
            .map(move |&address| (Destination { address, port }, comment.clone()))
    })
}

/// The endpoint text in a rule's comment, if it is of a NATS rule of ours.
pub fn endpoint_in_comment(comment: &str) -> Option<&str> {
    comment.strip_prefix(COMMENT_NATS)
}

/// The place that a rule is about: the address and TCP port it compares the packet's
/// destination with.
pub fn destination(rule: &Rule) -> Option<Destination> {
    let compared = |field: Field| {
        let load = field.load(Register::R1);
        let pairs = rule.exprs.iter().zip(rule.exprs.iter().skip(1));
        pairs.into_iter().find_map(|(first, second)| match second {
            Expr::Cmp {
                op: CmpOp::Eq,
                value,
                ..
            } if *first == load => Some(value.clone()),
            _ => None,
        })
    };
    let v4 = compared(Field::IpDaddr).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let v6 = || compared(Field::Ip6Daddr).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let address = v4.map(IpAddr::from).or_else(|| v6().map(IpAddr::from))?;
    let port = compared(Field::TcpDport).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok())?;
    Some(Destination {
        address,
        port: u16::from_be_bytes(port),
    })
}

/// Every chain of the table.
pub fn desired(policy: &Policy, agent: &Admitted, targets: &[Target]) -> Vec<FilledChain> {
    let mut chains = Vec::new();
    if policy.monit.is_some() {
        let places = monit_destinations(policy);
        chains.push(FilledChain {
            chain: regular(MONIT_JOBS),
            rules: None,
        });
        chains.push(filled(
            MONIT,
            Hook::Output,
            monit_rules(policy, agent, &places),
        ));
        chains.push(filled(MONIT_INPUT, Hook::Input, not_over_loopback(&places)));
    }
    if !targets.is_empty() {
        chains.push(filled(
            NATS,
            Hook::Output,
            nats_rules(policy, agent, targets),
        ));
        if policy.forwarded == Forwarded::Deny {
            let refuse = |(place, comment): (Destination, String)| {
                deny(place.rule().counter(), policy.deny).with_comment(comment)
            };
            let rules = nats_destinations(targets).map(refuse).collect();
            chains.push(filled(NATS_FORWARD, Hook::Forward, rules));
        }
    }
    chains
}

/// Every chain this table may hold, so that one no longer wanted is found and removed.
pub const OWN_CHAINS: [&str; 4] = [MONIT, MONIT_INPUT, NATS, NATS_FORWARD];

fn monit_rules(policy: &Policy, agent: &Admitted, places: &[Destination]) -> Vec<Rule> {
    let mut rules = not_judged(&ports(places));
    rules.extend(
        places
            .iter()
            .map(|place| place.rule().mark_set_bits(JUDGED)),
    );
    rules.push(Rule::new().jump(MONIT_JOBS));
    for place in places {
        rules.extend(admit(policy, agent, *place));
        rules.push(deny(place.rule().counter(), policy.deny).with_comment(COMMENT_OTHERS));
    }
    rules
}

fn nats_rules(policy: &Policy, agent: &Admitted, targets: &[Target]) -> Vec<Rule> {
    let places: Vec<Destination> = nats_destinations(targets).map(|(place, _)| place).collect();
    let mut rules = not_judged(&ports(&places));
    for (place, comment) in nats_destinations(targets) {
        rules.push(place.rule().mark_set_bits(JUDGED));
        rules.extend(admit(policy, agent, place));
        // The comment names the endpoint, so that its addresses can be read back.
        rules.push(deny(place.rule().counter(), policy.deny).with_comment(comment));
    }
    rules
}

/// What the chain lets pass before it judges anything: every packet but those that open a
/// connection to a protected port. No connection comes about without its first packet, so
/// nothing more is needed, connection tracking least of all (`docs/design/firewall.md`).
///
/// The port comes first: what is not protected then costs one rule.
/// It is compared without a look at the protocol: whatever a packet that is not TCP has
/// in that place, the rules that follow ask for TCP.
pub(crate) fn not_judged(ports: &BTreeSet<u16>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = other_port(ports).into_iter().collect();
    rules.push(
        Rule::new()
            .l4proto_not(TCP)
            .accept()
            .with_comment(COMMENT_UNPROTECTED),
    );
    let under_way = Rule::new().tcp_flags_not(TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK);
    rules.push(under_way.accept().with_comment(COMMENT_UNDER_WAY));
    rules
}

/// Lets pass what goes to another port; with several ports, the rules about each must do.
fn other_port(ports: &BTreeSet<u16>) -> Option<Rule> {
    let port = ports.first().filter(|_| ports.len() == 1)?;
    let other = Rule::new()
        .is_not(Field::ThDport, Key::port(*port))
        .accept();
    Some(other.with_comment(COMMENT_UNPROTECTED))
}

/// The ports of these places.
pub(crate) fn ports(places: &[Destination]) -> BTreeSet<u16> {
    places.iter().map(|place| place.port).collect()
}

/// The rules that let the agent, and whom the operator allows, reach a place.
fn admit(policy: &Policy, agent: &Admitted, place: Destination) -> Vec<Rule> {
    let mut uids = policy.allow_uids.clone();
    let mut rules = Vec::new();
    match agent {
        Admitted::Uid(uid) => uids.push(*uid),
        Admitted::Cgroup { id, level } => {
            if policy.matching == Matching::Exact {
                let below = place.rule().socket_cgroupv2(*level, *id);
                // An ancestor one level down can be any cgroup but the agent's own.
                let deeper = Field::CgroupV2 { level: level + 1 };
                let below = below.is_not(deeper, Key::cgroup(*id)).counter();
                rules.push(deny(below, policy.deny).with_comment(COMMENT_BELOW));
            }
            let same = place.rule().socket_cgroupv2(*level, *id).counter().accept();
            rules.push(same.with_comment(COMMENT_AGENT));
        }
    }
    uids.sort_unstable();
    uids.dedup();
    // Allowed users come first: they may well be below the agent's cgroup.
    let by_uid = uids.into_iter().map(|uid| {
        place
            .rule()
            .meta_skuid(uid)
            .counter()
            .accept()
            .with_comment(COMMENT_UID)
    });
    by_uid.chain(rules).collect()
}

/// Loopback addresses have no business on other devices.
fn not_over_loopback(places: &[Destination]) -> Vec<Rule> {
    let over_loopback = Rule::new()
        .iifname("lo")
        .accept()
        .with_comment(COMMENT_UNPROTECTED);
    let refuse = |place: &Destination| place.rule().counter().drop().with_comment(COMMENT_OTHERS);
    let first = other_port(&ports(places))
        .into_iter()
        .chain([over_loopback]);
    first.chain(places.iter().map(refuse)).collect()
}

pub(crate) fn deny(rule: Rule, how: Deny) -> Rule {
    match how {
        Deny::Reject => rule.reject_tcp_reset(),
        Deny::Drop => rule.drop(),
    }
}

fn filled(name: &str, hook: Hook, rules: Vec<Rule>) -> FilledChain {
    FilledChain {
        chain: base(TABLE, name, hook, PRIORITY),
        rules: Some(rules),
    }
}

fn regular(name: &str) -> Chain {
    Chain::new(FAMILY, TABLE, name)
}

/// A filter chain on `hook` that lets pass what no rule refuses.
pub(crate) fn base(table: &str, name: &str, hook: Hook, priority: i32) -> Chain {
    Chain::new(FAMILY, table, name).hooked(ChainType::Filter, hook, priority, Verdict::Accept)
}
