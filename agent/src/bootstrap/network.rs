//! Names: the host's, those of others, and who is asked for more. Addresses are the CPI's affair.

use warren_dns::ADDRESS;
use warren_dns::resolv_conf::with_first;
use warren_wire_agent::dns::default_hosts;
use warren_wire_agent::settings::Settings;

use crate::agent::Agent;
use crate::files::{self, FileError, Lasting};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::say;

/// Sets host name, hosts and name servers.
///
/// # Errors
/// [`FileError`].
pub fn set_up(agent: &Agent, settings: &Settings) -> Result<(), FileError> {
    let (paths, name) = (&agent.paths, &*settings.agent_id);
    files::replace(
        &paths.hostname(),
        format!("{name}\n").as_bytes(),
        0o644,
        Owner::ROOT,
        Lasting::UntilReboot,
    )?;
    if paths.is_system()
        && let Err(errno) = rustix::system::sethostname(name.as_bytes())
    {
        say!("bootstrap", "the host keeps its name: {errno}");
    }
    // Records that were synced before a restart are in the hosts file already.
    if !paths.records().exists() {
        files::replace(
            &paths.hosts(),
            default_hosts(name).as_bytes(),
            0o644,
            Owner::ROOT,
            Lasting::UntilReboot,
        )?;
    }
    let unconfigured = settings
        .networks
        .iter()
        .filter(|(_, network)| !network.preconfigured && network.r#type != "vip");
    for (name, _) in unconfigured {
        say!(
            "bootstrap",
            "network {name} is left as it is: only preconfigured ones are supported"
        );
    }
    name_servers(paths, settings.name_servers())
}

fn name_servers(paths: &Paths, servers: &[String]) -> Result<(), FileError> {
    let path = paths.resolv_conf();
    let before = files::read_if_there(&path)?.unwrap_or_default();
    match resolv_conf(&String::from_utf8_lossy(&before), servers) {
        Some(text) => {
            let lasting = Lasting::UntilReboot;
            files::replace(&path, text.as_bytes(), 0o644, Owner::ROOT, lasting)
        }
        None => Ok(()),
    }
}

/// The text with these name servers, if there are any. The machine's own name server stays the first
/// one where it is that: it answers, and there shall be no moment without its names.
fn resolv_conf(before: &str, servers: &[String]) -> Option<String> {
    let is_address = |server: &&String| server.parse::<std::net::IpAddr>().is_ok();
    let lines: Vec<String> = servers
        .iter()
        .filter(is_address)
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    if lines.is_empty() {
        return None;
    }
    let text = format!("# Written by the agent\n{}", lines.concat());
    // Nothing to change there: ours is the first.
    if with_first(before, ADDRESS).is_none() {
        return Some(with_first(&text, ADDRESS).unwrap_or(text));
    }
    Some(text)
}

/// Writes the time servers where the stemcell's clock service reads them; tells whether there are
/// any.
///
/// # Errors
/// [`FileError`].
pub fn time_servers(paths: &Paths, settings: &Settings) -> Result<bool, FileError> {
    let own = &settings.env.bosh.ntp;
    let servers = if own.is_empty() { &settings.ntp } else { own };
    if servers.is_empty() {
        return Ok(false);
    }
    let path = paths.etc_bosh().join("ntpserver");
    let text = servers.join(" ");
    let lasting = Lasting::UntilReboot;
    files::store(&path, text.as_bytes(), 0o644, Owner::ROOT, lasting)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::resolv_conf;

    #[test]
    fn the_own_name_server_stays_first() {
        let servers = ["10.0.0.1", "junk", "10.0.0.2"].map(str::to_owned);
        let plain = "# Written by the agent\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n";
        let with = "# Written by the agent\nnameserver 169.254.0.2\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n";
        assert_eq!(
            resolv_conf("nameserver 10.9.9.9\n", &servers).unwrap(),
            plain
        );
        assert_eq!(resolv_conf("", &servers).unwrap(), plain);
        let before = "nameserver 169.254.0.2\nnameserver 10.9.9.9\n";
        assert_eq!(resolv_conf(before, &servers).unwrap(), with);
        assert_eq!(resolv_conf(before, &[]), None);
    }
}
