//! What is told about a container.

use std::collections::BTreeMap;

use warren_wire_garden::Error;
use warren_wire_garden::info::{BulkInfoResponse, ContainerInfo};
use warren_wire_garden::limits::{CpuLimits, MemoryLimits};

use super::{Gardener, error, properties};

impl Gardener {
    /// About one container. One that has died is told as stopped.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or a part that does not answer.
    pub fn info(&self, handle: &str) -> Result<ContainerInfo, Error> {
        let record = self.container(handle)?.record();
        let state = self
            .depot
            .state(handle)
            .map_err(error::depot("ask how the container is", ""))?;
        let is_active = !state.stopped && state.phase == warren_container_shim::Phase::Running;
        let name = match is_active {
            true => ContainerInfo::ACTIVE,
            false => ContainerInfo::STOPPED,
        };
        let network = self.network.get(handle);
        let of_network = |tell: fn(&warren_container_network::record::Record) -> String| {
            network.as_ref().map(tell).unwrap_or_default()
        };
        Ok(ContainerInfo {
            state: name.to_owned(),
            events: state.events,
            host_ip: of_network(|network| network.lease.subnet.gateway().to_string()),
            container_ip: of_network(|network| network.lease.address.to_string()),
            container_ipv6: of_network(|network| {
                network
                    .address6()
                    .map(|ip| ip.to_string())
                    .unwrap_or_default()
            }),
            external_ip: properties::external(self.network.settings()),
            container_path: self.depot.path(handle).display().to_string(),
            process_ids: Vec::new(),
            properties: record.properties,
            mapped_ports: Some(
                network
                    .as_ref()
                    .map(properties::mapped_ports)
                    .unwrap_or_default(),
            ),
        })
    }

    /// About several.
    #[must_use]
    pub fn bulk_info<'a>(&self, handles: impl Iterator<Item = &'a str>) -> BulkInfoResponse {
        let mut all = BTreeMap::new();
        for handle in handles {
            all.insert(handle.to_owned(), self.info(handle).into());
        }
        all
    }

    /// The CPU shares in force. On cgroup v2 that is the weight they were turned into, as upstream
    /// answers it.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or that the control group cannot be read.
    pub fn cpu_limits(&self, handle: &str) -> Result<CpuLimits, Error> {
        let in_force = self.in_force(handle)?.cpu.unwrap_or(0);
        Ok(CpuLimits {
            weight: 0,
            limit_in_shares: match self.is_throttled(handle) {
                // What it is held back to is for a while only.
                true => self.unthrottled(handle)?,
                false => in_force,
            },
        })
    }

    fn unthrottled(&self, handle: &str) -> Result<u64, Error> {
        let shares = self.container(handle)?.record().cpu_shares;
        let groups = self.groups_of(handle)?;
        let is_v1 = groups.v1.iter().any(|group| group.has_controller("cpu"));
        Ok(match is_v1 {
            true => shares,
            false => warren_sys_cgroup::limits::convert::weight_from_shares(shares),
        })
    }

    /// The memory limit in force.
    ///
    /// # Errors
    /// As [`cpu_limits`](Self::cpu_limits).
    pub fn memory_limits(&self, handle: &str) -> Result<MemoryLimits, Error> {
        Ok(MemoryLimits {
            limit_in_bytes: self.in_force(handle)?.memory.unwrap_or(0),
        })
    }

    fn in_force(
        &self,
        handle: &str,
    ) -> Result<warren_container_runtime::groups::metrics::InForce, Error> {
        self.container(handle)?;
        let groups = self.groups_of(handle)?;
        warren_container_runtime::groups::metrics::limits(&groups)
            .map_err(error::step("read the container's limits"))
    }
}
