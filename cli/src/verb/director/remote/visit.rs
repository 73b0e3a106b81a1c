//! Which hosts are visited, as whom, and the line of `ssh` or `scp` for each.

use std::fs;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use warren_director_client::Director;
use warren_director_client::instances::{Instance, Kind, parse_lines};
use warren_director_client::jobs::{Slug, SshHost};

use super::super::change::slug;
use super::super::problem::Problem;
use super::super::session::Session;
use super::gateway::{Gateway, Hop, is_host};

/// How to get there.
pub struct Way<'a> {
    /// `GROUP[/ID]`, or with a key of one's own an address too.
    pub slug: &'a str,
    /// A key that the instance knows; without it the director makes a user.
    pub private_key: Option<&'a Path>,
    /// Whose key that is.
    pub username: &'a str,
    pub gateway: &'a Gateway,
}

/// Somewhere to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `GROUP/ID`.
    pub name: String,
    /// The instance.
    pub id: String,
    pub ip: String,
    pub user: String,
}

/// All that `ssh` needs for some hosts.
pub struct Visit {
    pub hosts: Vec<Host>,
    hop: Hop,
    key: PathBuf,
    known_hosts: PathBuf,
    /// Whether the keys of the hosts are known.
    is_strict: bool,
    /// The files above end with it.
    _directory: TempDir,
}

impl Visit {
    fn options(&self, host: &Host) -> Result<Vec<String>, Problem> {
        let strict = if self.is_strict { "yes" } else { "no" };
        let mut options = vec![
            "ServerAliveInterval=30".to_owned(),
            "ForwardAgent=no".to_owned(),
            "PasswordAuthentication=no".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            format!("IdentityFile={}", self.key.display()),
            format!("StrictHostKeyChecking={strict}"),
            format!("UserKnownHostsFile={}", self.known_hosts.display()),
        ];
        options.extend(self.hop.option(&host.ip)?);
        Ok(options)
    }

    fn command(&self, program: &str, host: &Host) -> Result<Command, Problem> {
        let mut command = Command::new(program);
        for option in self.options(host)? {
            command.arg("-o").arg(option);
        }
        Ok(command)
    }

    /// A session: a shell, or what is added to it. `more` are options of the user's, each a piece of
    /// a shell line.
    pub fn ssh(
        &self,
        host: &Host,
        has_terminal: bool,
        more: &[String],
    ) -> Result<Command, Problem> {
        let mut command = self.command("ssh", host)?;
        if has_terminal {
            command.arg("-tt");
        }
        for options in more {
            command.args(shlex::split(options).unwrap_or_else(|| vec![options.clone()]));
        }
        command.args(["-l", &host.user, &host.ip]);
        Ok(command)
    }

    /// A copy of files; sources and destination are added to it.
    pub fn scp(&self, host: &Host) -> Result<Command, Problem> {
        self.command("scp", host)
    }
}

/// A user's name that no other has.
fn user() -> Result<String, Problem> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("bosh_{}", hex.get(..15).unwrap_or_default()))
}

fn make_key(path: &Path) -> Result<String, Problem> {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .map_err(starting)?;
    if !made.status.success() {
        let text = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(Problem::text(text).step("Making a key with ssh-keygen"));
    }
    let public = fs::read_to_string(path.with_extension("pub"))?;
    Ok(public.trim().to_owned())
}

/// That a program of OpenSSH cannot be started.
pub fn starting(error: std::io::Error) -> Problem {
    Problem::text(error.to_string()).step("Starting ssh; the package openssh-client has it")
}

/// Does some work on hosts; the director's users of that time are gone afterwards.
pub fn with_hosts(
    session: &mut Session<'_>,
    way: &Way<'_>,
    work: impl FnOnce(&mut Session<'_>, &Visit) -> Result<u8, Problem>,
) -> Result<u8, Problem> {
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    let (key, known_hosts) = (at("key"), at("known_hosts"));
    if let Some(path) = way.private_key {
        let given = fs::read(path).map_err(|error| {
            Problem::text(error.to_string()).step(format!("Reading file '{}'", path.display()))
        })?;
        write_private(&key, &given)?;
        let host = named(session, way)?;
        let hop = way.gateway.hop((None, None))?;
        let visit = Visit {
            hosts: vec![host],
            hop,
            key,
            known_hosts,
            is_strict: false,
            _directory: directory,
        };
        return work(session, &visit);
    }
    let slug = slug(way.slug)?;
    let director = session.director()?;
    let deployment = session.deployment()?;
    let public = make_key(&key)?;
    let user = user()?;
    let id = director.set_up_ssh(&deployment, &slug, &user, &public)?;
    let result = set_up(session, &director, id, &user).and_then(|(hosts, known, said)| {
        fs::write(&known_hosts, known)?;
        let (gateway, gateway_user) = &said;
        let hop = way
            .gateway
            .hop((gateway.as_deref(), gateway_user.as_deref()))?;
        let is_strict = true;
        let visit = Visit {
            hosts,
            hop,
            key,
            known_hosts,
            is_strict,
            _directory: directory,
        };
        work(session, &visit)
    });
    let cleaned = director
        .clean_up_ssh(&deployment, &slug, &user)
        .map_err(Problem::from);
    // What went wrong first is told.
    let code = result?;
    cleaned?;
    Ok(code)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(())
}

/// Hosts, their keys, and the gateway that the director names: host and user.
type SetUp = (Vec<Host>, String, (Option<String>, Option<String>));

/// Waits until there is the user everywhere.
fn set_up(
    session: &mut Session<'_>,
    director: &Director,
    task: u64,
    user: &str,
) -> Result<SetUp, Problem> {
    session.wait(director, task)?;
    let found: Vec<SshHost> = serde_json::from_slice(&director.task_result(task)?)
        .map_err(|error| Problem::from(error).step("Unmarshaling SSH result"))?;
    answered(&found, user)
}

/// What a director's answer means.
fn answered(found: &[SshHost], user: &str) -> Result<SetUp, Problem> {
    let first = found.first();
    let first =
        first.ok_or_else(|| Problem::text("Did not create any SSH session for the instances"))?;
    let mut known = String::new();
    let mut hosts = Vec::new();
    for host in found {
        let id = host.id.clone();
        let id = id.or_else(|| host.index.map(|index| index.to_string()));
        let id = id.unwrap_or_else(|| "?".to_owned());
        let name = format!("{}/{id}", host.job.as_deref().unwrap_or("?"));
        let ip = host.ip.clone().unwrap_or_default();
        if host.status.as_deref() != Some("success") || !is_host(&ip) {
            return Err(Problem::text(format!(
                "The director could not set up SSH on '{name}'"
            )));
        }
        let key = host.host_public_key.as_deref().unwrap_or_default();
        let key = key.lines().next().unwrap_or_default().trim();
        known.push_str(&format!("{ip} {key}\n"));
        hosts.push(Host {
            name,
            id,
            ip,
            user: user.to_owned(),
        });
    }
    Ok((
        hosts,
        known,
        (first.gateway_host.clone(), first.gateway_user.clone()),
    ))
}

/// The one host that is named, which knows our key already.
fn named(session: &mut Session<'_>, way: &Way<'_>) -> Result<Host, Problem> {
    let user = way.username.to_owned();
    if !is_host(&user) {
        return Err(Problem::text(format!("'{user}' is no user")));
    }
    if way.slug.parse::<IpAddr>().is_ok() {
        let ip = way.slug.to_owned();
        return Ok(Host {
            name: format!("?/{ip}"),
            id: String::new(),
            ip,
            user,
        });
    }
    let slug = slug(way.slug)?;
    let director = session.director()?;
    let deployment = session.deployment()?;
    let task = director.describe_instances(&deployment, Kind::Vms)?;
    session.wait(&director, task)?;
    let all: Vec<Instance> = parse_lines(&director.task_result(task)?, "vms")?;
    let (name, id, ip) = only(&all, &slug, way.slug)?;
    Ok(Host { name, id, ip, user })
}

/// Name, id and address of the one VM that is meant.
fn only(all: &[Instance], slug: &Slug, text: &str) -> Result<(String, String, String), Problem> {
    let is_meant = |one: &&Instance| {
        let is_id = |id: &String| {
            one.id.as_ref() == Some(id)
                || one.index.map(|index| index.to_string()).as_ref() == Some(id)
        };
        one.active != Some(false)
            && slug.group.is_some()
            && one.job_name == slug.group
            && slug.id.as_ref().is_none_or(is_id)
    };
    let mut meant = all.iter().filter(is_meant);
    let one = meant.next();
    let one = one.ok_or_else(|| Problem::text(format!("Instance {text} has no active VM")))?;
    if meant.next().is_some() {
        return Err(Problem::text(format!(
            "Instance {text} refers to more than 1 VM"
        )));
    }
    let id = one.id.clone().unwrap_or_default();
    let name = format!("{}/{id}", one.job_name.as_deref().unwrap_or("?"));
    match one.ips.first().filter(|ip| is_host(ip)) {
        Some(ip) => Ok((name, id, ip.clone())),
        None => Err(Problem::text(format!("Instance {text} has no IP address"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded, but for the key.
    const SAID: &str = r#"[{"command":"setup","status":"success","ip":"10.244.0.2",
        "host_public_key":"ssh-rsa AAAA \n","id":"0540a9d8-f455-4019-9bc5-f611f3f14aeb","index":0,
        "job":"zookeeper"}]"#;

    #[test]
    fn a_recorded_answer_gives_hosts_and_their_keys() {
        let found: Vec<SshHost> = serde_json::from_str(SAID).unwrap();
        let (hosts, known, gateway) = answered(&found, "bosh_1").unwrap();
        assert_eq!(
            hosts[0].name,
            "zookeeper/0540a9d8-f455-4019-9bc5-f611f3f14aeb"
        );
        assert_eq!(known, "10.244.0.2 ssh-rsa AAAA\n");
        assert_eq!(gateway, (None, None));
    }

    #[test]
    fn hostile_answers_are_errors() {
        for (from, to) in [
            ("success", "failed"),
            ("10.244.0.2", "-oProxyCommand=x"),
            ("10.244.0.2", "a b"),
        ] {
            let found: Vec<SshHost> = serde_json::from_str(&SAID.replace(from, to)).unwrap();
            assert!(answered(&found, "bosh_1").is_err(), "{to}");
        }
        assert!(answered(&[], "bosh_1").is_err());
    }

    #[test]
    fn one_vm_is_found_by_id_and_by_index() {
        let vms = b"{\"job_name\":\"zk\",\"id\":\"a\",\"index\":0,\"ips\":[\"10.0.0.2\"],\"active\":true}\n\
            {\"job_name\":\"zk\",\"id\":\"b\",\"index\":1,\"ips\":[],\"active\":true}\n";
        let all: Vec<Instance> = parse_lines(vms, "vms").unwrap();
        let found = |text: &str| only(&all, &Slug::parse(text).unwrap(), text);
        assert_eq!(found("zk/0").unwrap().2, "10.0.0.2");
        assert_eq!(found("zk/a").unwrap().0, "zk/a");
        for (wrong, why) in [
            ("zk", "more than 1 VM"),
            ("zk/2", "no active VM"),
            ("zk/b", "no IP address"),
            ("x", "no active VM"),
        ] {
            assert!(
                found(wrong).unwrap_err().to_string().contains(why),
                "{wrong}"
            );
        }
    }
}
