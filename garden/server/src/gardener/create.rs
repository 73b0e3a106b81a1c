//! Making a container; the order is in the parent module.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use warren_container_runtime::ContainerSpec as Wanted;
use warren_container_runtime::spec::{Bind, CgroupSpec, Limits as Bounds};
use warren_container_shim::depot::ConfigFile;
use warren_wire_garden::Error;
use warren_wire_garden::container::{BindMountMode, ContainerSpec};
use warren_wire_garden::error::text;

use super::container::Container;
use super::image::Pulled;
use super::state::{Phase, Record, file_name};
use super::{Gardener, error, network, properties, unique, unkept};

/// A file of a container whose root has the id `owner` outside.
fn file<'a>(owner: u32, name: &'a str, contents: &'a [u8]) -> ConfigFile<'a> {
    ConfigFile {
        name,
        contents,
        owner,
        mode: 0o644,
    }
}

impl Gardener {
    /// Makes a container; answers its handle. As long as its image is being pulled it can be
    /// destroyed: this then fails, when the pull has ended.
    ///
    /// # Errors
    /// What is wrong with the specification, or which part could not be made; nothing is left then,
    /// unless the text says so.
    pub fn create(&self, mut spec: ContainerSpec) -> Result<String, Error> {
        if spec.privileged && self.config.no_privileged {
            return Err(Error::plain(text::PRIVILEGED_DISABLED));
        }
        if !spec.image.uri.is_empty() && !spec.rootfs.is_empty() {
            return Err(Error::plain(text::TWO_IMAGES));
        }
        if spec.handle.is_empty() {
            spec.handle = unique::uuid().map_err(error::step("make a handle"))?;
        }
        let container = Arc::new(Container::new(self.record_of(&spec)));
        self.admit(&container)?;
        let Err(failure) = self.make(&container, &spec) else {
            self.grace.notify_one();
            return Ok(spec.handle);
        };
        let text = failure.to_string();
        self.log.error(
            "container not created",
            &[("handle", &spec.handle), ("error", &text)],
        );
        let _turn = container.turn();
        if !self.has(&container) {
            // The handle may be another container's by now.
            return Err(failure);
        }
        match self.remove_parts(&container) {
            Ok(()) => Err(failure),
            Err(remains) => Err(Error::Plain(format!(
                "{failure}; and it cannot be removed: {remains}"
            ))),
        }
    }

    fn record_of(&self, spec: &ContainerSpec) -> Record {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let grace_time = match spec.grace_time.0 {
            ..=0 => self.config.default_grace_time,
            given => given.unsigned_abs(),
        };
        let mut properties = spec.properties.clone();
        // Said by the server, when it is true.
        properties.remove(properties::STATE);
        Record {
            handle: spec.handle.clone(),
            phase: Phase::Creating,
            created: since.map_or(0, |since| {
                u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
            }),
            grace_time,
            privileged: spec.privileged,
            properties,
            cpu_shares: spec.limits.cpu.shares(),
            has_image: false,
            peas: std::collections::BTreeMap::new(),
        }
    }

    /// Takes the handle, in memory and on disk.
    fn admit(&self, container: &Arc<Container>) -> Result<(), Error> {
        let mut all = self.all_mut();
        if all.contains_key(&container.handle) {
            return Err(Error::handle_in_use(&container.handle));
        }
        let most = self.config.max_containers;
        if most > 0 && all.len() as u64 >= most {
            return Err(Error::plain(text::MAX_CONTAINERS));
        }
        let saved = self.records.save(&container.record());
        saved.map_err(error::step("write down the container"))?;
        all.insert(container.handle.clone(), Arc::clone(container));
        Ok(())
    }

    fn make(&self, container: &Arc<Container>, spec: &ContainerSpec) -> Result<(), Error> {
        let handle = spec.handle.as_str();
        let wanted_network = network::spec(spec, self.config.network.ipv6.is_some())?;
        let image = self.pull(spec)?;
        // From here on nobody unmakes it.
        let _turn = container.turn();
        if !self.has(container) {
            return Err(Error::plain(
                "the container was destroyed while its image was being fetched",
            ));
        }
        self.groups.ensure(&self.config.group, &self.log)?;
        let has_image = matches!(image, Pulled::Layers { .. });
        let root = self.make_root(spec, image)?;
        let owner = match spec.privileged {
            true => 0,
            false => self.owners.root(),
        };
        let hostname = warren_container_network::files::host_name(handle);
        let hostname = format!("{hostname}\n");
        let files = [
            // What is in these depends on addresses that are given later.
            file(owner, "hosts", b"127.0.0.1 localhost\n"),
            file(owner, "resolv.conf", b""),
            file(owner, "hostname", hostname.as_bytes()),
        ];
        let mut wanted = self.wanted(spec, root.path, root.environment);
        if spec.privileged {
            // Before the client's binds, none of which is near it.
            let place = self.nested.make(handle, &wanted.binds)?;
            wanted.binds.splice(..0, place);
        }
        let join = |netns: BorrowedFd<'_>| {
            let network = self
                .network
                .create(handle, &wanted_network, netns)
                .map_err(network::failed("make the network"))?;
            let texts = network::files(&self.config, &network);
            for (name, text) in [("hosts", &texts.hosts), ("resolv.conf", &texts.resolv_conf)] {
                self.depot
                    .write_file(handle, &file(owner, name, text.as_bytes()))
                    .map_err(error::depot("write the container's files", ""))?;
            }
            Ok(network)
        };
        // The network is made while init makes its mounts.
        let (created, joined) = self
            .depot
            .create_with(&wanted, &files, join)
            .map_err(error::depot("create container", ""))?;
        let network = joined?;
        // All that the container begins with is there, and nobody in it runs.
        let keeps_inodes = match spec.limits.disk.inode_hard {
            most @ 1.. if has_image => self
                .store
                .limit_inodes(&file_name(handle), most)
                .map_err(error::step("limit the root file system"))?,
            _ => false,
        };
        let started = self.depot.start(handle);
        let more = started.map_err(error::depot("start container", ""))?;
        let unkept = unkept::remarks(&spec.limits, keeps_inodes);
        for remark in created.remarks.iter().chain(&more).chain(&unkept) {
            let values = [("handle", handle), ("remark", remark.as_str())];
            self.log
                .error("the container is not all that was asked for", &values);
        }
        // A client may take its time to come back; the clock begins now.
        container.touch();
        let settings = self.network.settings();
        let changed = container.update(&self.records, |record| {
            let grace_time = record.grace_time;
            let own = &mut record.properties;
            properties::set_network(own, settings, &network, &self.config);
            properties::set_grace_time(own, grace_time);
            own.insert(properties::STATE.to_owned(), properties::CREATED.to_owned());
            // So that a start that misses the image knows that there was one.
            record.has_image = has_image;
            record.phase = Phase::Ready;
        });
        changed.map_err(error::step("write down the container"))
    }

    /// What is wanted of the engine.
    fn wanted(&self, spec: &ContainerSpec, rootfs: PathBuf, mut env: Vec<String>) -> Wanted {
        let handle = spec.handle.as_str();
        let directory = self.depot.path(handle);
        env.extend(spec.env.iter().cloned());
        let bind = |bind: &warren_wire_garden::container::BindMount| Bind {
            source: bind.src_path.clone().into(),
            destination: bind.dst_path.clone().into(),
            writable: bind.mode == BindMountMode::READ_WRITE,
            private: false,
        };
        let some = |value: u64| (value > 0).then_some(value);
        let limits = &spec.limits;
        let mut wanted = Wanted::new(
            handle,
            rootfs,
            self.config.init.clone(),
            self.groups.place().clone(),
        );
        wanted.cgroup = CgroupSpec {
            parent: self.groups.place().clone(),
            name: file_name(handle),
            keeper: self.groups.keepers(),
        };
        wanted.privileged = spec.privileged;
        wanted.env = env;
        wanted.binds = spec.bind_mounts.iter().map(bind).collect();
        wanted.hosts = Some(directory.join("hosts"));
        wanted.resolv_conf = Some(directory.join("resolv.conf"));
        wanted.hostname_file = Some(directory.join("hostname"));
        wanted.devices.clone_from(&self.config.devices);
        wanted.runtime.clone_from(&self.config.runtime);
        wanted.limits = Bounds {
            memory: some(limits.memory.limit_in_bytes),
            swap: self.config.swap,
            cpu_shares: some(limits.cpu.shares()),
            cpu_quota: self.config.cpu_quota(limits.cpu.shares()),
            io_weight: self.config.io_weight,
            pids: some(limits.pid.max),
        };
        wanted.apparmor.clone_from(&self.config.apparmor);
        wanted.sysctls.clone_from(&self.config.sysctls);
        wanted
    }
}
