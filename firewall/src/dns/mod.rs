//! Host names as this root filesystem resolves them: `/etc/hosts`, then `/etc/resolv.conf`.
//!
//! Not the C library's resolver: a static executable would load the name service
//! modules of whatever root filesystem it runs in, built for another C library.

mod query;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use resolv_conf::Config;

use crate::resolve::Resolve;
use query::{Answer, Kind};

/// The longest a lookup may take, over all servers, attempts and search domains.
const DEADLINE: Duration = Duration::from_secs(5);

/// Resolves through the files of one root filesystem.
#[derive(Debug)]
pub struct SystemResolver {
    root: PathBuf,
    port: u16,
}

impl SystemResolver {
    /// Uses `etc/hosts` and `etc/resolv.conf` beneath `root`; they are read at each lookup.
    pub fn new(root: &Path) -> Self {
        SystemResolver {
            root: root.to_owned(),
            port: 53,
        }
    }

    #[cfg(test)]
    fn with_port(root: &Path, port: u16) -> Self {
        SystemResolver {
            root: root.to_owned(),
            port,
        }
    }

    /// A missing file is an empty one, as for every resolver.
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.root.join("etc").join(name);
        match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|error| format!("cannot read {}: {error}", path.display())),
        }
    }
}

impl Resolve for SystemResolver {
    fn lookup(&mut self, host: &str) -> Result<Vec<IpAddr>, String> {
        let listed = in_hosts_file(&String::from_utf8_lossy(&self.read("hosts")?), host);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let (config, _) = Config::parse_with_errors(&self.read("resolv.conf")?);
        let servers: Vec<SocketAddr> = config
            .get_nameservers_or_local()
            .into_iter()
            .map(|address| SocketAddr::new(address.into(), self.port))
            .collect();
        let deadline = Instant::now() + DEADLINE;
        let mut missing = None;
        for name in candidates(host, &config) {
            match ask_servers(&name, &servers, &config, deadline)? {
                addresses if addresses.is_empty() => missing = Some(name),
                addresses => return Ok(addresses),
            }
        }
        let shown: Vec<String> = servers
            .iter()
            .map(|server| server.ip().to_string())
            .collect();
        Err(format!(
            "no such name ('{}' was asked of {})",
            missing.as_deref().unwrap_or(host),
            shown.join(", ")
        ))
    }
}

/// Every address a hosts(5) file gives the name.
fn in_hosts_file(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address: IpAddr = words.next()?.parse().ok()?;
            words
                .any(|word| word.eq_ignore_ascii_case(host))
                .then_some(address)
        })
        .collect()
}

/// The full names to try, in resolv.conf(5)'s order of `ndots` and `search`.
fn candidates(host: &str, config: &Config) -> Vec<String> {
    if let Some(absolute) = host.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let searched = config
        .get_last_search_or_domain()
        .filter(|domain| !domain.is_empty())
        .map(|domain| format!("{host}.{}", domain.trim_end_matches('.')));
    let as_is = std::iter::once(host.to_owned());
    let dots = host.bytes().filter(|byte| *byte == b'.').count();
    if dots >= config.ndots as usize {
        as_is.chain(searched).collect()
    } else {
        searched.chain(as_is).collect()
    }
}

/// Both address families from the first server that answers; empty if it knows no such name.
fn ask_servers(
    name: &str,
    servers: &[SocketAddr],
    config: &Config,
    deadline: Instant,
) -> Result<Vec<IpAddr>, String> {
    let patience = Duration::from_secs(config.timeout.clamp(1, 5).into());
    let mut failures = Vec::new();
    for _ in 0..config.attempts.clamp(1, 5) {
        for server in servers {
            if Instant::now() >= deadline {
                failures.push(format!("gave up after {} s", DEADLINE.as_secs()));
                return Err(failures.join("; "));
            }
            match ask_both(name, *server, Instant::now() + patience.min(DEADLINE)) {
                Ok(addresses) => return Ok(addresses),
                Err(reason) => failures.push(format!("{}: {reason}", server.ip())),
            }
        }
    }
    failures.dedup();
    Err(failures.join("; "))
}

fn ask_both(name: &str, server: SocketAddr, until: Instant) -> Result<Vec<IpAddr>, query::Error> {
    let mut all = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        match query::ask(name, kind, server, until)? {
            Answer::Addresses(addresses) => all.extend(addresses),
            Answer::NoSuchName => return Ok(Vec::new()),
        }
    }
    Ok(all)
}
