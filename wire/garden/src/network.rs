//! Port mappings into a container and rules for traffic out of it.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::{is_zero, open_number};

/// What is sent to a mapped port. Upstream knows TCP only, and passes over a word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP; an answer without this word comes from a server that maps TCP alone.
    Udp,
}

impl TryFrom<String> for Transport {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "" | "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => Err(format!("protocol {word:?} is neither tcp nor udp")),
        }
    }
}

impl From<Transport> for String {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => "tcp".to_owned(),
            Transport::Udp => "udp".to_owned(),
        }
    }
}

/// A port mapping asked for when a container is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NetIn {
    /// Port outside; 0 takes one from the server's pool.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_port: u32,
    /// Port inside; 0 means the same as outside.
    #[serde(skip_serializing_if = "is_zero")]
    pub container_port: u32,
    /// For what; TCP by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub protocol: Transport,
}

/// Body of a request for one port mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NetInRequest {
    /// The container; the path says it too, and wins.
    #[serde(skip_serializing_if = "is_zero")]
    pub handle: String,
    /// Port outside; 0 takes one from the server's pool.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_port: u32,
    /// Port inside; 0 means the same as outside.
    #[serde(skip_serializing_if = "is_zero")]
    pub container_port: u32,
    /// For what; TCP by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub protocol: Transport,
}

/// The mapping that was made.
pub type NetInResponse = NetIn;

/// Traffic out of a container that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NetOutRule {
    /// Which protocol; all by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub protocol: Protocol,
    /// Where to; anywhere when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpRange>,
    /// Which ports; all when empty. For TCP and UDP only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// Which ICMP messages; all when absent. For ICMP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmps: Option<IcmpControl>,
    /// Whether new connections are logged.
    #[serde(skip_serializing_if = "is_zero")]
    pub log: bool,
}

open_number! {
    /// Protocol of a [`NetOutRule`]. These are not IP protocol numbers.
    Protocol(u8) {
        /// Any protocol.
        ALL = 0,
        /// TCP.
        TCP = 1,
        /// UDP.
        UDP = 2,
        /// ICMP.
        ICMP = 3,
        /// ICMP for IPv6; the stock server refuses it.
        ICMP_V6 = 4,
    }
}

/// Addresses from `start` to `end`, both included. The stock server takes an
/// absent end for the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IpRange {
    /// First address.
    #[serde(with = "ip_text", skip_serializing_if = "Option::is_none")]
    pub start: Option<IpAddr>,
    /// Last address.
    #[serde(with = "ip_text", skip_serializing_if = "Option::is_none")]
    pub end: Option<IpAddr>,
}

/// Ports from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortRange {
    /// First port.
    #[serde(skip_serializing_if = "is_zero")]
    pub start: u16,
    /// Last port.
    #[serde(skip_serializing_if = "is_zero")]
    pub end: u16,
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IcmpControl {
    /// ICMP type.
    #[serde(rename = "type", skip_serializing_if = "is_zero")]
    pub kind: u8,
    /// ICMP code; absent means any, which is not the same as 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
}

/// Addresses as text: empty is absent, IPv4 in IPv6 clothes is IPv4.
mod ip_text {
    use super::{Deserialize, Deserializer, IpAddr, Serializer};

    pub(super) fn serialize<S: Serializer>(
        address: &Option<IpAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => serializer.collect_str(&address.to_canonical()),
            None => serializer.serialize_str(""),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let address: IpAddr = text
            .parse()
            .map_err(|_| serde::de::Error::custom(format!("invalid IP address: {text}")))?;
        Ok(Some(address.to_canonical()))
    }
}
