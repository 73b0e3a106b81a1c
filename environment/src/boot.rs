//! A director's processes, started and asked until they answer.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use warren_director_client::{Credentials, Director, Settings, Target};
use warren_garden_client::Streams;

use crate::container::{EXECUTABLE, PATIENCE, run, until, until_within};
use crate::services::Service;
use crate::{Database, Error, Level, Record, evidence, files, jobs, prepare, services};

/// How long a director may take to answer that waits for a new PostgreSQL: making one writes some
/// fifty megabytes and has all of them on the disk.
const WITH_CLUSTER: Duration = Duration::from_secs(180);
/// Seconds after which a process that runs is taken to have begun all of its work.
const SEASONED: u64 = 30;
/// Lines of a log that are told.
const TAIL: usize = 8;

/// Who may do everything with a director.
#[derive(Clone)]
pub struct Access {
    /// Its address.
    pub url: String,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The authority of its certificate (PEM).
    pub authority: String,
}

impl Access {
    /// That of an environment's director, once its home is made.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Record`], [`Error::NotUp`].
    pub fn of(home: &Path, record: &Record) -> Result<Self, Error> {
        let (Some(address), Some(level)) = (record.director(), crate::levels(home, record).pop())
        else {
            return Err(Error::NotUp(home.to_owned()));
        };
        let secrets = level.here("vcap/store/director/secrets.json");
        let text = std::fs::read(&secrets).map_err(Error::file("read", &secrets))?;
        #[derive(serde::Deserialize)]
        struct Secrets {
            admin_password: String,
        }
        let secrets: Secrets = serde_json::from_slice(&text).map_err(|source| Error::Record {
            path: secrets,
            source,
        })?;
        let authority = level.here("vcap/store/director/certs/ca.crt");
        Ok(Self {
            url: format!("https://{address}:25555"),
            user: "admin".to_owned(),
            password: secrets.admin_password,
            authority: std::fs::read_to_string(&authority)
                .map_err(Error::file("read", &authority))?,
        })
    }

    /// The director.
    ///
    /// # Errors
    /// [`Error::Director`] if its certificate cannot be used.
    pub fn director(&self) -> Result<Director, Error> {
        let failed = || Error::director("use the director's address");
        let anonymous = Director::anonymous(&Settings {
            target: Target::parse(&self.url).map_err(failed())?,
            authorities: Some(self.authority.clone()),
            is_local: true,
        })
        .map_err(failed())?;
        let credentials = Credentials::User {
            name: self.user.clone(),
            password: self.password.clone(),
        };
        Ok(anonymous.signed_in(credentials, None))
    }
}

/// Makes the home of the director in a level's container, and has its processes started.
pub(crate) fn start(level: &Level, record: &Record, address: Ipv4Addr) -> Result<bool, Error> {
    let inside = level.next();
    let handle = level.container(record);
    let certificate = format!("vcap/store/director/certs/director-{address}.crt");
    if !inside.here(&certificate).exists() {
        run(
            level,
            &handle,
            &jobs::prepare(address).join(" "),
            Streams::default(),
        )?;
    }
    let socket = inside.own("garden.sock").display().to_string();
    let mut is_new = prepare::write(&inside, &jobs::cpi(&socket, address))?;
    let all = jobs::director(record, address);
    is_new |= prepare::write(&inside, &jobs::files(&all, record.bpm))?;
    // An earlier call may have been broken off between the files and the supervisor: what it keeps is
    // what counts. The supervisor may be just about to begin.
    let kept = until(|| services::of(level, &handle))?;
    let keeps = |job: &jobs::Job| kept.iter().any(|service| service.name == job.name);
    is_new |= !all.iter().all(keeps);
    // What is the same goes on, so it costs nothing to say it once more: another file of the same name may
    // have been left unread likewise.
    let reload = format!("{EXECUTABLE} monit reload");
    until(|| run(level, &handle, &reload, Streams::default()))?;
    Ok(is_new)
}

/// Whether a process that tells nothing of itself may be taken for one that does its work.
fn is_seasoned(service: &Service) -> bool {
    let uptime = service.vitals.as_ref().map(|vitals| vitals.uptime);
    service.state == "running" && uptime.is_some_and(|seconds| seconds >= SEASONED)
}

/// Waits until the director answers and all of its processes do their work; or tells what they say.
pub(crate) fn answers(level: &Level, record: &Record, access: &Access) -> Result<Director, Error> {
    let director = access.director()?;
    let jobs = jobs::director(record, Ipv4Addr::UNSPECIFIED);
    let names: Vec<&'static str> = jobs.iter().map(|job| job.name).collect();
    let patience = match record.database {
        Database::Sqlite => PATIENCE,
        Database::Postgres => WITH_CLUSTER,
    };
    until_within(patience, || director.info().map(drop)).map_err(|error| Error::Silent {
        address: access.url.clone(),
        why: warren_lib_errchain::chain(&error) + &tails(level, &names),
    })?;
    let handle = level.container(record);
    let inside = level.next();
    until(|| {
        // All at the same time: one that has ended meanwhile is not done.
        let silent: Vec<&'static str> = names
            .iter()
            .copied()
            .filter(|name| !evidence::works(&inside, record, name))
            .collect();
        if silent.is_empty() {
            return Ok(());
        }
        // What gives no evidence, as its log has grown since it began, must have lived for long.
        let services =
            services::of(level, &handle).map_err(|error| Idle::Unknown(Box::new(error)))?;
        let runs = |name: &str| {
            let mut all = services.iter();
            all.any(|service| service.name == name && is_seasoned(service))
        };
        let idle: Vec<&'static str> = silent.into_iter().filter(|name| !runs(name)).collect();
        match idle.is_empty() {
            true => Ok(()),
            false => Err(Idle::Some(idle)),
        }
    })
    .map_err(|idle| match idle {
        Idle::Some(names) => Error::Processes {
            tails: tails(level, &names),
            names,
        },
        Idle::Unknown(error) => *error,
    })?;
    Ok(director)
}

/// Why it is not known that all processes run.
enum Idle {
    /// These do not.
    Some(Vec<&'static str>),
    /// Their supervisor does not tell.
    Unknown(Box<Error>),
}

/// The ends of the logs of these processes, each after its path.
fn tails(level: &Level, names: &[&str]) -> String {
    let logs = level.next().here("vcap/sys/log");
    let mut text = String::new();
    for name in names {
        for log in jobs::logs(name) {
            let log = logs.join(log);
            let tail = files::tail(&log, TAIL);
            if !tail.is_empty() {
                text.push_str(&format!("\n{}:\n{tail}", log.display()));
            }
        }
    }
    text
}
