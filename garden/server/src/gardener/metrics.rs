//! What a container uses.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use warren_container_rootfs::store::Error as StoreError;
use warren_container_runtime::groups::metrics as groups;
use warren_lib_errchain::chain;
use warren_sys_cgroup::GroupSet;
use warren_wire_garden::Error;
use warren_wire_garden::metrics::{
    BulkMetricsResponse, CpuStat, DiskStat, MemoryStat, Metrics, NetworkStat, PidStat,
};
use warren_wire_garden::number::Nanoseconds;

use super::state::{file_name, pea_name};
use super::{Gardener, error};

const MEBIBYTE: u64 = 1 << 20;

impl Gardener {
    /// What one container uses.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or what cannot be read.
    pub fn metrics(&self, handle: &str) -> Result<Metrics, Error> {
        let record = self.container(handle)?.record();
        let parent = self.parent_of(handle)?;
        let set = self
            .groups_in_reach(&parent, |parent| parent.child(&file_name(handle)))
            .map_err(error::step("open the container's control group"))?;
        let disk = match record.has_image {
            true => self.disk(&file_name(handle))?,
            false => DiskStat::default(),
        };
        let mut metrics = self.metrics_of(&set, disk, record.created, record.cpu_shares)?;
        let traffic = self.network.traffic(handle).ok();
        metrics.network_stat = traffic.map(|traffic| NetworkStat {
            rx_bytes: traffic.received,
            tx_bytes: traffic.sent,
        });
        Ok(metrics)
    }

    /// What a process with a root file system of its own uses; its network is its container's.
    fn metrics_of_pea(&self, id: &str) -> Result<Metrics, Error> {
        let (container, pea) = self.container_of_pea(id)?;
        let set = self.groups_of_pea(&container.handle, id)?;
        // One that uses a directory as it is has no image.
        let disk = self
            .disk(&pea_name(&container.handle, id))
            .unwrap_or_default();
        self.metrics_of(&set, disk, pea.created, pea.cpu_shares)
    }

    fn metrics_of(
        &self,
        set: &GroupSet,
        disk: DiskStat,
        created: u64,
        cpu_shares: u64,
    ) -> Result<Metrics, Error> {
        let failed = "read the control group";
        let used = groups::read(set).map_err(error::step(failed))?;
        let limits = groups::limits(set).map_err(error::step(failed))?;
        let nanoseconds =
            |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let age = age(created);
        Ok(Metrics {
            memory_stat: memory(&used),
            cpu_stat: CpuStat {
                usage: nanoseconds(used.cpu.usage),
                user: nanoseconds(used.cpu.user),
                system: nanoseconds(used.cpu.system),
            },
            disk_stat: disk,
            network_stat: None,
            pid_stat: PidStat {
                current: used.pids,
                max: limits.pids.unwrap_or(0),
            },
            age: Nanoseconds(i64::try_from(age).unwrap_or(i64::MAX)),
            cpu_entitlement: self.entitlement(cpu_shares, age),
        })
    }

    /// What several use: containers, and processes with a root file system of their own.
    #[must_use]
    pub fn bulk_metrics<'a>(&self, handles: impl Iterator<Item = &'a str>) -> BulkMetricsResponse {
        let mut all = BTreeMap::new();
        for handle in handles {
            let metrics = match self.metrics(handle) {
                Err(Error::ContainerNotFound { .. }) => self.metrics_of_pea(handle),
                found => found,
            };
            all.insert(handle.to_owned(), metrics.into());
        }
        all
    }

    fn disk(&self, image: &str) -> Result<DiskStat, Error> {
        match self.store.stats(image) {
            Ok(stats) => Ok(DiskStat {
                total_bytes_used: stats.total,
                exclusive_bytes_used: stats.exclusive,
                ..DiskStat::default()
            }),
            // A tree that changes while it is counted is no reason to tell nothing.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(DiskStat::default())
            }
            Err(error) => Err(Error::Plain(format!(
                "count the root file system: {}",
                chain(&error)
            ))),
        }
    }

    /// Nanoseconds of CPU that the shares have entitled it to.
    pub(super) fn entitlement(&self, shares: u64, age: u64) -> u64 {
        // Rounding and saturation are what is wanted of a conversion here.
        (shares as f64 * self.per_share() / 100.0 * age as f64) as u64
    }

    /// The part of the machine's CPUs, 0 to 1, that the shares entitle to.
    pub(super) fn part(&self, shares: u64) -> f64 {
        (shares as f64 * self.per_share() / 100.0 / cpus()).min(1.0)
    }

    /// Percent of one CPU that a share is.
    fn per_share(&self) -> f64 {
        self.config.cpu_entitlement_per_share.unwrap_or_else(|| {
            let memory = super::capacity::memory().max(MEBIBYTE) / MEBIBYTE;
            cpus() * 100.0 / memory as f64
        })
    }
}

fn cpus() -> f64 {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64
}

/// Nanoseconds since then, which is nanoseconds since 1970.
pub(super) fn age(created: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
    now.saturating_sub(created)
}

/// `memory.stat` by the kernel's names, which are the wire's.
fn memory(used: &groups::Metrics) -> MemoryStat {
    let count = |key: &str| used.memory.get(key).copied().unwrap_or(0);
    MemoryStat {
        active_anon: count("active_anon"),
        active_file: count("active_file"),
        cache: count("cache"),
        hierarchical_memory_limit: count("hierarchical_memory_limit"),
        inactive_anon: count("inactive_anon"),
        inactive_file: count("inactive_file"),
        mapped_file: count("mapped_file"),
        pgfault: count("pgfault"),
        pgmajfault: count("pgmajfault"),
        pgpgin: count("pgpgin"),
        pgpgout: count("pgpgout"),
        rss: count("rss"),
        total_active_anon: count("total_active_anon"),
        total_active_file: count("total_active_file"),
        total_cache: count("total_cache"),
        total_inactive_anon: count("total_inactive_anon"),
        total_inactive_file: count("total_inactive_file"),
        total_mapped_file: count("total_mapped_file"),
        total_pgfault: count("total_pgfault"),
        total_pgmajfault: count("total_pgmajfault"),
        total_pgpgin: count("total_pgpgin"),
        total_pgpgout: count("total_pgpgout"),
        total_rss: count("total_rss"),
        total_unevictable: count("total_unevictable"),
        unevictable: count("unevictable"),
        swap: count("swap"),
        hierarchical_memsw_limit: count("hierarchical_memsw_limit"),
        total_swap: count("total_swap"),
        anon: count("anon"),
        file: count("file"),
        swapcached: count("swapcached"),
        total_usage_toward_limit: used.memory_toward_limit,
    }
}
