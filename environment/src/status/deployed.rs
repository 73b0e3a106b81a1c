//! What is deployed: agents, names, ZooKeeper.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use warren_garden_client::Streams;

use super::{Found, Scene, said};
use crate::container::run;
use crate::machines::{self, Machine};

const PATIENCE: Duration = Duration::from_secs(3);
/// Where ZooKeeper answers its clients.
const PORT: u16 = 2181;

fn all(scene: &Scene) -> Result<Vec<Machine>, String> {
    machines::all(&scene.director()?).map_err(|error| said(&error))
}

pub(super) fn machines(scene: &Scene) -> Result<Found, String> {
    let all = all(scene)?;
    if all.is_empty() {
        return Ok(Found::Nothing("no machines are deployed".to_owned()));
    }
    let bad: Vec<String> = all
        .iter()
        .filter(|machine| !machine.is_good())
        .map(|machine| {
            let state = machine.about.job_state.as_deref().unwrap_or("no answer");
            format!("{} {}: {state}", machine.deployment, machine.name())
        })
        .collect();
    match bad.as_slice() {
        [] => Ok(Found::Good(format!(
            "{} agents answer, their jobs run",
            all.len()
        ))),
        bad => Err(bad.join(", ")),
    }
}

/// Whether a machine finds itself by its own name.
pub(super) fn names(scene: &Scene) -> Result<Found, String> {
    let all = all(scene)?;
    let found = all.iter().find_map(|machine| {
        let about = &machine.about;
        Some((
            machine,
            about.vm_cid.as_ref()?,
            about.id.as_ref()?,
            about.ips.first()?,
        ))
    });
    let Some((machine, cid, id, address)) = found else {
        return Ok(Found::Nothing("no machines are deployed".to_owned()));
    };
    let group = machine.about.job_name.as_deref().unwrap_or_default();
    // The network is part of the name, and only the director knows it: any of the names will do.
    let script = format!(
        "name=$(awk '/{id}.*\\.bosh/ {{print $2; exit}}' /etc/hosts); \
         [ -n \"$name\" ] || name={id}.{group}.default.{}.bosh; getent hosts \"$name\"",
        machine.deployment
    );
    let told = run(&scene.inner, cid, &script, Streams::default()).map_err(|error| said(&error))?;
    let mut words = told.split_whitespace();
    match (words.next(), words.next()) {
        (Some(answer), Some(name)) if answer == address => Ok(Found::Good(format!(
            "{name} is {answer} in {}",
            machine.name()
        ))),
        _ => Err(format!(
            "{} is not {address} by its name: {told:?}",
            machine.name()
        )),
    }
}

/// Whether one leads and all others follow.
pub(super) fn zookeeper(scene: &Scene) -> Result<Found, String> {
    let mut modes: BTreeMap<String, usize> = BTreeMap::new();
    let mut asked = 0;
    for machine in all(scene)? {
        if machine.about.job_name.as_deref() != Some("zookeeper") {
            continue;
        }
        for address in &machine.about.ips {
            asked += 1;
            let mode = mode(address)
                .map_err(|error| format!("{} at {address}: {error}", machine.name()))?;
            *modes.entry(mode).or_default() += 1;
        }
    }
    let of = |mode: &str| modes.get(mode).copied().unwrap_or_default();
    match (asked, of("leader"), of("follower"), of("standalone")) {
        (0, ..) => Ok(Found::Nothing("not deployed".to_owned())),
        (1, _, _, 1) => Ok(Found::Good("one node, alone".to_owned())),
        (_, 1, followers, _) if followers + 1 == asked => {
            Ok(Found::Good(format!("quorum: 1 leads, {followers} follow")))
        }
        _ => Err(format!("no quorum: {modes:?}")),
    }
}

fn mode(address: &str) -> Result<String, String> {
    let ip = address.parse().map_err(|error| format!("{error}"))?;
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, PORT), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"srvr")?;
        let mut text = String::new();
        stream.take(64 << 10).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ask().map_err(|error| error.to_string())?;
    text.lines()
        .find_map(|line| line.strip_prefix("Mode: "))
        .map(|mode| mode.trim().to_owned())
        .ok_or_else(|| format!("it says {:?}", text.trim()))
}
