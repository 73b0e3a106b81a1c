//! Properties: those of clients, and those that the server sets for them to see.

use warren_container_network::Settings;
use warren_container_network::record::Record as NetworkRecord;
use warren_wire_garden::Error;
use warren_wire_garden::container::Properties;
use warren_wire_garden::info::PortMapping;
use warren_wire_garden::network::Transport;
use warren_wire_garden::number::Nanoseconds;

use super::{Gardener, error};
use crate::config::Config;

/// Whether a container is complete.
pub(super) const STATE: &str = "garden.state";
/// Value of [`STATE`] of one that is.
pub(super) const CREATED: &str = "created";
const GRACE_TIME: &str = "garden.grace-time";
const MAPPED_PORTS: &str = "garden.network.mapped-ports";

/// What the network's properties are.
pub(super) fn set_network(
    properties: &mut Properties,
    settings: &Settings,
    network: &NetworkRecord,
    config: &Config,
) {
    let id = network.id();
    let tag = settings.tag;
    let text = |words: &[String]| words.join(", ");
    let servers: Vec<String> = config.dns_servers.iter().map(ToString::to_string).collect();
    let mut set = |key: &str, value: String| {
        properties.insert(key.to_owned(), value);
    };
    set(
        "garden.network.container-ip",
        network.lease.address.to_string(),
    );
    set(
        "garden.network.container-ipv6",
        network
            .address6()
            .map(|ip| ip.to_string())
            .unwrap_or_default(),
    );
    set(
        "garden.network.host-ip",
        network.lease.subnet.gateway().to_string(),
    );
    set("garden.network.external-ip", external(settings));
    set("kawasaki.host-interface", tag.host_end(&id));
    set("kawasaki.container-interface", tag.container_end(&id));
    set(
        "kawasaki.bridge-interface",
        tag.bridge(network.lease.subnet),
    );
    set("kawasaki.subnet", network.lease.subnet.to_string());
    set("kawasaki.mtu", network.mtu.to_string());
    set("kawasaki.iptable-prefix", format!("w-{tag}-"));
    set("kawasaki.iptable-inst", id);
    set("kawasaki.dns-servers", text(&servers));
    set("kawasaki.host-entries", text(&config.host_entries));
    set_mapped_ports(properties, network);
}

/// The address at which mapped ports are reached; empty if none is known.
pub(super) fn external(settings: &Settings) -> String {
    settings
        .external
        .first()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The port mappings of a network.
pub(super) fn mapped_ports(network: &NetworkRecord) -> Vec<PortMapping> {
    let mapping = |mapping: &warren_container_network::record::Mapping| PortMapping {
        host_port: mapping.host_port.into(),
        container_port: mapping.container_port.into(),
        protocol: match mapping.transport {
            warren_container_network::port::Transport::Tcp => Transport::Tcp,
            warren_container_network::port::Transport::Udp => Transport::Udp,
        },
    };
    network.mappings.iter().map(mapping).collect()
}

/// JSON in a property, as upstream has it; absent while there is none.
pub(super) fn set_mapped_ports(properties: &mut Properties, network: &NetworkRecord) {
    let mappings = mapped_ports(network);
    if mappings.is_empty() {
        return;
    }
    if let Ok(json) = serde_json::to_string(&mappings) {
        properties.insert(MAPPED_PORTS.to_owned(), json);
    }
}

/// The grace time's property.
pub(super) fn set_grace_time(properties: &mut Properties, nanoseconds: u64) {
    properties.insert(GRACE_TIME.to_owned(), nanoseconds.to_string());
}

impl Gardener {
    /// All properties.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`].
    pub fn properties(&self, handle: &str) -> Result<Properties, Error> {
        Ok(self.container(handle)?.record().properties)
    }

    /// One property.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or that there is no such property.
    pub fn property(&self, handle: &str, key: &str) -> Result<String, Error> {
        let mut properties = self.properties(handle)?;
        properties
            .remove(key)
            .ok_or_else(|| Error::no_such_property(key))
    }

    /// Sets a property.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or that it cannot be written down; it is not set then.
    pub fn set_property(&self, handle: &str, key: &str, value: String) -> Result<(), Error> {
        self.container(handle)?
            .update(&self.records, |record| {
                record.properties.insert(key.to_owned(), value);
            })
            .map_err(error::step("write down the property"))
    }

    /// Removes a property; one that is not there is fine.
    ///
    /// # Errors
    /// As [`set_property`](Self::set_property).
    pub fn remove_property(&self, handle: &str, key: &str) -> Result<(), Error> {
        self.container(handle)?
            .update(&self.records, |record| {
                record.properties.remove(key);
            })
            .map_err(error::step("write down the property"))
    }

    /// Sets the grace time and begins it anew. Nothing or less is for ever: upstream would destroy
    /// the container at once, which nobody can want.
    ///
    /// # Errors
    /// As [`set_property`](Self::set_property).
    pub fn set_grace_time(&self, handle: &str, grace_time: Nanoseconds) -> Result<(), Error> {
        let container = self.container(handle)?;
        let nanoseconds = u64::try_from(grace_time.0).unwrap_or(0);
        container
            .update(&self.records, |record| {
                record.grace_time = nanoseconds;
                set_grace_time(&mut record.properties, nanoseconds);
            })
            .map_err(error::step("write down the grace time"))?;
        container.touch();
        self.grace.notify_one();
        Ok(())
    }
}
