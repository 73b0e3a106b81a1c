//! The director's own parts.

use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};
use warren_director_client::tasks::Filter;
use warren_director_client::{Credentials, Director, Method, Settings, Target};
use warren_garden_client::Streams;

use super::{Found, Scene, process, said};
use crate::container::run;
use crate::image::Image;
use crate::{Database, files};

/// What is put into the blobstore.
const BLOB: &[u8] = b"warren";
/// Where the API has metrics.
const METRICS: &str = "/metrics";
/// How long a task may wait for a worker.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn stemcell(scene: &Scene) -> Result<Found, String> {
    let image = Image::read(&scene.home, &scene.record.image)
        .ok_or_else(|| format!("the image {} is gone", scene.record.image))?;
    let all = scene
        .director()?
        .stemcells()
        .map_err(|error| said(&error))?;
    all.iter()
        .find(|one| one.name == image.name && one.version == image.version)
        .map(|one| {
            let mib = image.bytes >> 20;
            Found::Good(format!("{}/{}, {mib} MiB", one.name, one.version))
        })
        .ok_or_else(|| {
            format!(
                "the director has no stemcell {}/{}",
                image.name, image.version
            )
        })
}

pub(super) fn database(scene: &Scene) -> Result<Found, String> {
    match scene.record.database {
        Database::Sqlite => Ok(Found::Nothing("rows are in SQLite".to_owned())),
        Database::Postgres => {
            // One that is stuck takes connections and says nothing.
            let ask = "psql \"host=/var/vcap/sys/run/postgres user=postgres dbname=warren \
                       connect_timeout=3 options='-c statement_timeout=3000'\" \
                       -At -c 'select count(*) from tasks'";
            let count = inside(scene, ask)?;
            Ok(Found::Good(format!(
                "{} tasks; {}",
                count.trim(),
                scene.service("postgres")?
            )))
        }
    }
}

pub(super) fn api(scene: &Scene) -> Result<Found, String> {
    let info = scene.director()?.info().map_err(|error| said(&error))?;
    match info.user {
        Some(user) => Ok(Found::Good(format!(
            "{} {} as {user}; {}",
            info.name,
            info.version,
            scene.service("director")?
        ))),
        None => Err("it does not take our password".to_owned()),
    }
}

/// A worker has nothing to say by itself: what counts is that tasks do not wait while nobody works. That one
/// waits for others to end is as it should be.
pub(super) fn workers(scene: &Scene) -> Result<Found, String> {
    let service = scene.service("worker")?;
    let director = scene.director()?;
    let current = Filter {
        is_current: true,
        is_all: true,
        ..Filter::default()
    };
    let begun = Instant::now();
    loop {
        let tasks = director.tasks(&current).map_err(|error| said(&error))?;
        let load = Load::of(tasks.iter().map(|task| (task.id, task.state.as_str())));
        match load.stands() {
            None => return Ok(Found::Good(format!("{load}; {service}"))),
            Some(why) if begun.elapsed() >= PATIENCE => return Err(why),
            Some(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// What there is to do.
#[derive(Debug, Default)]
struct Load {
    working: usize,
    waiting: usize,
    /// The first that waits.
    first: Option<u64>,
}

impl Load {
    /// Of numbers and states of tasks.
    fn of<'a>(tasks: impl Iterator<Item = (u64, &'a str)>) -> Self {
        let mut load = Self::default();
        for (id, state) in tasks {
            match state {
                "queued" => {
                    load.waiting += 1;
                    load.first = Some(load.first.map_or(id, |first| first.min(id)));
                }
                _ => load.working += 1,
            }
        }
        load
    }

    /// Why nothing goes on, if that is so.
    fn stands(&self) -> Option<String> {
        let first = self.first.filter(|_| self.working == 0)?;
        let waiting = self.waiting;
        Some(format!(
            "{waiting} tasks wait, the first of them is {first}, and none is under way"
        ))
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tasks under way", self.working)?;
        match self.waiting {
            0 => Ok(()),
            waiting => write!(f, ", {waiting} wait for a worker"),
        }
    }
}

/// Whether the certificate is good for the address: the client checked it.
pub(super) fn front(scene: &Scene) -> Result<Found, String> {
    let access = scene.access.as_ref().map_err(Clone::clone)?;
    scene.director()?.info().map_err(|error| said(&error))?;
    Ok(Found::Good(format!(
        "{}, certificate of the environment's authority",
        access.url
    )))
}

/// What Prometheus gets, and where.
pub(super) fn metrics(scene: &Scene) -> Result<Found, String> {
    let access = scene.access.as_ref().map_err(Clone::clone)?;
    let answer = scene
        .director()?
        .raw(Method::Get, METRICS, &[], Vec::new())
        .map_err(|error| said(&error))?;
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != 200 {
        let status = answer.status;
        return Err(format!(
            "{METRICS} answers with status {status}: {}",
            text.trim()
        ));
    }
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let url = &access.url;
    Ok(Found::Good(format!("{samples} samples at {url}{METRICS}")))
}

/// A blob put, got and removed.
pub(super) fn blobstore(scene: &Scene) -> Result<Found, String> {
    let access = scene.access.as_ref().map_err(Clone::clone)?;
    let address = scene
        .record
        .director()
        .ok_or("the director has no address yet")?;
    #[derive(serde::Deserialize)]
    struct Secrets {
        blobstore_director_password: String,
    }
    let path = scene.inner.here("vcap/store/director/secrets.json");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let secrets: Secrets = serde_json::from_slice(&text).map_err(|error| said(&error))?;
    let id = files::random().map_err(|error| said(&error))?;
    // A blob's directory is the first two digits of its name's digest.
    let digest = Sha1::digest(id.as_bytes());
    let path = format!("/{:02x}/{id}", digest.first().copied().unwrap_or_default());
    let settings = Settings {
        target: Target::parse(&format!("https://{address}:25250")).map_err(|error| said(&error))?,
        authorities: Some(access.authority.clone()),
        is_local: true,
    };
    let credentials = Credentials::User {
        name: "director".to_owned(),
        password: secrets.blobstore_director_password,
    };
    let store = Director::anonymous(&settings)
        .map_err(|error| said(&error))?
        .signed_in(credentials, None);
    let ask = |method: Method, body: &[u8]| {
        let kind = [("content-type", "application/octet-stream")];
        let answer = store
            .raw(method, &path, &kind, body.to_vec())
            .map_err(|error| said(&error))?;
        match answer.status {
            200..300 => Ok(answer.body),
            status => Err(format!("{} of a blob: status {status}", method.name())),
        }
    };
    ask(Method::Put, BLOB)?;
    let back = ask(Method::Get, b"");
    // As a machine would ask that has no URL for it.
    let stranger = Director::anonymous(&settings)
        .map_err(|error| said(&error))?
        .raw(Method::Get, &path, &[], Vec::new())
        .map_err(|error| said(&error));
    let removed = ask(Method::Delete, b"");
    let back = back?;
    removed?;
    let refused = stranger?.status;
    if refused != 401 {
        return Err(format!(
            "a blob without password or signature: status {refused}"
        ));
    }
    match back == BLOB {
        true => Ok(Found::Good(format!(
            "a blob put and got, refused without a password; {}",
            scene.service("blobstore")?
        ))),
        false => Err(format!(
            "another blob came back: {:?}",
            String::from_utf8_lossy(&back)
        )),
    }
}

pub(super) fn scheduler(scene: &Scene) -> Result<Found, String> {
    role(scene, "scheduler", "scheduler")
}

pub(super) fn sync_dns(scene: &Scene) -> Result<Found, String> {
    role(scene, "sync_dns", "sync-dns")
}

/// A role whose work is not asked for from outside: its process runs and answers.
fn role(scene: &Scene, service: &str, role: &str) -> Result<Found, String> {
    let told = scene.service(service)?;
    process::answers(&scene.inner.here("vcap/store/director"), role)?;
    Ok(Found::Good(format!("{told}, answers")))
}

fn inside(scene: &Scene, script: &str) -> Result<String, String> {
    run(&scene.around, &scene.handle, script, Streams::default()).map_err(|error| said(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_may_wait_for_others_but_not_for_nobody() {
        let of = |tasks: &[(u64, &str)]| {
            let load = Load::of(tasks.iter().copied());
            load.stands().unwrap_or_else(|| load.to_string())
        };
        assert_eq!(of(&[]), "0 tasks under way");
        assert_eq!(of(&[(7, "processing")]), "1 tasks under way");
        assert_eq!(
            of(&[(9, "queued"), (8, "queued"), (7, "processing")]),
            "1 tasks under way, 2 wait for a worker"
        );
        assert_eq!(
            of(&[(9, "queued"), (8, "queued")]),
            "2 tasks wait, the first of them is 8, and none is under way"
        );
    }
}
