//! At which level nftables sees us, and what levels count from.

use warren_firewall::level::{self, Level};
use warren_lib_errchain::chain;
use warren_sys_nft::Nft;
use warren_sys_process::namespaces::{self, Kind};

use super::{Facts, Finding};

const REMEDY: &str = "see nftables, nft-socket, loopback and cgroup-identity; until then the agent \
                      can be admitted by user id (--on-unresolved uid)";

pub fn measured(facts: &Facts) -> Finding {
    match (facts.level(), facts.identity()) {
        (Ok(level), Ok(identity)) => Finding::pass(format!(
            "cgroup id {} is at level {}, measured with a packet",
            identity.id.0, level.level
        )),
        (Err(why), _) | (_, Err(why)) => Finding::unknown(why, REMEDY),
    }
}

/// Measures again from a cgroup namespace that is rooted at our own cgroup.
pub fn meaning(facts: &Facts) -> Finding {
    let (here, id) = match (facts.level(), facts.identity()) {
        (Ok(level), Ok(identity)) => (level, identity.id.0),
        (Err(why), _) | (_, Err(why)) => return Finding::unknown(why, REMEDY),
    };
    if here.level == 0 {
        return Finding::pass(
            "our cgroup is at level 0, where both meanings coincide; levels are measured anyway",
        );
    }
    let there = namespaces::in_new(&[Kind::Cgroup], || {
        let mut nft = Nft::open().map_err(level::Error::Load)?;
        level::measure(&mut nft, id, None)
    });
    match there {
        Ok(Ok(there)) => Finding::pass(compare(here, there)),
        Ok(Err(error)) => Finding::pass(format!("not known: {}", chain(&error))),
        Err(error) => Finding::pass(format!("not known: {}", chain(&error))),
    }
}

fn compare(here: Level, there: Level) -> String {
    if there.level == 0 {
        "levels count from the root of the cgroup namespace of whoever loads the rule".to_owned()
    } else if there == here {
        "levels count from the root of the whole tree, whatever the cgroup namespace: a level \
         taken from a path in a container would never match"
            .to_owned()
    } else {
        format!(
            "level {} from here and {} from a namespace of our own",
            here.level, there.level
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_at_our_cgroup_tells_the_meanings_apart() {
        let at = |level| Level {
            level,
            sender: level,
        };
        assert!(compare(at(3), at(0)).contains("namespace of whoever"));
        assert!(compare(at(3), at(3)).contains("whole tree"));
        assert!(compare(at(3), at(1)).contains("level 3"));
    }
}
