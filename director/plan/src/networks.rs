//! Which networks an instance is on, and with which addresses.

use serde_json::Map;
use warren_wire_manifest::cloud_config::{Network, NetworkKind};
use warren_wire_manifest::deployment::InstanceGroup;
use warren_wire_manifest::ip::Cidr;

use crate::addresses::{Pool, allocate, can_keep, check_static};
use crate::output::{AddressPlan, NetworkPlan, Reservation};
use crate::placement::Placed;
use crate::{Error, Input, Instance, Taken, settings};

/// The networks of an instance, which has the addresses `own`; the other answer is those of them that
/// it does not keep.
///
/// # Errors
/// Codes 130008 to 130013, 150002.
pub(crate) fn networks<'t>(
    input: &Input<'_>,
    group: &InstanceGroup,
    instance: Option<&Instance>,
    place: &Placed,
    title: &str,
    mut own: Vec<&'t Taken>,
    pool: &mut Pool,
) -> Result<(Vec<NetworkPlan>, Vec<&'t Taken>), Error> {
    let row = instance.map(|instance| instance.id);
    let mut plans = Vec::with_capacity(group.networks.len());
    for wanted in &group.networks {
        let Some(network) = input.cloud.network(&wanted.name) else {
            continue;
        };
        let fixed = place.static_ips.get(&wanted.name).copied();
        let address = match &network.kind {
            NetworkKind::Dynamic { .. } => None,
            NetworkKind::Vip { .. } => {
                fixed.map(|ip| keep_or_take(&mut own, Cidr::single(ip), true))
            }
            NetworkKind::Manual { .. } => Some(match fixed {
                Some(ip) => {
                    let address = check_static(network, ip, title, row, input.taken)?;
                    pool.take(address);
                    keep_or_take(&mut own, address, true)
                }
                None => match kept(network, place.az.as_deref(), instance, &mut own) {
                    Some(kept) => kept,
                    None => AddressPlan {
                        address: allocate(network, place.az.as_deref(), title, pool)?,
                        is_static: false,
                        from: Reservation::New,
                    },
                },
            }),
        };
        let plan = network_plan(network, place.az.as_deref(), &wanted.default, address);
        plans.push(NetworkPlan {
            nic_group: wanted.nic_group.clone(),
            ..plan
        });
    }
    Ok((plans, own))
}

fn keep_or_take(own: &mut Vec<&Taken>, address: Cidr, is_static: bool) -> AddressPlan {
    let text = address.to_string();
    let from = match own.iter().position(|taken| taken.address == text) {
        Some(at) => Reservation::Kept(own.remove(at).id),
        None => Reservation::New,
    };
    AddressPlan {
        address,
        is_static,
        from,
    }
}

/// An address that the instance has and that the network can go on giving it.
fn kept(
    network: &Network,
    az: Option<&str>,
    instance: Option<&Instance>,
    own: &mut Vec<&Taken>,
) -> Option<AddressPlan> {
    let instance = instance?;
    if instance.az.as_deref() != az && instance.az.is_some() {
        return None;
    }
    let at = own.iter().position(|taken| {
        taken
            .address
            .parse::<Cidr>()
            .is_ok_and(|address| can_keep(network, az, address, taken.is_static))
    })?;
    let taken = own.remove(at);
    Some(AddressPlan {
        address: taken.address.parse().ok()?,
        is_static: taken.is_static,
        from: Reservation::Kept(taken.id),
    })
}

fn network_plan(
    network: &Network,
    az: Option<&str>,
    default: &[String],
    address: Option<AddressPlan>,
) -> NetworkPlan {
    // `addressable` is the director's own word; agents know the two others.
    let told: Vec<String> = default
        .iter()
        .filter(|item| *item != "addressable")
        .cloned()
        .collect();
    let (kind, settings) = match (&network.kind, &address) {
        (NetworkKind::Manual { .. }, Some(address)) => (
            "manual",
            crate::addresses::subnet_of(network, address.address.first())
                .map(|subnet| settings::manual(subnet, address.address, &told))
                .unwrap_or_default(),
        ),
        (NetworkKind::Vip { .. }, Some(address)) => {
            ("vip", settings::vip(network, address.address))
        }
        (NetworkKind::Dynamic { .. }, _) => ("dynamic", settings::dynamic(network, az, &told)),
        (NetworkKind::Manual { .. }, None) => ("manual", Map::new()),
        (NetworkKind::Vip { .. }, None) => ("vip", Map::new()),
    };
    NetworkPlan {
        name: network.name.clone(),
        kind,
        address,
        settings,
        default: default.to_vec(),
        nic_group: None,
    }
}
