//! What the machine offers.

use warren_wire_garden::Error;
use warren_wire_garden::container::Capacity;

use super::{Gardener, error};

/// Bytes of memory of the machine.
pub(super) fn memory() -> u64 {
    let info = rustix::system::sysinfo();
    let (total, unit) = (info.totalram, u64::from(info.mem_unit));
    total.saturating_mul(unit.max(1))
}

impl Gardener {
    /// What the machine offers; of its memory no more than what the server's own groups may have.
    ///
    /// # Errors
    /// That a file system cannot be asked.
    pub fn capacity(&self) -> Result<Capacity, Error> {
        let disk = self
            .store
            .capacity()
            .map_err(error::step("ask for room in the image store"))?
            .total;
        let subnets = u64::from(self.network.capacity());
        let max_containers = match self.config.max_containers {
            0 => subnets,
            most => most.min(subnets),
        };
        Ok(Capacity {
            memory_in_bytes: self.groups.memory()?.unwrap_or(u64::MAX).min(memory()),
            disk_in_bytes: disk,
            schedulable_disk_in_bytes: disk,
            max_containers,
        })
    }
}
