//! The agent's firewall, if there is one: read, not proved.

use warren_firewall::ruleset::{COMMENT_AGENT, COMMENT_UID, FAMILY, MONIT, NATS, TABLE};
use warren_lib_errchain::chain;
use warren_sys_nft::{Nft, Ruleset};

use super::{Facts, Finding};

pub fn present(facts: &Facts) -> Finding {
    let read = Nft::open().and_then(|mut nft| nft.table_ruleset((FAMILY, TABLE)));
    let ruleset = match read {
        Ok(ruleset) => ruleset,
        Err(error) => return Finding::warn(chain(&error), "see nftables"),
    };
    let Some(admitted) = admitted(&ruleset) else {
        return Finding::pass(format!(
            "there is no table inet {TABLE} in this network namespace"
        ));
    };
    let own = facts.identity().ok().map(|identity| identity.id.0);
    let finding = if admitted.is_empty() {
        Finding::warn(
            format!("the table inet {TABLE} admits no agent"),
            "run 'warren firewall setup' from the agent's cgroup",
        )
    } else {
        Finding::pass(format!("the table inet {TABLE} admits:")).and_all(admitted)
    };
    match own {
        Some(id) => finding.and(format!(
            "our own cgroup is id {id}; 'warren firewall verify' proves the rules with packets"
        )),
        None => finding,
    }
}

/// The rules that admit the agent, as text. `None`: there is no table.
fn admitted(ruleset: &Ruleset) -> Option<Vec<String>> {
    let table = ruleset.tables.first()?;
    let rules = [MONIT, NATS]
        .into_iter()
        .filter_map(|chain| table.rules(chain));
    let admits = |comment: Option<&str>| matches!(comment, Some(COMMENT_AGENT | COMMENT_UID));
    let lines = rules
        .flatten()
        .filter(|listed| admits(listed.rule.comment.as_deref()));
    Some(lines.map(|listed| listed.rule.to_string()).collect())
}
