//! What one client knows of a container it has made.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use warren_garden_client::{Error, Streams};
use warren_tests_conformance::garden::Server;

use super::rules::Rules;
use super::witness::says;

/// How far a container is, to the client's knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It was asked for, and there was no answer.
    Asked,
    /// It is there.
    There,
    /// It was to be destroyed, and there was no answer.
    Leaving,
    /// It was given a short grace time, and there was no answer.
    Unsure,
    /// It goes by itself.
    Fading,
}

/// A container.
#[derive(Debug)]
pub struct Known {
    pub handle: String,
    pub life: Life,
    /// Values that each property may have: the last answered, and those asked for since.
    pub properties: BTreeMap<String, BTreeSet<String>>,
    /// Host ports that were answered.
    pub ports: BTreeSet<u32>,
    /// Names of files that were streamed in.
    pub files: BTreeSet<String>,
    /// What rules of NetOut are for: of those that were answered (`true`), and of all.
    pub rules: BTreeMap<bool, BTreeSet<Ipv4Addr>>,
    /// Exit codes of processes that were begun.
    pub processes: BTreeMap<String, i64>,
}

impl Known {
    /// One that is being asked for.
    pub fn asked(handle: String) -> Self {
        Self {
            handle,
            life: Life::Asked,
            properties: BTreeMap::new(),
            ports: BTreeSet::new(),
            files: BTreeSet::new(),
            rules: BTreeMap::new(),
            processes: BTreeMap::new(),
        }
    }

    /// Whether it may go at any time.
    pub fn is_fading(&self) -> bool {
        matches!(self.life, Life::Unsure | Life::Fading)
    }

    /// Whether it is as the client was told; `listed` is whether the server knows it, `rules` are all of
    /// the machine. Whether it is still there afterwards.
    pub fn check(&mut self, server: &Server, listed: bool, rules: &Rules) -> bool {
        let handle = self.handle.as_str();
        match (self.life, listed) {
            (Life::Asked | Life::Leaving | Life::Unsure | Life::Fading, false) => return false,
            (Life::Fading, true) => return true,
            (Life::Unsure, true) => {
                let destroyed = server.client().destroy(handle);
                let is_gone = |error: &Error| error.is_unknown_container();
                assert!(
                    destroyed.as_ref().map_or_else(is_gone, |()| true),
                    "{handle}: {destroyed:?}\n{}",
                    server.log()
                );
                return false;
            }
            (Life::There, false) => panic!("{handle} is lost\n{}", server.log()),
            (Life::Leaving, true) => {
                // Half of it may be gone; the call has to work again.
                let destroyed = server.client().destroy(handle);
                assert!(
                    destroyed.is_ok(),
                    "{handle}: {destroyed:?}\n{}",
                    server.log()
                );
                return false;
            }
            (Life::Asked | Life::There, true) => self.life = Life::There,
        }
        if let Some(answered) = self.rules.get(&true) {
            let lacking = rules.lack(answered);
            assert!(
                lacking.is_empty(),
                "{handle}: {lacking:?}\n{}",
                server.log()
            );
        }
        self.check_parts(server);
        true
    }

    fn check_parts(&mut self, server: &Server) {
        let (handle, client) = (self.handle.as_str(), server.client());
        let info = client.info(handle).unwrap();
        assert_eq!(info.state, "active", "{handle}");
        for (key, values) in &mut self.properties {
            let found = info.properties.get(key).cloned().unwrap_or_default();
            assert!(
                values.contains(&found),
                "{handle}: {key}={found}, not {values:?}"
            );
            // From now on it is that one.
            *values = BTreeSet::from([found]);
        }
        let mapped = info.mapped_ports.unwrap_or_default();
        let mapped: BTreeSet<u32> = mapped.iter().map(|port| port.host_port).collect();
        assert!(
            mapped.is_superset(&self.ports),
            "{handle}: {mapped:?} {:?}",
            self.ports
        );
        let files: String = self
            .files
            .iter()
            .map(|name| format!(" /in/{name}"))
            .collect();
        let said = says(server, handle, &format!("cat{files} </dev/null"));
        let expected: String = self.files.iter().map(|name| format!("{name}\n")).collect();
        assert_eq!(said, expected, "{handle}");
        for (id, code) in &self.processes {
            let process = client.attach(handle, id, Streams::default());
            let status = process
                .unwrap_or_else(|error| panic!("{handle} {id}: {error:?}"))
                .wait();
            assert_eq!(status.unwrap(), *code, "{handle} {id}");
        }
        // Once is enough of those: they are ended for good.
        self.processes.clear();
    }
}
