//! Text of `/etc/hosts` and `/etc/resolv.conf` for a container. Pure.

use std::net::IpAddr;

#[cfg(test)]
mod tests;

/// Longest host name made from a handle; its last letters count.
const HOST_NAME: usize = 49;

/// The host name of a container: the last 49 letters of its handle.
#[must_use]
pub fn host_name(handle: &str) -> &str {
    let start = handle
        .char_indices()
        .rev()
        .take(HOST_NAME)
        .last()
        .map_or(0, |(index, _)| index);
    &handle[start..]
}

/// `/etc/hosts`: localhost, the container's own name at its addresses, and `additional` lines.
#[must_use]
pub fn hosts(handle: &str, addresses: &[IpAddr], additional: &[String]) -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    if addresses.iter().any(IpAddr::is_ipv6) {
        text.push_str("::1 localhost ip6-localhost ip6-loopback\n");
    }
    let name: String = host_name(handle)
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .collect();
    for address in addresses {
        text.push_str(&format!("{address} {name}\n"));
    }
    for line in additional {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Where a container's name servers come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver<'a> {
    /// Name servers to use; none means those of the host.
    pub servers: &'a [IpAddr],
    /// Name servers after those.
    pub additional: &'a [IpAddr],
    /// Search domains; none means those of the host, if its name servers are used.
    pub search: &'a [String],
    /// The host's `/etc/resolv.conf`.
    pub host: &'a str,
    /// The file with the true servers where the host's names a local stub alone
    /// (`/run/systemd/resolve/resolv.conf`), if there is one.
    pub behind_stub: Option<&'a str>,
    /// The bridge's address: the last resort where the host's server is on its loopback.
    pub gateway: Option<IpAddr>,
}

/// `/etc/resolv.conf`.
///
/// Loopback servers of the host mean nothing in the container and are left out. If no other is
/// left, the file behind the stub is taken, and if that has none either, the gateway.
#[must_use]
pub fn resolv_conf(resolver: &Resolver<'_>) -> String {
    let mut lines = Vec::new();
    if resolver.servers.is_empty() {
        lines = usable(resolver.host, resolver.search);
        if !has_server(&lines)
            && let Some(behind) = resolver.behind_stub
        {
            lines = usable(behind, resolver.search);
        }
        let is_stub = resolver.host.lines().any(|line| server(line).is_some());
        if !has_server(&lines)
            && is_stub
            && let Some(gateway) = resolver.gateway
        {
            lines.push(format!("nameserver {gateway}"));
        }
    } else {
        lines.extend(resolver.servers.iter().map(|ip| format!("nameserver {ip}")));
    }
    let additional = resolver.additional.iter();
    lines.extend(additional.map(|ip| format!("nameserver {ip}")));
    if !resolver.search.is_empty() {
        lines.push(format!("search {}", resolver.search.join(" ")));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Where machines of a director have a name server of their own, which only they reach. Other
/// link-local addresses may be anybody's.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 0, 2));

/// What of a host's file holds in a container too.
fn usable(text: &str, search: &[String]) -> Vec<String> {
    let kept = text.lines().map(str::trim).filter(|line| {
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            "nameserver" => server(line).is_some_and(|ip| !ip.is_loopback() && ip != OWN),
            "search" | "domain" => search.is_empty(),
            "options" | "sortlist" => true,
            _ => false,
        }
    });
    kept.map(str::to_owned).collect()
}

/// The address of a `nameserver` line. A zone (`fe80::1%eth0`) names a link of the host.
fn server(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (Some("nameserver"), Some(address)) => address.parse().ok(),
        _ => None,
    }
}

fn has_server(lines: &[String]) -> bool {
    lines.iter().any(|line| server(line).is_some())
}
