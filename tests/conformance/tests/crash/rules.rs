//! The rules of NetOut that are in force on a server's machine, by the address that each is for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use warren_tests_conformance::garden::Server;

/// All there are.
pub struct Rules(BTreeSet<Ipv4Addr>);

impl Rules {
    /// Now.
    pub fn of(server: &Server) -> Self {
        let listed = server.actor().run(&["nft", "-s", "list", "ruleset"]);
        let text = listed.success().stdout;
        let is_one = |word: &&str| word.starts_with("198.18.") || word.starts_with("198.19.");
        let words = text.split([' ', '\n', ',']).filter(is_one);
        Self(words.map(|word| word.parse().unwrap()).collect())
    }

    /// Whether all these are in force.
    pub fn lack(&self, wanted: &BTreeSet<Ipv4Addr>) -> Vec<Ipv4Addr> {
        wanted.difference(&self.0).copied().collect()
    }

    /// There are none but these.
    pub fn assert_only(&self, may_be: &BTreeSet<Ipv4Addr>, when: &str) {
        let left: Vec<_> = self.0.difference(may_be).collect();
        assert!(left.is_empty(), "{when}: rules of nobody: {left:?}");
    }
}
