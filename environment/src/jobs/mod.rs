//! Which processes run at a level, as files for its supervisor. Pure.
//!
//! ```text
//! /var/vcap/monit/job/0001_NAME.monitrc   what the supervisor keeps up
//! /var/vcap/jobs/NAME/bin/ctl             what it calls, if the process runs as it is
//! /var/vcap/jobs/NAME/config/bpm.yml      what it runs, if that is in a container of bpm's
//! ```

mod direct;
mod in_bpm;
mod postgres;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::Ipv4Addr;

use crate::container::EXECUTABLE;
use crate::{Database, Level, Record, garden};

pub(crate) use direct::quoted;
/// The database's process.
pub(crate) use postgres::NAME as POSTGRES;

/// The director's home, as the director sees it.
pub(crate) const HOME: &str = "/var/vcap/store/director";
/// What the director calls for machines and disks.
pub(crate) const CPI: &str = "/var/vcap/jobs/warden_cpi/bin/cpi";
const CPI_CONFIG: &str = "/var/vcap/jobs/warden_cpi/config/cpi.json";

/// A file below a level's `vcap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Without a leading slash.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its rights.
    pub mode: u32,
}

/// A process that is kept up.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// The job, the process and the service.
    pub name: &'static str,
    /// What it runs.
    pub command: Vec<String>,
    /// What it finds in its environment; secrets may be in it.
    pub variables: Vec<(&'static str, String)>,
    /// A socket without which it cannot begin.
    pub waits_for: Option<&'static str>,
    /// The signal that asks it to end without waiting for its clients.
    pub stop_signal: &'static str,
    /// Whether bpm may run it: not what mounts things for others to see.
    pub may_be_in_bpm: bool,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("name", &self.name)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// The Garden server of a level below the machine.
pub(crate) fn garden(level: &Level, record: &Record) -> Job {
    let mut command = vec![EXECUTABLE.to_owned()];
    command.extend(garden::flags(level, record));
    Job {
        name: "garden",
        command,
        variables: Vec::new(),
        waits_for: None,
        stop_signal: "TERM",
        may_be_in_bpm: false,
    }
}

/// The processes of a director.
pub(crate) fn director(record: &Record, address: Ipv4Addr) -> Vec<Job> {
    let mut jobs = Vec::new();
    let (variables, waits_for) = match record.database {
        Database::Sqlite => (Vec::new(), None),
        Database::Postgres => {
            jobs.push(postgres::job());
            (postgres::variables(record), Some(postgres::SOCKET))
        }
    };
    jobs.push(Job {
        name: "nats",
        command: words(&[
            "/usr/sbin/nats-server",
            "-c",
            &format!("{HOME}/nats/nats.cfg"),
        ]),
        variables: Vec::new(),
        waits_for: None,
        stop_signal: "TERM",
        // The director sends it signals, to the number that it has written itself.
        may_be_in_bpm: false,
    });
    for (name, role) in [
        ("director", "api"),
        ("worker", "worker"),
        ("blobstore", "blobstore"),
        ("scheduler", "scheduler"),
        ("sync_dns", "sync-dns"),
    ] {
        let mut command = words(&[EXECUTABLE, "serve", "director", "--home", HOME]);
        command.extend(words(&[
            "--address",
            &address.to_string(),
            "--name",
            &record.name,
        ]));
        command.extend(words(&["--roles", role, "--cpi", CPI, "--signed-urls"]));
        jobs.push(Job {
            name,
            command,
            variables: variables.clone(),
            waits_for,
            stop_signal: "TERM",
            // The CPI's mounts are for Garden to see.
            may_be_in_bpm: role != "worker",
        });
    }
    jobs
}

/// What a director's home is made with, before anything runs.
pub(crate) fn prepare(address: Ipv4Addr) -> Vec<String> {
    let address = address.to_string();
    words(&[
        EXECUTABLE,
        "serve",
        "director",
        "--home",
        HOME,
        "--address",
        &address,
        "--prepare",
    ])
}

/// The files of these jobs.
pub(crate) fn files(jobs: &[Job], in_bpm: bool) -> Vec<File> {
    let mut files = Vec::new();
    if jobs.iter().any(|job| job.name == postgres::NAME) {
        files.push(postgres::script());
    }
    for job in jobs {
        if in_bpm && job.may_be_in_bpm {
            files.extend(in_bpm::files(job));
        } else {
            files.extend(direct::files(job));
        }
    }
    files
}

/// The CPI of a director whose inner Garden server listens at this socket.
pub(crate) fn cpi(socket: &str, address: Ipv4Addr) -> [File; 2] {
    let config = serde_json::json!({
        "Warden": {"ConnectNetwork": "unix", "ConnectAddress": socket},
        "Actions": {
            "StemcellsDir": "/var/vcap/store/warden_cpi/stemcells",
            "DisksDir": "/var/vcap/store/warden_cpi/disks",
            "HostEphemeralBindMountsDir": "/var/vcap/data/warden_cpi/ephemeral_bind_mounts_dir",
            "HostPersistentBindMountsDir": "/var/vcap/data/warden_cpi/persistent_bind_mounts_dir",
            "Agent": {"Mbus": format!("nats://{address}:4222"), "NTP": [], "Blobstore": {}},
        },
    });
    let script = format!("#!/bin/sh\nexec {EXECUTABLE} cpi --config {CPI_CONFIG}\n");
    [
        file(CPI_CONFIG, 0o600, format!("{config:#}\n")),
        file(CPI, 0o755, script),
    ]
}

/// Where a job's process says what, below the logs: as it is, and in bpm.
pub(crate) fn logs(name: &str) -> [String; 3] {
    [
        format!("{name}/{name}.log"),
        format!("{name}/{name}.stderr.log"),
        format!("{name}/bpm.log"),
    ]
}

fn service(name: &str, pidfile: &str, start: &str, stop: &str) -> File {
    file(
        &format!("/var/vcap/monit/job/0001_{name}.monitrc"),
        0o600,
        format!(
            "check process {name}\n  with pidfile {pidfile}\n  start program \"{start}\" with timeout 20 \
             seconds\n  stop program \"{stop}\" with timeout 60 seconds\n  group vcap\n"
        ),
    )
}

/// A file by its place below `/var/vcap`.
fn file(path: &str, mode: u32, text: String) -> File {
    File {
        path: path.trim_start_matches("/var/vcap/").to_owned(),
        text,
        mode,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
