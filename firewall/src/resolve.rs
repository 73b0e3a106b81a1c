//! NATS host names to addresses, without ever losing what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use crate::endpoint::Endpoint;

/// Looks a host name up. Implementations bound their own time.
pub trait Resolve {
    /// All addresses of `host`, IPv4 and IPv6.
    ///
    /// # Errors
    /// A text for the reader: which server was asked and what it said.
    fn lookup(&mut self, host: &str) -> Result<Vec<IpAddr>, String>;
}

/// The addresses that each endpoint's rules name now.
pub type Known = BTreeMap<Endpoint, BTreeSet<IpAddr>>;

/// An endpoint and the addresses its rules are to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the operator wrote.
    pub endpoint: Endpoint,
    /// Where it is.
    pub addresses: BTreeSet<IpAddr>,
    /// How that is known.
    pub origin: Origin,
}

/// How an endpoint's addresses are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Origin {
    /// The endpoint is an address.
    Literal,
    /// Resolved just now.
    Resolved,
    /// The name did not resolve; these are the addresses of the rules in force.
    Kept {
        /// Why it did not resolve.
        reason: String,
    },
}

/// A host that neither resolves nor has rules in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the NATS host '{host}' does not resolve: {reason}")]
pub struct Unresolved {
    /// The name.
    pub host: String,
    /// What the resolver said.
    pub reason: String,
}

/// Resolves every endpoint; one that fails keeps the addresses in `known`.
///
/// # Errors
/// [`Unresolved`] for the first endpoint of which nothing is known.
pub fn targets(
    endpoints: &[Endpoint],
    known: &Known,
    resolver: &mut dyn Resolve,
) -> Result<Vec<Target>, Unresolved> {
    let unique: BTreeSet<&Endpoint> = endpoints.iter().collect();
    unique
        .into_iter()
        .map(|endpoint| target(endpoint, known, resolver))
        .collect()
}

fn target(
    endpoint: &Endpoint,
    known: &Known,
    resolver: &mut dyn Resolve,
) -> Result<Target, Unresolved> {
    let found = |addresses, origin| Target {
        endpoint: endpoint.clone(),
        addresses,
        origin,
    };
    if let Some(address) = endpoint.literal() {
        return Ok(found(BTreeSet::from([address]), Origin::Literal));
    }
    let reason = match resolver.lookup(&endpoint.host) {
        Ok(addresses) if !addresses.is_empty() => {
            return Ok(found(addresses.into_iter().collect(), Origin::Resolved));
        }
        Ok(_) => "the name has no address".to_owned(),
        Err(reason) => reason,
    };
    match known.get(endpoint) {
        Some(addresses) if !addresses.is_empty() => {
            Ok(found(addresses.clone(), Origin::Kept { reason }))
        }
        _ => Err(Unresolved {
            host: endpoint.host.clone(),
            reason,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table(BTreeMap<&'static str, Vec<IpAddr>>);

    impl Resolve for Table {
        fn lookup(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
            self.0
                .get(host)
                .cloned()
                .ok_or_else(|| "NXDOMAIN".to_owned())
        }
    }

    fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            port: 4222,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_needs_no_resolver() {
        let all = targets(
            &[endpoint("10.0.0.6")],
            &Known::new(),
            &mut Table(BTreeMap::new()),
        );
        assert_eq!(all.unwrap()[0].origin, Origin::Literal);
    }

    #[test]
    fn a_host_that_fails_among_several_keeps_its_addresses() {
        let mut table = Table(BTreeMap::from([("a", vec![ip("10.0.0.1"), ip("fd00::1")])]));
        let known = Known::from([(endpoint("b"), BTreeSet::from([ip("10.0.0.2")]))]);
        let all = targets(&[endpoint("b"), endpoint("a")], &known, &mut table).unwrap();
        assert_eq!(
            all[0].addresses,
            BTreeSet::from([ip("10.0.0.1"), ip("fd00::1")])
        );
        assert_eq!(all[1].addresses, BTreeSet::from([ip("10.0.0.2")]));
        assert!(matches!(all[1].origin, Origin::Kept { .. }));
    }

    #[test]
    fn nothing_known_of_a_host_is_an_error_that_names_it() {
        let mut none = Table(BTreeMap::new());
        let error = targets(&[endpoint("nats.bosh")], &Known::new(), &mut none).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the NATS host 'nats.bosh' does not resolve: NXDOMAIN"
        );
    }
}
