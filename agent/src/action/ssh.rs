//! `ssh`: makes and removes users for people.
//!
//! Users are made with the system's own tools, homes are in `bosh_ssh`. Only users whose names
//! begin with `bosh_` are made or removed.

use regex_lite::Regex;
use warren_wire_agent::method::arguments::SshParameters;
use warren_wire_agent::method::values::Ssh;

use super::{Error, Outcome, value};
use crate::agent::Agent;
use crate::files;
use crate::owner::{self, Owner};
use crate::process::tool;
use crate::say;

const PREFIX: &str = "bosh_";
const GROUPS: [&str; 4] = ["vcap", "admin", "bosh_sudoers", "bosh_sshers"];

pub(super) fn run(agent: &Agent, command: &str, parameters: &SshParameters) -> Outcome {
    match command {
        "setup" => setup(agent, parameters),
        "cleanup" => cleanup(agent, parameters),
        other => Err(format!("Unknown command for SSH method: {other}").into()),
    }
}

fn setup(agent: &Agent, parameters: &SshParameters) -> Outcome {
    let user = &*parameters.user;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !user.starts_with(PREFIX) || user.len() > 32 || !user.bytes().all(is_plain) {
        return Err(
            format!("{user:?} is no name of a user for ssh: it begins with {PREFIX}").into(),
        );
    }
    let key = parameters.public_key.trim();
    if key.is_empty() || key.contains(['\n', '\r', '\0']) {
        return Err("the public key is not one line".into());
    }
    let homes = agent.paths.ssh_homes();
    files::directory(&homes, 0o755, Owner::ROOT)?;
    let home = homes.join(user);
    if Owner::user(&agent.paths, user).is_none() {
        add_user(agent, user)?;
    }
    let owner = Owner::user(&agent.paths, user).ok_or("the user was made and is not there")?;
    files::directory(&home, 0o700, owner)?;
    files::directory(&home.join(".ssh"), 0o700, owner)?;
    files::write(
        &home.join(".ssh/authorized_keys"),
        format!("{key}\n").as_bytes(),
        0o600,
        owner,
    )?;
    say!("ssh", "made the user {user}");
    let host_key = agent.paths.host_key();
    let host_key = std::fs::read_to_string(&host_key).map_err(files::failed("read", &host_key))?;
    value(&Ssh {
        command: "setup".to_owned(),
        status: "success".to_owned(),
        ip: agent.settings.settings().default_ip(),
        host_public_key: Some(host_key),
    })
}

fn add_user(agent: &Agent, user: &str) -> Result<(), Error> {
    let home = agent.paths.ssh_homes().join(user);
    let home = crate::install::apply::link_target(&agent.paths, &home);
    let known = |group: &&str| owner::group(&agent.paths, group).is_some();
    let (groups, missing): (Vec<&str>, Vec<&str>) = GROUPS.into_iter().partition(known);
    if !missing.is_empty() {
        say!(
            "ssh",
            "this stemcell lacks the groups {}",
            missing.join(", ")
        );
    }
    let (home, groups) = (home.to_string_lossy().into_owned(), groups.join(","));
    let mut arguments = vec!["-m", "-d", &*home, "-s", "/bin/bash"];
    if !groups.is_empty() {
        arguments.extend(["-G", &*groups]);
    }
    with_root(agent, "useradd", &arguments, user)
}

/// Users of another root are changed there.
fn with_root(agent: &Agent, program: &str, arguments: &[&str], user: &str) -> Result<(), Error> {
    let root = agent.paths.root().to_string_lossy().into_owned();
    let mut arguments = arguments.to_vec();
    if !agent.paths.is_system() {
        arguments.extend(["--prefix", &*root]);
    }
    arguments.push(user);
    tool(program, &arguments)?;
    Ok(())
}

fn cleanup(agent: &Agent, parameters: &SshParameters) -> Outcome {
    let pattern = Regex::new(&parameters.user_regex)?;
    let is_ours = |user: &String| user.starts_with(PREFIX) && pattern.is_match(user);
    for user in owner::users(&agent.paths).into_iter().filter(is_ours) {
        // `-f`: also while somebody is logged in.
        with_root(agent, "userdel", &["-f"], &user)?;
        files::remove(&agent.paths.ssh_homes().join(&user))?;
        say!("ssh", "removed the user {user}");
    }
    value(&Ssh {
        command: "cleanup".to_owned(),
        status: "success".to_owned(),
        ..Ssh::default()
    })
}
