//! A subnet of a manual network, and what subnets of all networks share.

use std::net::IpAddr;

use super::{AvailabilityZone, CloudOptions};
use crate::check::{Fields, Int, Invalid, refuse, to_s};
use crate::ip::{Cidr, IpError, IpRange};
use crate::yaml::{Mapping, Value};

/// A range of addresses with a gateway.
///
/// Never given to a VM: the gateway, the first and the last address, what is reserved, and the director's
/// own addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its name, if it has one; managed networks need it.
    pub name: Option<String>,
    /// Its addresses; only in a managed network they may be left to the infrastructure.
    pub range: Option<Cidr>,
    /// The gateway.
    pub gateway: Option<IpAddr>,
    /// Name servers, if any are named.
    pub dns: Option<Vec<IpAddr>>,
    /// What is never given away.
    pub restricted: Vec<Cidr>,
    /// What is given only to those who name it.
    pub static_ips: Vec<Cidr>,
    /// What is given at once: 32 or 128, or less where whole prefixes are delegated.
    pub prefix: Option<u8>,
    /// The size of a managed subnet.
    pub netmask_bits: Option<i128>,
    /// Its availability zones, if it has any.
    pub azs: Option<Vec<String>>,
    /// What the CPI wants to know.
    pub cloud_properties: Mapping,
}

impl Subnet {
    pub(super) fn parse(
        fields: Fields<'_>,
        network: &str,
        azs: &[AvailabilityZone],
        managed: bool,
        options: &CloudOptions,
    ) -> Result<Subnet, Invalid> {
        let name = match managed {
            true => Some(fields.required("name")?),
            false => fields.value("name").map(to_s),
        };
        let range: Option<String> = match managed {
            true => fields.optional("range")?,
            false => Some(fields.required("range")?),
        };
        let gateway: Option<String> = match managed || options.ignore_missing_gateway {
            true => fields.optional("gateway")?,
            false => Some(fields.required("gateway")?),
        };
        let mut subnet = Subnet {
            name,
            range: None,
            gateway: None,
            dns: None,
            restricted: Vec::new(),
            static_ips: Vec::new(),
            prefix: None,
            netmask_bits: None,
            azs: None,
            cloud_properties: Mapping::new(),
        };
        if let Some(text) = range {
            subnet.addresses(&text, gateway, fields, network, options)?;
        }
        subnet.dns = name_servers(fields, network)?;
        subnet.azs = zones(fields, network, azs)?;
        subnet.netmask_bits = fields.optional("netmask_bits")?.map(|Int(bits)| bits);
        subnet.cloud_properties = fields.map("cloud_properties")?;
        Ok(subnet)
    }

    fn addresses(
        &mut self,
        text: &str,
        gateway: Option<String>,
        fields: Fields<'_>,
        network: &str,
        options: &CloudOptions,
    ) -> Result<(), Invalid> {
        let range: Cidr = text.parse().map_err(invalid)?;
        if range.is_single() {
            refuse!(
                NetworkInvalidRange,
                "Invalid network range '{text}', should include at least 2 IPs"
            );
        }
        self.range = Some(range);
        if let Some(text) = gateway {
            let gateway: Cidr = text.parse().map_err(invalid)?;
            let wrong = |reason: &str| {
                let message = format!("Invalid gateway for network '{network}': {reason}");
                Err(Invalid::new(
                    crate::check::Code::NetworkInvalidGateway,
                    message,
                ))
            };
            if !gateway.is_single() {
                return wrong("must be a single IP");
            }
            if !range.contains(&gateway) {
                return wrong("must be inside the range");
            }
            if gateway.first() == range.first() {
                return wrong("can't be the network id");
            }
            if gateway.first() == range.last() {
                return wrong("can't be the broadcast IP");
            }
            self.gateway = Some(gateway.first());
            self.restricted.push(gateway);
        }
        self.restricted.push(Cidr::single(range.first()));
        self.restricted.push(Cidr::single(range.last()));
        for reserved in ranges(fields.value("reserved"))? {
            for cidr in reserved.cidrs() {
                if !range.contains(&cidr) {
                    refuse!(
                        NetworkReservedIpOutOfRange,
                        "Reserved IP '{cidr}' is out of network '{network}' range"
                    );
                }
                self.restricted.push(cidr);
            }
        }
        let own = options.director_ips.iter().map(|ip| Cidr::single(*ip));
        self.restricted.extend(own.filter(|ip| range.contains(ip)));
        self.drop_covered();
        for wanted in ranges(fields.value("static"))? {
            for cidr in wanted.cidrs() {
                if self
                    .restricted
                    .iter()
                    .any(|restricted| restricted.contains(&cidr))
                {
                    refuse!(
                        NetworkStaticIpOutOfRange,
                        "Static IP '{cidr}' is in network '{network}' reserved range"
                    );
                }
                if !range.contains(&cidr) {
                    refuse!(
                        NetworkStaticIpOutOfRange,
                        "Static IP '{cidr}' is out of network '{network}' range"
                    );
                }
                self.static_ips.push(cidr);
            }
        }
        self.prefix = Some(match fields.value("prefix") {
            None | Some(Value::Null) => {
                if range.is_v6() {
                    128
                } else {
                    32
                }
            }
            Some(value) => {
                let shown = to_s(value);
                let longest = if range.is_v6() { 128 } else { 32 };
                let prefix = shown.trim().parse::<u8>().unwrap_or(0).min(longest);
                if range.prefix() > prefix {
                    refuse!(
                        NetworkPrefixSizeTooBig,
                        "Prefix size '{shown}' is larger than range prefix '{}'",
                        range.prefix()
                    );
                }
                prefix
            }
        });
        Ok(())
    }

    /// Keeps of subnets inside of others only the others.
    fn drop_covered(&mut self) {
        let mut kept: Vec<Cidr> = Vec::with_capacity(self.restricted.len());
        let mut all = std::mem::take(&mut self.restricted);
        all.sort_by_key(|cidr| (cidr.is_v6(), cidr.first(), cidr.prefix()));
        for cidr in all {
            // Sorted by first address, larger first: only the last kept one can cover it.
            if !kept.last().is_some_and(|last| last.contains(&cidr)) {
                kept.push(cidr);
            }
        }
        self.restricted = kept;
    }

    /// Whether the director may give this address to someone, asked for or not.
    pub fn is_reservable(&self, ip: IpAddr) -> bool {
        let ip = Cidr::single(ip);
        self.range.is_some_and(|range| range.contains(&ip))
            && !self
                .restricted
                .iter()
                .any(|restricted| restricted.contains(&ip))
    }

    /// Whether only those get this address who ask for it.
    pub fn is_static(&self, ip: IpAddr) -> bool {
        let ip = Cidr::single(ip);
        self.static_ips.iter().any(|wanted| wanted.contains(&ip))
    }
}

fn invalid(error: IpError) -> Invalid {
    Invalid::new(
        crate::check::Code::NetworkInvalidIpRangeFormat,
        error.to_string(),
    )
}

/// One expression for addresses.
pub(crate) fn range(value: &Value) -> Result<IpRange, Invalid> {
    to_s(value).parse().map_err(invalid)
}

/// One expression, or a list of them, or nothing.
pub(crate) fn ranges(value: Option<&Value>) -> Result<Vec<IpRange>, Invalid> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Seq(items)) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                all.extend(ranges(Some(item))?);
            }
            Ok(all)
        }
        Some(value) => Ok(vec![range(value)?]),
    }
}

pub(super) fn name_servers(
    fields: Fields<'_>,
    network: &str,
) -> Result<Option<Vec<IpAddr>>, Invalid> {
    let Some(list) = fields.optional::<&[Value]>("dns")? else {
        return Ok(None);
    };
    let mut servers = Vec::with_capacity(list.len());
    for value in list {
        match to_s(value).parse::<Cidr>() {
            Ok(cidr) if cidr.is_single() => servers.push(cidr.first()),
            _ => refuse!(
                NetworkInvalidDns,
                "Invalid DNS for network '{network}': must be a single IP"
            ),
        }
    }
    Ok(Some(servers))
}

/// `az` or `azs` of a subnet.
pub(super) fn zones(
    fields: Fields<'_>,
    network: &str,
    azs: &[AvailabilityZone],
) -> Result<Option<Vec<String>>, Invalid> {
    if fields.has("az") && fields.has("azs") {
        refuse!(
            NetworkInvalidProperty,
            "Network '{network}' contains both 'az' and 'azs'. Choose one."
        );
    }
    let names: Vec<String> = match fields.optional::<&[Value]>("azs")? {
        Some([]) => {
            refuse!(
                NetworkInvalidProperty,
                "Network '{network}' refers to an empty 'azs' array"
            )
        }
        Some(names) => names.iter().map(to_s).collect(),
        None => match fields.optional("az")? {
            None => return Ok(None),
            Some(name) => vec![name],
        },
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| !azs.iter().any(|az| az.name == **name))
    {
        refuse!(
            NetworkSubnetUnknownAvailabilityZone,
            "Network '{network}' refers to an unknown availability zone '{unknown}'"
        );
    }
    Ok(Some(names))
}
