//! Others' rules that may stop containers' packets.
//!
//! A packet passes only if every base chain on its way lets it. Our table's accept cannot undo
//! another's drop, and another's table is not ours to change; Docker, for one, sets the policy
//! of the iptables chain FORWARD to drop. So we find such chains and say what to do.

use std::fmt;

use warren_sys_nft::{Hook, Nft, Policy, TableId};

use crate::settings::Tag;

/// A chain that drops forwarded packets unless a rule of its own says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardDrop {
    /// Its table.
    pub table: TableId,
    /// Its name.
    pub chain: String,
    /// Whether Docker's chain for such exceptions is there.
    pub has_docker_user: bool,
}

impl ForwardDrop {
    /// Commands that let the containers' packets through.
    #[must_use]
    pub fn remedy(&self, tag: Tag) -> String {
        let Self { table, chain, .. } = self;
        let iptables = match table.family {
            warren_sys_nft::Family::Ip => Some("iptables"),
            warren_sys_nft::Family::Ip6 => Some("ip6tables"),
            _ => None,
        };
        match iptables.filter(|_| chain == "FORWARD") {
            Some(program) => {
                let at = if self.has_docker_user {
                    "DOCKER-USER"
                } else {
                    chain
                };
                format!(
                    "{program} -I {at} -i w{tag}+ -j ACCEPT && \
                     {program} -I {at} -o w{tag}+ -j ACCEPT"
                )
            }
            None => format!(
                "nft insert rule {table} {chain} iifname \"w{tag}*\" accept && \
                 nft insert rule {table} {chain} oifname \"w{tag}*\" accept"
            ),
        }
    }
}

impl fmt::Display for ForwardDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, chain, .. } = self;
        write!(
            f,
            "chain {chain} of table {table} drops forwarded packets by policy"
        )
    }
}

/// Chains of others that drop forwarded packets by policy. Rules of the legacy iptables
/// modules are not in nftables and cannot be seen here.
///
/// # Errors
/// The kernel's.
pub fn forward_drops(nft: &mut Nft, tag: Tag) -> Result<Vec<ForwardDrop>, warren_sys_nft::Error> {
    let own = tag.table();
    let mut found = Vec::new();
    for listed in nft.list_tables()? {
        let table = TableId::from(&listed.table);
        if table == own || listed.table.is_dormant {
            continue;
        }
        let chains = nft.list_chains(&table)?;
        let has_docker_user = chains.iter().any(|each| each.chain.name == "DOCKER-USER");
        for each in chains {
            let drops = |base: &warren_sys_nft::BaseChain| {
                base.hook == Hook::Forward && base.policy == Policy::Drop
            };
            if each.chain.base.as_ref().is_some_and(drops) {
                found.push(ForwardDrop {
                    table: table.clone(),
                    chain: each.chain.name,
                    has_docker_user,
                });
            }
        }
    }
    Ok(found)
}
