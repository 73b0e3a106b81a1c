//! Opening the backend: everything is found again, and what is half made is removed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use warren_container_network::apply::Kernel;
use warren_container_network::link::Rtnetlink;
use warren_container_network::{Network, foreign, host, sysctl};
use warren_container_rootfs::store::{Error as StoreError, Options, Store};
use warren_container_runtime::apparmor;
use warren_container_shim::Depot;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;

use super::container::Container;
use super::image::Owners;
use super::plan::{Action, Found, plan};
use super::state::{Phase, Record, Records, file_name, pea_name};
use super::{Gardener, error, groups, nested, netlog, peas, pool, throttle};
use crate::config::Config;
use crate::log::Log;

/// How often a container that cannot be removed is tried again at the start.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// An address outside of every network, to ask for a route with (RFC 3849).
const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

impl Gardener {
    /// Opens all parts, in the network, mount and cgroup namespaces of the calling process.
    ///
    /// # Errors
    /// A part that cannot be opened. Containers that cannot be removed are no error: they are
    /// listed as half made, and can be destroyed.
    pub fn open(config: Config, log: Log) -> Result<Self, Error> {
        if let Some(runtime) = &config.runtime {
            // Asked before anything is made: what cannot tell its version makes no container.
            let version = warren_container_runtime::engine::external::version(runtime)
                .map_err(error::step("use the external runtime"))?;
            let path = runtime.display().to_string();
            log.info(
                "external runtime",
                &[("path", &path), ("version", &version)],
            );
        }
        let groups =
            groups::Base::open(&config.cgroup_driver, &config.program, &config.group, &log)?;
        let config = fit(config, &groups, &log)?;
        let options = Options {
            alternatives: config.store_alternatives.clone(),
            shared: config.shared_layers.clone(),
            volatile: true,
            ..Options::default()
        };
        let mut store =
            Store::open(&config.store, &options).map_err(error::step("open the image store"))?;
        let told = log.clone();
        let tell = move |error: &StoreError| {
            let text = chain(error);
            told.error("a root file system is not all gone", &[("error", &text)]);
        };
        store.stuck().iter().for_each(&tell);
        store
            .empty_in_background(Box::new(tell))
            .map_err(error::step("start the image store's thread"))?;
        let chosen = format!("{:?}", store.report().chosen);
        log.info("image store", &[("driver", &chosen)]);
        let depot = Depot::open(&config.depot, config.program.clone())
            .map_err(error::step("open the depot"))?;
        let records = Records::open(&config.state).map_err(error::step("open the state"))?;
        let network = open_network(&config, &log)?;
        let owners = Owners::new();
        let nested = nested::Nested::new(&store);
        let gardener = Self {
            config,
            log,
            store,
            network,
            depot,
            records,
            groups,
            owners,
            nested,
            watches: peas::Watches::default(),
            seen: throttle::Seen::default(),
            containers: RwLock::new(BTreeMap::new()),
            grace: Arc::new(Notify::new()),
            missing: Mutex::default(),
        };
        gardener.restore()?;
        gardener.release_all();
        Ok(gardener)
    }

    fn restore(&self) -> Result<(), Error> {
        let records = self.records.load().map_err(error::step("read the state"))?;
        let depot = self.depot.list().map_err(error::step("list the depot"))?;
        let images = self.store.list().map_err(error::step("list images"))?;
        let found = Found {
            records: records
                .iter()
                .map(|record| (record.handle.clone(), record.phase, record.has_image))
                .collect(),
            depot: depot.iter().map(|found| found.handle.clone()).collect(),
            networks: self
                .network
                .list()
                .into_iter()
                .map(|record| record.handle)
                .collect(),
            images: images.into_iter().collect(),
            process_images: records
                .iter()
                .flat_map(|record| record.peas.keys().map(|id| pea_name(&record.handle, id)))
                .collect(),
        };
        let mut records: BTreeMap<String, Record> = records
            .into_iter()
            .map(|record| (record.handle.clone(), record))
            .collect();
        for action in plan(&found, file_name, self.config.destroy_on_start) {
            match action {
                Action::Keep(handle) => {
                    if let Some(record) = records.remove(&handle) {
                        self.keep(record);
                    }
                }
                Action::Remove(handle, reason) => {
                    self.log.info(
                        "removing what is left of a container",
                        &[("handle", &handle), ("because", reason)],
                    );
                    self.clear(&handle, records.remove(&handle));
                }
                Action::RemoveImage(id) => {
                    self.log
                        .info("removing an image nobody has", &[("image", &id)]);
                    if let Err(error) = self.store.destroy(&id) {
                        let text = chain(&error);
                        self.log
                            .error("image not removed", &[("image", &id), ("error", &text)]);
                    }
                }
            }
        }
        let kept: Vec<String> = self.all().keys().cloned().collect();
        if let Err(error) = self.nested.keep_only(&kept) {
            let text = error.to_string();
            self.log
                .error("images inside containers not removed", &[("error", &text)]);
        }
        let kept = kept.len().to_string();
        self.log.info("containers found", &[("count", &kept)]);
        Ok(())
    }

    fn keep(&self, record: Record) {
        let handle = record.handle.clone();
        let peas: Vec<String> = record.peas.keys().cloned().collect();
        let container = Arc::new(Container::new(record));
        self.all_mut().insert(handle, Arc::clone(&container));
        if container.is_ready() {
            for id in &peas {
                self.watch_pea(&container, id);
            }
        }
    }

    fn clear(&self, handle: &str, record: Option<Record>) {
        for attempt in 1..=TRIES {
            let none = BTreeMap::new();
            let peas = record.as_ref().map_or(&none, |record| &record.peas);
            let removed = self.remove_everywhere(handle, peas.keys()).and_then(|()| {
                self.records
                    .remove(handle)
                    .map_err(error::step("forget the container"))
            });
            let Err(error) = removed else {
                return;
            };
            let text = error.to_string();
            self.log.error(
                "container not removed",
                &[("handle", handle), ("error", &text)],
            );
            if attempt < TRIES {
                std::thread::sleep(PAUSE);
            }
        }
        // Kept as half made, so that a client can destroy it.
        if let Some(mut record) = record {
            record.phase = Phase::Creating;
            self.keep(record);
        }
    }
}

/// Takes out what this kernel cannot do for any container, and says so.
fn fit(mut config: Config, groups: &groups::Base, log: &Log) -> Result<Config, Error> {
    if let Some(profile) = &config.apparmor
        && let Err(error) = apparmor::probe(profile)
    {
        let text = chain(&error);
        let values = [("profile", profile.as_str()), ("because", text.as_str())];
        if matches!(error, apparmor::Error::Absent(_)) {
            log.error("containers are not confined by AppArmor", &values);
            config.apparmor = None;
        } else {
            let what = "unprivileged containers cannot be made: the AppArmor profile is of no use";
            log.error(what, &values);
        }
    }
    if let Some(weight) = config.io_weight
        && !groups.has_io_weight()?
    {
        let weight = weight.to_string();
        let values = [
            ("weight", weight.as_str()),
            ("because", "the kernel has no weight for block devices here"),
            (
                "remedy",
                "load the I/O scheduler bfq, or leave --default-container-blockio-weight out",
            ),
        ];
        log.error("containers have no share of block devices", &values);
        config.io_weight = None;
    }
    Ok(config)
}

/// The host's own address on its way to others over IPv6, if there is one. Sends nothing.
fn external_ipv6() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((ELSEWHERE, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn open_network(config: &Config, log: &Log) -> Result<Network, Error> {
    let ipv6 = config.network.ipv6.is_some();
    let changed = sysctl::enable_forwarding(Path::new("/proc/sys"), ipv6)
        .map_err(error::step("let packets be forwarded"))?;
    for change in changed {
        let path = change.path.display().to_string();
        log.info(
            "switched forwarding on",
            &[("path", &path), ("was", &change.was)],
        );
    }
    let tag = config.network.tag;
    let drops = warren_sys_nft::Nft::open()
        .and_then(|mut nft| foreign::forward_drops(&mut nft, tag))
        .map_err(error::step("look at the firewall"))?;
    for drop in drops {
        let (what, remedy) = (drop.to_string(), drop.remedy(tag));
        log.error(
            "containers cannot reach beyond this host",
            &[("because", &what), ("remedy", &remedy)],
        );
    }
    let mut settings = config.network.clone();
    if !config.pool_is_given {
        settings.pool = pool::find(&config.state, settings.pool, log)?;
    }
    if settings.external.is_empty() {
        // Without a default route ports cannot be mapped, and whoever tries is told so.
        settings.external.extend(host::external_address().ok());
    }
    if ipv6 && !settings.external.iter().any(IpAddr::is_ipv6) {
        // Behind the other, which is what containers are told.
        settings.external.extend(external_ipv6());
    }
    settings.mtu = match (config.mtu, settings.external.first()) {
        (Some(mtu), _) => mtu,
        (None, Some(external)) => {
            let found = Rtnetlink::open().and_then(|mut links| host::mtu(&mut links, *external));
            // An external address that is not this host's own has no link.
            found.unwrap_or(settings.mtu)
        }
        (None, None) => settings.mtu,
    };
    settings.log = netlog::target(settings.tag, log);
    let kernel = || Kernel::open().map_err(error::step("connect to the kernel's network"));
    let directory = config.state.join("network");
    let (mut network, recovered) = Network::open(settings, &directory, Box::new(kernel()?))
        .map_err(error::step("open the network"))?;
    let told = log.clone();
    let report = move |handle: &str, error: &warren_container_network::Error| {
        let text = chain(error);
        told.error(
            "network not removed",
            &[("handle", handle), ("error", &text)],
        );
    };
    network
        .remove_in_background(Box::new(kernel()?), Box::new(report))
        .map_err(error::step("start the thread that removes networks"))?;
    for handle in recovered.removed {
        log.info("removed a half made network", &[("handle", &handle)]);
    }
    for (handle, error) in recovered.failed {
        let text = chain(&error);
        log.error(
            "network not removed",
            &[("handle", &handle), ("error", &text)],
        );
    }
    Ok(network)
}
