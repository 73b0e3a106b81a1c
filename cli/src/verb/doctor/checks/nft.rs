//! Which rules nftables takes: each is loaded into a table of its own and thrown away.
//!
//! In a scratch network namespace if one can be made; else in a table that belongs to our netlink
//! socket and goes with it, without a rule that could match anything of others.

use std::net::{IpAddr, Ipv4Addr};

use warren_lib_errchain::chain;
use warren_sys_nft::{
    Batch, Chain, ChainType, CtState, Family, Hook, Nft, Policy, Rule, Table, priority,
};
use warren_sys_process::namespaces::{self, Kind};

use super::{Facts, Finding};

/// What came of loading each kind of rule.
pub struct Probe {
    /// Where it was tried.
    place: &'static str,
    /// An empty table, in our own network namespace.
    reach: Result<usize, String>,
    socket: Result<(), String>,
    conntrack: Result<(), String>,
    reject: Result<(), String>,
    nat: Result<(), String>,
}

const CAPABLE: &str = "run with CAP_NET_ADMIN in the user namespace that owns this network \
                       namespace (docker: --cap-add NET_ADMIN)";

/// Tries all.
pub fn probe() -> Probe {
    let reach = reach();
    let elsewhere = namespaces::in_new(&[Kind::Net], || rules(false));
    let (place, [socket, conntrack, reject, nat]) = match elsewhere {
        Ok(answers) => ("in a scratch network namespace", answers),
        Err(_) => ("in a scratch table", rules(true)),
    };
    Probe {
        place,
        reach,
        socket,
        conntrack,
        reject,
        nat,
    }
}

fn table(is_owned: bool) -> Table {
    let table = Table::new(
        Family::Inet,
        format!("warren_doctor_{}", std::process::id()),
    );
    if is_owned { table.owned() } else { table }
}

/// How many tables there are, after adding and deleting one.
fn reach() -> Result<usize, String> {
    let attempt = || -> Result<usize, warren_sys_nft::Error> {
        let mut nft = Nft::open()?;
        let count = nft.list_tables()?.len();
        let table = table(true);
        let mut batch = Batch::new();
        batch.create_table(&table).delete_table(&table);
        nft.commit(&batch)?;
        Ok(count)
    };
    attempt().map_err(|error| chain(&error))
}

fn rules(is_owned: bool) -> [Result<(), String>; 4] {
    let filter = (ChainType::Filter, Hook::Output, priority::FILTER);
    let source = (ChainType::Nat, Hook::Postrouting, priority::SRCNAT);
    let destination = (ChainType::Nat, Hook::Prerouting, priority::DSTNAT);
    // Nothing of others matches: the discard port of an address for documentation (RFC 5737).
    let nowhere = || {
        Rule::new()
            .ip_daddr(Ipv4Addr::new(192, 0, 2, 1))
            .tcp_dport(9)
    };
    let load = |hook, rule: Rule| load(is_owned, hook, rule).map_err(|error| chain(&error));
    let related = CtState::Established | CtState::Related;
    [
        load(filter, nowhere().socket_cgroupv2_exists(0).accept()),
        load(filter, nowhere().ct_state(related).accept()),
        load(filter, nowhere().reject_tcp_reset())
            .and_then(|()| load(filter, nowhere().reject_admin_prohibited())),
        load(source, nowhere().masquerade()).and_then(|()| {
            let there = IpAddr::from(Ipv4Addr::new(192, 0, 2, 2));
            load(destination, nowhere().dnat_to(there, Some(9)))
        }),
    ]
}

/// Loads the rule and removes it again, in two transactions: the kernel has to accept it for good.
fn load(
    is_owned: bool,
    (kind, hook, priority): (ChainType, Hook, i32),
    rule: Rule,
) -> Result<(), warren_sys_nft::Error> {
    let mut nft = Nft::open()?;
    let table = table(is_owned);
    let chain = Chain::new(Family::Inet, table.name.clone(), "probe");
    let chain = chain.hooked(kind, hook, priority, Policy::Accept);
    let mut batch = Batch::new();
    batch.create_table(&table).add_chain(&chain);
    batch.add_rule(&chain, rule);
    nft.commit(&batch)?;
    let mut undo = Batch::new();
    undo.delete_table(&table);
    nft.commit(&undo)
}

pub fn reachable(facts: &Facts) -> Finding {
    match &facts.nft().reach {
        Ok(count) => Finding::pass(format!(
            "{count} tables here; a scratch one was added and deleted"
        )),
        Err(why) => Finding::fail(why.clone(), CAPABLE),
    }
}

pub fn socket(facts: &Facts) -> Finding {
    let remedy = "use a kernel with CONFIG_NFT_SOCKET and CONFIG_SOCK_CGROUP_DATA (Linux 5.13 or \
                  later), and load nft_socket on the host; until then the agent can be admitted by \
                  user id (--on-unresolved uid)";
    judge(facts, &facts.nft().socket, remedy)
}

pub fn conntrack(facts: &Facts) -> Finding {
    let remedy = "load nft_ct and nf_conntrack on the host (modprobe nft_ct)";
    judge(facts, &facts.nft().conntrack, remedy)
}

pub fn reject(facts: &Facts) -> Finding {
    let remedy = "load nft_reject_inet on the host, or set the firewall up with --deny drop";
    match judge(facts, &facts.nft().reject, remedy) {
        // Dropping does as well.
        lost if lost.status == super::super::check::Status::Fail => Finding {
            status: super::super::check::Status::Warn,
            ..lost
        },
        other => other,
    }
}

pub fn nat(facts: &Facts) -> Finding {
    let remedy = "load nft_chain_nat, nft_masq and nft_nat on the host";
    judge(facts, &facts.nft().nat, remedy)
}

/// Without nftables itself nothing is known about its expressions.
fn judge(facts: &Facts, answer: &Result<(), String>, remedy: &str) -> Finding {
    let probe = facts.nft();
    match answer {
        Ok(()) => Finding::pass(format!("loaded {}", probe.place)),
        Err(_) if probe.reach.is_err() => {
            Finding::unknown("nftables cannot be reached", "see nftables")
        }
        Err(why) => Finding::fail(format!("refused {}: {why}", probe.place), remedy),
    }
}
