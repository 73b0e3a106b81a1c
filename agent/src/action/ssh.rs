//! `ssh`: makes and removes users for people.
//!
//! Users are made with the system's own tools, homes are in `bosh_ssh`. Only users whose names
//! begin with `bosh_` and whose homes are there are changed or removed. What fails leaves no user who was
//! not there before, and can be asked for again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use regex_lite::Regex;
use warren_wire_agent::method::arguments::SshParameters;
use warren_wire_agent::method::values::Ssh;

use super::{Error, Outcome, value};
use crate::agent::Agent;
use crate::files;
use crate::install::apply::link_target;
use crate::owner::{self, Owner};
use crate::process::tool;
use crate::say;

const PREFIX: &str = "bosh_";
const GROUPS: [&str; 4] = ["vcap", "admin", "bosh_sudoers", "bosh_sshers"];

/// One after the other: the tools lock the users' files, wait for each other whole seconds, and give up.
static TURN: Mutex<()> = Mutex::new(());

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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // First what needs nothing to be made.
    let host_key = agent.paths.host_key();
    let host_key = std::fs::read_to_string(&host_key).map_err(files::failed("read", &host_key))?;
    let homes = agent.paths.ssh_homes();
    files::directory(&homes, 0o755, Owner::ROOT)?;
    let is_new = match owner::home(&agent.paths, user) {
        None => true,
        Some(home) if home == home_of(agent, user) => false,
        Some(home) => {
            return Err(format!(
                "the user {user} is there and was not made for ssh: its home is {}; ask for another name",
                home.display()
            )
            .into());
        }
    };
    let made = match is_new {
        true => add_user(agent, user),
        // One that was made half: whoever made it was killed.
        false => in_groups(agent, user),
    };
    if let Err(error) = made.and_then(|()| let_in(agent, user, key)) {
        // One that was there has the key that it had.
        if is_new && let Err(left) = remove(agent, user) {
            say!("ssh", "cannot remove the user {user} again: {left}");
        }
        return Err(error);
    }
    say!("ssh", "made the user {user}");
    value(&Ssh {
        command: "setup".to_owned(),
        status: "success".to_owned(),
        ip: agent.settings.settings().default_ip(),
        host_public_key: Some(host_key),
    })
}

/// Has this key, and no other, be one of the user's.
fn let_in(agent: &Agent, user: &str, key: &str) -> Result<(), Error> {
    let owner = Owner::user(&agent.paths, user).ok_or("the user was made and is not there")?;
    let home = agent.paths.ssh_homes().join(user);
    files::directory(&home, 0o700, owner)?;
    files::directory(&home.join(".ssh"), 0o700, owner)?;
    let keys = home.join(".ssh/authorized_keys");
    Ok(files::write(
        &keys,
        format!("{key}\n").as_bytes(),
        0o600,
        owner,
    )?)
}

/// Where a user's home is, as programs see it.
fn home_of(agent: &Agent, user: &str) -> PathBuf {
    link_target(&agent.paths, &agent.paths.ssh_homes().join(user))
}

/// The groups that there are of those that it should be in, as the tools take them.
fn groups(agent: &Agent) -> String {
    let known = |group: &&str| owner::group(&agent.paths, group).is_some();
    let (groups, missing): (Vec<&str>, Vec<&str>) = GROUPS.into_iter().partition(known);
    if !missing.is_empty() {
        say!(
            "ssh",
            "this stemcell lacks the groups {}",
            missing.join(", ")
        );
    }
    groups.join(",")
}

fn add_user(agent: &Agent, user: &str) -> Result<(), Error> {
    let (home, groups) = (home_of(agent, user), groups(agent));
    let home = home.to_string_lossy();
    let mut arguments = vec!["-m", "-d", &*home, "-s", "/bin/bash"];
    if !groups.is_empty() {
        arguments.extend(["-G", &*groups]);
    }
    with_root(agent, "useradd", &arguments, user)
}

fn in_groups(agent: &Agent, user: &str) -> Result<(), Error> {
    match &*groups(agent) {
        "" => Ok(()),
        groups => with_root(agent, "usermod", &["-G", groups], user),
    }
}

/// Removes a user, if there is one, and its home. Doing it again goes on where it failed.
fn remove(agent: &Agent, user: &str) -> Result<(), Error> {
    if owner::home(&agent.paths, user).is_some() {
        // `-f`: also while somebody is logged in.
        with_root(agent, "userdel", &["-f"], user)?;
    }
    Ok(files::remove(&agent.paths.ssh_homes().join(user))?)
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
    // Anywhere in the name, as by stock agents: whoever means the beginning writes so.
    let pattern = Regex::new(&parameters.user_regex)?;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_meant = |user: &String| user.starts_with(PREFIX) && pattern.is_match(user);
    let is_ours = |user: &String| {
        owner::home(&agent.paths, user).is_none_or(|home| home == home_of(agent, user))
    };
    // A home without a user is what a removal left that was cut off.
    let mut users = owner::users(&agent.paths);
    users.extend(files::names(&agent.paths.ssh_homes())?);
    users.retain(|user| is_meant(user) && is_ours(user));
    users.sort();
    users.dedup();
    let mut outcome = Ok(());
    for user in users {
        match remove(agent, &user) {
            Ok(()) => say!("ssh", "removed the user {user}"),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome?;
    value(&Ssh {
        command: "cleanup".to_owned(),
        status: "success".to_owned(),
        ..Ssh::default()
    })
}
