//! The director's own parts.

use std::io::Cursor;
use std::time::{Duration, Instant};

use warren_director_client::tasks::Filter;
use warren_garden_client::Streams;

use super::{Found, Scene, said};
use crate::container::run;
use crate::image::Image;
use crate::{Database, files};

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
            let ask = "psql -h /var/vcap/sys/run/postgres -U postgres -At -d warren \
                       -c 'select count(*) from tasks'";
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

/// A worker has nothing to say by itself: what counts is that no task waits for one.
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
        let (waiting, working): (Vec<_>, Vec<_>) =
            tasks.iter().partition(|task| task.state == "queued");
        let Some(first) = waiting.last() else {
            let working = working.len();
            return Ok(Found::Good(format!("{working} tasks under way; {service}")));
        };
        if begun.elapsed() >= PATIENCE {
            let (number, first) = (waiting.len(), first.id);
            return Err(format!("{number} tasks wait, the first of them is {first}"));
        }
        std::thread::sleep(Duration::from_millis(50));
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

/// A blob put, got and removed.
pub(super) fn blobstore(scene: &Scene) -> Result<Found, String> {
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
    let script = format!(
        "prefix=$(printf %s {id} | sha1sum | cut -c1-2); \
         exec curl -K - https://{address}:25250/$prefix/{id}"
    );
    // On standard input: what is in a command line, everybody may read.
    let config = |more: &str| {
        format!(
            "user = \"director:{}\"\ncacert = \"/var/vcap/store/director/certs/ca.crt\"\n\
             silent\nshow-error\nfail\nmax-time = 5\n{more}\n",
            secrets.blobstore_director_password
        )
    };
    let curl = |more: &str| {
        let streams = Streams {
            stdin: Some(Box::new(Cursor::new(config(more).into_bytes()))),
            ..Streams::default()
        };
        run(&scene.around, &scene.handle, &script, streams).map_err(|error| said(&error))
    };
    curl("request = \"PUT\"\ndata = \"warren\"")?;
    let back = curl("");
    let removed = curl("request = \"DELETE\"");
    let back = back?;
    removed?;
    match back.as_str() {
        "warren" => Ok(Found::Good(format!(
            "a blob put and got; {}",
            scene.service("blobstore")?
        ))),
        other => Err(format!("another blob came back: {other:?}")),
    }
}

pub(super) fn scheduler(scene: &Scene) -> Result<Found, String> {
    scene.service("scheduler").map(Found::Good)
}

pub(super) fn sync_dns(scene: &Scene) -> Result<Found, String> {
    scene.service("sync_dns").map(Found::Good)
}

fn inside(scene: &Scene, script: &str) -> Result<String, String> {
    run(&scene.around, &scene.handle, script, Streams::default()).map_err(|error| said(&error))
}
