//! What is deployed: agents, names, ZooKeeper.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use warren_garden_client::Streams;

use super::patience::within;
use super::{Found, Scene, said};
use crate::container::run;
use crate::machines::{self, Machine};

const PATIENCE: Duration = Duration::from_secs(3);
/// Where ZooKeeper answers its clients.
const PORT: u16 = 2181;

/// All machines, as their agents tell. Rows that are made at the same time share one answer: each question is
/// a task of the director's.
fn all(scene: &Scene) -> Result<Vec<Machine>, String> {
    scene.machines.get_or_init(|| ask(scene)).clone()
}

fn ask(scene: &Scene) -> Result<Vec<Machine>, String> {
    // One that does not even answer this is not waited for as long as agents are.
    let first = scene.director()?;
    let asked = within(super::PATIENCE, move || first.deployments(false));
    let none = asked?.map_err(|error| said(&error))?.is_empty();
    match none {
        true => Ok(Vec::new()),
        false => machines::all(&scene.director()?).map_err(|error| said(&error)),
    }
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

/// Whether a machine's name servers know it by its own name. `/etc/hosts` has it as well, and is not
/// asked: it is there however its name servers fare.
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
         [ -n \"$name\" ] || name={id}.{group}.default.{}.bosh; \
         RES_OPTIONS='timeout:1 attempts:2' getent -s dns hosts \"$name\" || \
         echo {NOBODY} $name $(awk '$1 == \"nameserver\" {{print $2}}' /etc/resolv.conf)",
        machine.deployment
    );
    let told = run(&scene.inner, cid, &script, Streams::default()).map_err(|error| said(&error))?;
    let words: Vec<&str> = told.split_whitespace().collect();
    let wrong = match words.as_slice() {
        [answer, name, ..] if answer == address => {
            return Ok(Found::Good(format!(
                "{name} is {answer} in {}",
                machine.name()
            )));
        }
        [NOBODY, name] => format!("no name server is named to ask for {name}"),
        [NOBODY, name, servers @ ..] => {
            format!("{} gave no address for {name}", servers.join(", "))
        }
        _ => format!("it is not {address} by its name: {told:?}"),
    };
    Err(format!("{}: {wrong}; {}", machine.name(), more(machine)))
}

/// What the script says if no name server answers.
const NOBODY: &str = "nobody";

/// Where more is said: the logs are in the machine.
fn more(machine: &Machine) -> String {
    format!("see 'warren logs {}'", machine.full_name())
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
            let mode = mode(address).map_err(|error| {
                let (name, more) = (machine.name(), more(&machine));
                format!("{name} at {address}:{PORT}: {error}; {more}")
            })?;
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
