//! A machine's networks: which one becomes the container's, and what agent and director are told.
//!
//! A container has one interface. It is on the network that is the default for the gateway, else on
//! the first that has an address of its own; the others are told to the agent and to the log.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use warren_wire_cpi::{Network, Networks};

use crate::Error;

/// The network that is wired.
#[derive(Debug, Clone, Copy)]
pub struct Wired<'a> {
    /// Its name.
    pub name: &'a str,
    /// It.
    pub network: &'a Network,
}

/// Chooses.
///
/// # Errors
/// There is none to choose.
pub fn wired(networks: &Networks) -> Result<Wired<'_>, Error> {
    let own = || networks.iter().filter(|(_, network)| !network.is_vip());
    own()
        .find(|(_, network)| network.is_default_for("gateway"))
        .or_else(|| own().next())
        .map(|(name, network)| Wired { name, network })
        .ok_or_else(|| Error::Value("Expected exactly one network; received none".to_owned()))
}

impl Wired<'_> {
    /// As Garden is told: nothing, an address, or an address with the length of its prefix.
    ///
    /// # Errors
    /// Address or mask are none.
    pub fn to_garden(self) -> Result<String, Error> {
        if self.network.is_dynamic() {
            return Ok(String::new());
        }
        let wrong = |what: &str, text: &str| {
            Error::Value(format!("network '{}': {what} '{text}'", self.name))
        };
        let text = self.network.ip.as_deref().unwrap_or_default();
        let address: Ipv4Addr = text
            .parse()
            .map_err(|_| wrong("expected an IPv4 address, got", text))?;
        let Some(mask) = self
            .network
            .netmask
            .as_deref()
            .filter(|text| !text.is_empty())
        else {
            return Ok(address.to_string());
        };
        let bits: Ipv4Addr = mask
            .parse()
            .map_err(|_| wrong("expected a netmask, got", mask))?;
        let bits = bits.to_bits();
        let length = bits.leading_ones();
        if bits.count_ones() != length {
            return Err(wrong("expected a netmask, got", mask));
        }
        Ok(format!("{address}/{length}"))
    }
}

/// The names of networks that the machine will not see.
#[must_use]
pub fn unseen<'a>(networks: &'a Networks, wired: &str) -> Vec<&'a str> {
    let names = networks.keys().map(String::as_str);
    names.filter(|name| *name != wired).collect()
}

/// Gives the network that is the default for names the host's name servers, if it has none.
pub fn add_name_servers(networks: &mut Networks, of_host: impl FnOnce() -> Vec<String>) {
    let default = networks
        .values_mut()
        .find(|network| network.is_default_for("dns"));
    if let Some(network) = default
        && network.dns.as_ref().is_none_or(Vec::is_empty)
    {
        network.dns = Some(of_host());
    }
}

/// Where a machine has a name server of its own, which only it reaches.
const OWN: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 0, 2));

/// Servers in the text of a `resolv.conf`; those that only the host itself can reach are left out.
#[must_use]
pub fn name_servers(resolv_conf: &str) -> Vec<String> {
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let is_one = words.next() == Some("nameserver");
        let address: std::net::IpAddr = words.next().filter(|_| is_one)?.parse().ok()?;
        (!address.is_loopback() && address != OWN).then(|| address.to_string())
    };
    resolv_conf.lines().filter_map(address).take(8).collect()
}

/// As the agent is told.
#[must_use]
pub fn for_agent(networks: &Networks) -> Map<String, Value> {
    let one = |network: &Network| {
        let mut value = common(network);
        value.insert("mac".to_owned(), json!(""));
        value.insert("preconfigured".to_owned(), json!(true));
        Value::Object(value)
    };
    networks
        .iter()
        .map(|(name, network)| (name.clone(), one(network)))
        .collect()
}

/// As the director is told.
#[must_use]
pub fn for_director(networks: &Networks) -> Map<String, Value> {
    let one = |network: &Network| {
        let mut value = common(network);
        value.insert(
            "cloud_properties".to_owned(),
            json!(network.cloud_properties),
        );
        Value::Object(value)
    };
    networks
        .iter()
        .map(|(name, network)| (name.clone(), one(network)))
        .collect()
}

fn common(network: &Network) -> Map<String, Value> {
    let text = |text: &Option<String>| json!(text.as_deref().unwrap_or_default());
    let list = |list: &Option<Vec<String>>| json!(list.as_deref().unwrap_or_default());
    [
        ("type", json!(network.kind.as_deref().unwrap_or("manual"))),
        ("ip", text(&network.ip)),
        ("netmask", text(&network.netmask)),
        ("gateway", text(&network.gateway)),
        ("dns", list(&network.dns)),
        ("default", list(&network.default)),
        (
            "routes",
            network.other.get("routes").cloned().unwrap_or(Value::Null),
        ),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(value: Value) -> Networks {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_recorded_network_comes_out_as_recorded() {
        let mut given = networks(
            json!({"default":{"type":"manual","ip":"10.244.0.2","prefix":"32",
            "netmask":"255.255.255.0","cloud_properties":{},"default":["dns","gateway"],"dns":[],
            "gateway":"10.244.0.1"}}),
        );
        assert_eq!(wired(&given).unwrap().to_garden().unwrap(), "10.244.0.2/24");
        add_name_servers(&mut given, || vec!["10.255.255.53".to_owned()]);
        assert_eq!(
            Value::Object(for_director(&given)),
            json!({"default":{"type":"manual","ip":"10.244.0.2","netmask":"255.255.255.0",
                "gateway":"10.244.0.1","dns":["10.255.255.53"],"default":["dns","gateway"],
                "routes":null,"cloud_properties":{}}})
        );
    }

    #[test]
    fn the_gateways_network_is_wired_and_vips_never() {
        let given = networks(json!({
            "a":{"type":"vip","ip":"1.2.3.4"},
            "b":{"type":"manual","ip":"10.0.0.2","netmask":"255.255.0.0"},
            "c":{"type":"dynamic","default":["gateway"]}}));
        let chosen = wired(&given).unwrap();
        assert_eq!(
            (chosen.name, chosen.to_garden().unwrap().as_str()),
            ("c", "")
        );
        assert_eq!(unseen(&given, "c"), ["a", "b"]);
        assert!(wired(&networks(json!({"a":{"type":"vip","ip":"1.2.3.4"}}))).is_err());
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (ip, mask) in [("x", "255.0.0.0"), ("10.0.0.1", "255.0.255.0"), ("", "")] {
            let given = networks(json!({"n":{"ip":ip,"netmask":mask}}));
            let said = wired(&given).unwrap().to_garden().unwrap_err().to_string();
            assert!(said.starts_with("network 'n': expected"), "{said}");
        }
        let given = networks(json!({"n":{"ip":"10.0.0.1"}}));
        assert_eq!(wired(&given).unwrap().to_garden().unwrap(), "10.0.0.1");
    }

    #[test]
    fn servers_of_the_host_alone_are_left_out() {
        let text = "# x\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nsearch a\nnameserver ::1\n";
        assert_eq!(name_servers(text), ["10.0.0.2"]);
    }
}
