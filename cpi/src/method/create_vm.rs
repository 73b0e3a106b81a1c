//! `create_vm`: a container, its directories, its agent's settings, and its agent.
//!
//! ```text
//! plan ─► mark ─► directories ─► container ─► settings ─► agent ─► unmark
//!                 └──────── any failure: all in reverse, then unmark ───┘
//! ```
//!
//! A caller that may die before it hears the id says in the call's context what the id shall be
//! (`warren_vm_cid`), and can ask for such a machine later.

use serde_json::{Map, Value, json};
use warren_wire_cpi::{Networks, Version};
use warren_wire_garden::container::{
    BindMount, BindMountMode, BindMountOrigin, ContainerSpec, ImageRef, Properties,
};
use warren_wire_garden::network::{NetIn, Transport};

use crate::networks::{self, add_name_servers, wired};
use crate::place::Places;
use crate::{Cpi, Error, forgotten, properties, settings, start, stemcell, vm};

/// Where servers stand that a local stub asks.
const RESOLV_CONF: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// The host's control groups, for machines that are to see them.
const CGROUPS: &str = "/sys/fs/cgroup";
/// The property that tells a machine's agent.
pub(crate) const AGENT: &str = "bosh.agent_id";

/// The step that Garden first hears of.
const CREATING: &str = "Creating container";

/// The arguments.
pub(super) struct Wanted {
    /// The id that it shall have.
    pub(super) cid: String,
    pub(super) agent_id: String,
    pub(super) stemcell_cid: String,
    pub(super) cloud_properties: Map<String, Value>,
    pub(super) networks: Networks,
    /// Disks that follow; all are on this host anyway.
    pub(super) disk_cids: Vec<String>,
    pub(super) env: Map<String, Value>,
}

impl Cpi {
    pub(super) fn create_vm(&self, wanted: Wanted, version: Version) -> Result<Value, Error> {
        let agent = wanted.agent_id.clone();
        let failed = |remains: String| {
            move |source| Error::Creation {
                agent,
                remains,
                source: Box::new(source),
            }
        };
        let places = self.places()?;
        for told in vm::sweep(&places, &self.garden) {
            self.note(told);
        }
        let cid = wanted.cid.clone();
        // What fails is removed under its name, which must not be another's.
        let is_free = match vm::exists(&self.garden, &cid) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Error::Value(format!("there is a VM '{cid}' already"))),
            Err(error) => Err(error),
        };
        if let Err(error) = is_free {
            return Err(failed(String::new())(error));
        }
        let plan = match self.plan(&places, wanted) {
            Ok(planned) => planned,
            Err(error) => return Err(failed(String::new())(error)),
        };
        let mark = vm::Mark::new(&places, &cid)?;
        match self.make(&places, &cid, plan) {
            Ok(networks) => {
                mark.remove()?;
                Ok(match version {
                    0 | 1 => json!(cid),
                    _ => json!([cid, networks::for_director(&networks)]),
                })
            }
            Err(error) => {
                let gone = match is_unsent(&error) {
                    true => vm::remove_directories(&places, &cid),
                    false => vm::remove(&places, &self.garden, &cid),
                };
                let gone = gone.and_then(|()| mark.remove());
                let remains = match gone {
                    Ok(()) => String::new(),
                    Err(left) => format!(
                        "; and VM {cid} cannot be removed yet ({})",
                        warren_lib_errchain::chain(&left)
                    ),
                };
                Err(failed(remains)(error))
            }
        }
    }

    fn plan(&self, places: &Places, wanted: Wanted) -> Result<Plan, Error> {
        let cid = wanted.cid;
        let image = stemcell::image(places, &wanted.stemcell_cid)?;
        let wishes = properties::read(&wanted.cloud_properties)?;
        for disk in &wanted.disk_cids {
            if !crate::disk::exists(places, disk) {
                return Err(Error::DiskNotFound(disk.clone()));
            }
        }
        let mut networks = wanted.networks;
        add_name_servers(&mut networks, of_host);
        let chosen = wired(&networks)?;
        let network = chosen.to_garden()?;
        let (wired, is_dynamic) = (chosen.name.to_owned(), chosen.network.is_dynamic());
        for unseen in networks::unseen(&networks, &wired) {
            self.note(format!(
                "a container has one interface, on network '{wired}'; network '{unseen}' is told to \
                 the agent only"
            ));
        }
        let actions = &self.config.actions;
        let bind = |from: String, to: &str| BindMount {
            src_path: from,
            dst_path: to.to_owned(),
            mode: BindMountMode::READ_WRITE,
            origin: BindMountOrigin::HOST,
        };
        let mut bind_mounts = vec![
            bind(
                places.ephemeral(&cid).display().to_string(),
                &actions.guestephemeralbindmountpath,
            ),
            bind(
                places.guest(&cid).display().to_string(),
                &actions.guestpersistentbindmountsdir,
            ),
        ];
        if actions.bindhostcgroup {
            bind_mounts.push(bind(CGROUPS.to_owned(), CGROUPS));
        }
        // Garden, but for Warren's, takes each port for one of TCP when it makes a container, and says nothing.
        let (udp, tcp) = wishes
            .ports
            .into_iter()
            .partition(|port| port.protocol == Transport::Udp);
        let spec = ContainerSpec {
            handle: cid,
            image: ImageRef {
                uri: image,
                ..ImageRef::default()
            },
            network,
            bind_mounts,
            properties: Properties::from([(AGENT.to_owned(), wanted.agent_id.clone())]),
            privileged: true,
            limits: wishes.limits,
            netin: tcp,
            ..ContainerSpec::default()
        };
        let plan = Plan {
            mapped_later: udp,
            agent_id: wanted.agent_id,
            env: wanted.env,
            networks,
            spec,
            asks_for_address: is_dynamic.then_some(wired),
        };
        Ok(plan)
    }

    fn make(&self, places: &Places, cid: &str, plan: Plan) -> Result<Networks, Error> {
        vm::make_directories(places, cid)?;
        self.create_container(places, cid, &plan.spec)?;
        for wanted in &plan.mapped_later {
            let made = self.garden.map(cid, wanted);
            let made = made.map_err(Error::garden("Mapping a port", cid))?;
            if made.protocol != wanted.protocol {
                return Err(Error::NotSupported(format!(
                    "cloud property 'ports': this Garden maps TCP ports only, so that UDP port {} cannot be had; \
                     Warren's maps both",
                    wanted.host_port
                )));
            }
        }
        let mut networks = plan.networks;
        if let Some(network) = plan
            .asks_for_address
            .and_then(|name| networks.get_mut(&name))
        {
            let info = self.garden.info(cid);
            let info = info.map_err(Error::garden("Finding the container's address", cid))?;
            network.ip = Some(info.container_ip).filter(|ip| !ip.is_empty());
        }
        let agent = &self.config.actions.agent;
        let for_agent = networks::for_agent(&networks);
        let told = (agent.mbus.as_str(), agent.ntp.as_slice());
        let settings = settings::new(&plan.agent_id, cid, told, for_agent, &plan.env);
        let archive = settings::archive(&settings, cid).map_err(|error| {
            Error::host("write the archive for", settings::DIRECTORY)(std::io::Error::other(error))
        })?;
        self.garden
            .stream_in(cid, "root", settings::DIRECTORY, archive.as_slice())
            .map_err(Error::garden("Writing the agent's settings", cid))?;
        start::services(&self.garden, cid, self.config.start_containers_with_systemd)?;
        Ok(networks)
    }
}

impl Cpi {
    /// Makes the container, also if its address has to be freed first.
    fn create_container(
        &self,
        places: &Places,
        cid: &str,
        spec: &ContainerSpec,
    ) -> Result<(), Error> {
        let failed = Error::garden(CREATING, cid);
        let Err(error) = self.garden.create(spec) else {
            return Ok(());
        };
        let ip = spec.network.split('/').next().unwrap_or_default();
        let said = error.refusal().map(ToString::to_string).unwrap_or_default();
        if ip.is_empty() || !said.contains(&format!("{ip} is already in use")) {
            return Err(failed(error));
        }
        match forgotten::free(places, &self.garden, ip)? {
            None => Err(failed(error)),
            Some(gone) => {
                self.note(format!(
                    "removed VM {gone}, which had the address {ip} and which no director had heard of"
                ));
                self.garden
                    .create(spec)
                    .map(drop)
                    .map_err(Error::garden(CREATING, cid))
            }
        }
    }
}

/// What is to be made.
struct Plan {
    agent_id: String,
    env: Map<String, Value>,
    networks: Networks,
    spec: ContainerSpec,
    /// Ports that are mapped when the container is there.
    mapped_later: Vec<NetIn>,
    /// The network whose address Garden gives.
    asks_for_address: Option<String>,
}

/// Whether Garden has never heard of the container: it could not even be reached.
fn is_unsent(error: &Error) -> bool {
    let Error::Garden { step, source } = error else {
        return false;
    };
    step == CREATING && matches!(**source, warren_garden_client::Error::Connect { .. })
}

/// The host's name servers, but those that only the host can reach.
fn of_host() -> Vec<String> {
    let servers = |path| networks::name_servers(&std::fs::read_to_string(path).unwrap_or_default());
    let mut found = RESOLV_CONF.into_iter().map(servers);
    found.find(|list| !list.is_empty()).unwrap_or_default()
}
