//! Whether this machine passes packets on between its links. Containers need that, so its Garden
//! server switches it on; once an environment rests or is gone, all is to be as it was found.
//!
//! `forwarding` in the environment's directory is there while it is on for this environment's sake:
//! the names of the links there were before, one a line. A link of software that came since may belong
//! to somebody who found it on and relies on it (Docker, a VPN), so then it stays on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use warren_container_network::link::{LinkInfo, Rtnetlink};
use warren_container_network::sysctl;

use crate::{Error, files};

/// Where the kernel's switches are.
const SWITCHES: &str = "/proc/sys";

/// Keeps in mind that it was off. To be called before a server is started.
pub(crate) fn note(home: &Path) -> Result<(), Error> {
    let note = path(home);
    let missing =
        sysctl::forwarding_missing(Path::new(SWITCHES), false).map_err(Error::Forwarding)?;
    if missing.is_empty() || note.exists() {
        return Ok(());
    }
    let names: String = links()?.into_iter().map(|link| link.name + "\n").collect();
    files::write(&note, names.as_bytes(), 0o644)?;
    Ok(())
}

/// Switches it off again if it was; what is to be told of that. To be called once the server and its
/// links are gone.
pub(crate) fn restore(home: &Path) -> Result<Option<String>, Error> {
    let note = path(home);
    let Ok(before) = fs::read_to_string(&note) else {
        return Ok(None);
    };
    let told = match newcomer(&before, &links()?) {
        Some(name) => format!("packets are still forwarded, for the sake of {name}"),
        None => {
            sysctl::disable_forwarding(Path::new(SWITCHES)).map_err(Error::Forwarding)?;
            "packets are forwarded no more, as before".to_owned()
        }
    };
    files::remove(&note)?;
    Ok(Some(told))
}

fn path(home: &Path) -> PathBuf {
    home.join("forwarding")
}

fn links() -> Result<Vec<LinkInfo>, Error> {
    Rtnetlink::open()
        .and_then(|mut netlink| netlink.links())
        .map_err(|source| Error::Network {
            step: "look at this machine's links".to_owned(),
            source,
        })
}

/// A link of software that was not there.
fn newcomer<'a>(before: &str, now: &'a [LinkInfo]) -> Option<&'a str> {
    let before: BTreeSet<&str> = before.lines().collect();
    now.iter()
        .find(|link| link.kind.is_some() && !before.contains(link.name.as_str()))
        .map(|link| link.name.as_str())
}

#[cfg(test)]
mod tests {
    use warren_container_network::link::Traffic;

    use super::*;

    fn link(name: &str, kind: Option<&str>) -> LinkInfo {
        LinkInfo {
            index: 1,
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            is_up: true,
            is_ready: true,
            mtu: 1500,
            mac: None,
            group: 0,
            master: None,
            is_hairpin: false,
            traffic: Traffic::default(),
        }
    }

    #[test]
    fn only_software_that_came_since_is_somebody_elses() {
        let before = "lo\neth0\nveth7\n";
        let mut now = vec![
            link("lo", None),
            link("eth0", None),
            link("eth1", None),
            link("veth7", Some("veth")),
        ];
        assert_eq!(newcomer(before, &now), None);
        now.push(link("docker0", Some("bridge")));
        assert_eq!(newcomer(before, &now), Some("docker0"));
    }
}
