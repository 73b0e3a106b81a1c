//! Which instance is in which zone, and which of those that there are stay.
//!
//! Without static addresses: instances that are left alone keep their place; those with disks stay in
//! their zone; the rest go where the fewest are, where one already is before where none is, then by the
//! zone's name, or by chance if the manifest wants that (`randomize_az_placement`). With static addresses: whoever has one that is still listed keeps it and its zone, the
//! others are spread over the zones that can give them one.
//!
//! Source: reference of the deploy engine, section 10.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sha1::{Digest, Sha1};
use warren_wire_manifest::check::instead;
use warren_wire_manifest::cloud_config::{CloudConfig, Network};
use warren_wire_manifest::deployment::InstanceGroup;
use warren_wire_manifest::ip::Cidr;

use crate::addresses::{ranges, serves, subnet_of};
use crate::{Error, Instance, Taken};

/// A place of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Which of the candidates is there.
    pub(crate) existing: Option<usize>,
    /// The zone.
    pub(crate) az: Option<String>,
    /// Static addresses by network.
    pub(crate) static_ips: BTreeMap<String, IpAddr>,
}

/// What there is for a group, in order of numbers.
pub(crate) struct Candidates<'a> {
    pub(crate) group: &'a InstanceGroup,
    pub(crate) cloud: &'a CloudConfig,
    pub(crate) instances: Vec<(usize, &'a Instance)>,
    pub(crate) taken: &'a [Taken],
    /// The deployment, if zones with as many instances are not taken by their names.
    pub(crate) scattered: Option<&'a str>,
}

impl Candidates<'_> {
    /// Finds a place for all instances that are wanted.
    pub(crate) fn place(&self) -> Result<Vec<Placed>, Error> {
        self.check_ignored()?;
        let has_static = self
            .group
            .networks
            .iter()
            .any(|network| network.static_ips.is_some());
        if has_static {
            self.place_static()
        } else {
            Ok(self.place_evenly())
        }
    }

    fn zones(&self) -> Vec<Option<String>> {
        match &self.group.azs {
            Some(azs) => azs.iter().cloned().map(Some).collect(),
            None => vec![None],
        }
    }

    /// The zone of an instance, as the group it comes from may have known it.
    fn zone(&self, instance: &Instance) -> Option<String> {
        instance.az.clone().or_else(|| {
            self.group
                .migrated_from
                .iter()
                .find(|from| from.name == instance.group)
                .and_then(|from| from.az.clone())
        })
    }

    fn check_ignored(&self) -> Result<(), Error> {
        let ignored = self
            .instances
            .iter()
            .filter(|(_, instance)| instance.ignored);
        let wanted = self.group.instances as usize;
        let mut count = 0;
        for (_, instance) in ignored {
            count += 1;
            let zone = self.zone(instance);
            if !self.zones().contains(&zone) {
                return Err(Error::new(
                    190_020,
                    format!(
                        "Instance Group '{}' no longer contains AZs [\"{}\"] where ignored instance(s) exist.",
                        self.group.name,
                        zone.unwrap_or_default()
                    ),
                ));
            }
        }
        if count > wanted {
            return Err(Error::new(
                190_020,
                format!(
                    "Instance Group '{}' has {count} ignored instance(s). {wanted} instance(s) of that instance group were requested. \
                     Deleting ignored instances is not allowed.",
                    self.group.name
                ),
            ));
        }
        Ok(())
    }

    fn place_evenly(&self) -> Vec<Placed> {
        let zones = self.zones();
        let wanted = self.group.instances as usize;
        let mut placed: Vec<Placed> = Vec::with_capacity(wanted);
        let mut left: Vec<(usize, &Instance)> = self.instances.clone();
        let mut claim = |left: &mut Vec<(usize, &Instance)>, at: usize, az: Option<String>| {
            let (existing, _) = left.remove(at);
            placed.push(Placed {
                existing: Some(existing),
                az,
                static_ips: BTreeMap::new(),
            });
            placed.len()
        };
        let mut count = 0;
        let stays: [fn(&Instance) -> bool; 2] = [
            |instance| instance.ignored,
            |instance| !instance.disks.is_empty(),
        ];
        for stay in stays {
            let mut at = 0;
            while count < wanted && at < left.len() {
                let (_, instance) = left[at];
                let zone = self.zone(instance);
                if stay(instance) && zones.contains(&zone) {
                    count = claim(&mut left, at, zone);
                } else {
                    at += 1;
                }
            }
        }
        while placed.len() < wanted {
            let load =
                |zone: &Option<String>| placed.iter().filter(|place| place.az == *zone).count();
            let there = |zone: &Option<String>| {
                left.iter()
                    .position(|(_, instance)| self.zone(instance) == *zone)
            };
            let place = placed.len();
            let best = zones.iter().min_by_key(|zone| {
                let chance = self.chance(place, zone);
                (load(zone), there(zone).is_none(), chance, (*zone).clone())
            });
            let Some(zone) = best.cloned() else { break };
            let existing = there(&zone).map(|at| left.remove(at).0);
            placed.push(Placed {
                existing,
                az: zone,
                static_ips: BTreeMap::new(),
            });
        }
        placed
    }

    /// What a zone gets for a place where chance decides. It is the same each time, for a plan is made again
    /// when its instances have got rows.
    fn chance(&self, place: usize, zone: &Option<String>) -> Option<[u8; 20]> {
        let zone = zone.as_deref().unwrap_or_default();
        let group = &self.group.name;
        let deployment = self.scattered?;
        let text = format!("{deployment}/{group}/{place}/{zone}");
        Some(Sha1::digest(text.as_bytes()).into())
    }

    fn place_static(&self) -> Result<Vec<Placed>, Error> {
        let mut fixed: Vec<(&Network, Vec<IpAddr>)> = Vec::new();
        for network in &self.group.networks {
            let (Some(ranges), Some(known)) =
                (&network.static_ips, self.cloud.network(&network.name))
            else {
                continue;
            };
            let ips: Vec<IpAddr> = ranges.iter().flat_map(|range| range.iter()).collect();
            fixed.push((known, ips));
        }
        let impossible = || {
            Error::new(
                150_002,
                format!(
                    "Failed to distribute static IPs to satisfy existing instance reservations of instance group '{}'{}",
                    self.group.name,
                    self.no_use(&fixed)
                ),
            )
        };
        let wanted = self.group.instances as usize;
        let mut places: Vec<Placed> = Vec::with_capacity(wanted);
        // Whoever has an address that is listed keeps it.
        for (existing, instance) in &self.instances {
            let zone = self.zone(instance);
            let mut kept = BTreeMap::new();
            for (network, ips) in &fixed {
                if let Some(ip) = ips.iter().find(|ip| self.holds(instance, **ip)) {
                    self.check_zone(network, *ip, zone.as_deref(), instance)?;
                    kept.insert(network.name.clone(), *ip);
                }
            }
            if !kept.is_empty() && self.zones().contains(&zone) && places.len() < wanted {
                places.push(Placed {
                    existing: Some(*existing),
                    az: zone,
                    static_ips: kept,
                });
            }
        }
        // The others go where an address can be had, evenly.
        while places.len() < wanted {
            let mut zones = self.zones();
            let load =
                |zone: &Option<String>| places.iter().filter(|place| place.az == *zone).count();
            zones.sort_by_key(|zone| (load(zone), zone.clone()));
            let free = |zone: &Option<String>| -> Option<BTreeMap<String, IpAddr>> {
                fixed
                    .iter()
                    .map(|(network, ips)| {
                        let ip = ips.iter().find(|ip| {
                            !places
                                .iter()
                                .any(|place| place.static_ips.get(&network.name) == Some(ip))
                                && self.gives(network, **ip, zone.as_deref())
                        })?;
                        Some((network.name.clone(), *ip))
                    })
                    .collect()
            };
            let (zone, ips) = zones
                .into_iter()
                .find_map(|zone| free(&zone).map(|ips| (zone, ips)))
                .ok_or_else(impossible)?;
            let reused = self.instances.iter().find(|(place, instance)| {
                self.zone(instance) == zone
                    && !places.iter().any(|placed| placed.existing == Some(*place))
            });
            places.push(Placed {
                existing: reused.map(|(place, _)| *place),
                az: zone,
                static_ips: ips,
            });
        }
        // Networks of an instance that keeps only some of its addresses.
        for at in 0..places.len() {
            for (network, ips) in &fixed {
                if places[at].static_ips.contains_key(&network.name) {
                    continue;
                }
                let zone = places[at].az.clone();
                let ip = ips.iter().find(|ip| {
                    !places
                        .iter()
                        .any(|place| place.static_ips.get(&network.name) == Some(ip))
                        && self.gives(network, **ip, zone.as_deref())
                });
                let ip = *ip.ok_or_else(impossible)?;
                places[at].static_ips.insert(network.name.clone(), ip);
            }
        }
        Ok(places)
    }

    /// The first of the addresses that no instance of the group can have, and why.
    fn no_use(&self, fixed: &[(&Network, Vec<IpAddr>)]) -> String {
        let zones = self.zones();
        let is_usable = |network: &Network, ip: IpAddr| {
            let mut zones = zones.iter();
            zones.any(|zone| self.gives(network, ip, zone.as_deref()))
        };
        let mut all = fixed
            .iter()
            .flat_map(|(network, ips)| ips.iter().map(|ip| (*network, *ip)));
        let Some((network, ip)) = all.find(|(network, ip)| !is_usable(network, *ip)) else {
            return String::new();
        };
        let name = &network.name;
        let has = instead("the network", ranges(network).iter().map(String::as_str));
        match subnet_of(network, ip) {
            None => format!(": '{ip}' is not in any subnet of network '{name}'{has}"),
            Some(_) => {
                format!(
                    ": the subnet of '{ip}' in network '{name}' is in none of the group's zones"
                )
            }
        }
    }

    fn holds(&self, instance: &Instance, ip: IpAddr) -> bool {
        self.taken.iter().any(|taken| {
            taken.instance == Some(instance.id)
                && taken
                    .address
                    .parse::<Cidr>()
                    .is_ok_and(|address| address.first() == ip)
        })
    }

    /// Whether a network can give an address to an instance in a zone.
    fn gives(&self, network: &Network, ip: IpAddr, az: Option<&str>) -> bool {
        match subnet_of(network, ip) {
            Some(subnet) => serves(subnet.azs.as_ref(), az),
            // VIP networks have no subnets of their own.
            None => !matches!(
                network.kind,
                warren_wire_manifest::cloud_config::NetworkKind::Manual { .. }
            ),
        }
    }

    fn check_zone(
        &self,
        network: &Network,
        ip: IpAddr,
        az: Option<&str>,
        instance: &Instance,
    ) -> Result<(), Error> {
        if self.gives(network, ip, az) {
            return Ok(());
        }
        Err(Error::new(
            130_010,
            format!(
                "Failed to distribute static IPs to satisfy existing instance reservations: instance '{}/{}' in zone '{}' has '{ip}' of network '{}', which is in another zone now",
                self.group.name,
                instance.uuid,
                az.unwrap_or_default(),
                network.name
            ),
        ))
    }
}
