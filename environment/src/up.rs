//! From nothing, or from whatever is there, to a director that answers.
//!
//! ```text
//! image ─► for each level: Garden answers ─► container ─┬─► next level
//!                                                       └─► the director's home ─► its processes
//!                                                            ─► cloud config ─► stemcell
//! ```
//!
//! Each step looks first whether it is done, so the whole may be broken off and begun again.

use std::path::{Path, PathBuf};

use crate::boot::Access;
use crate::claims::{Claims, Tables};
use crate::image::ImageOptions;
use crate::lock::Lock;
use crate::step::step;
use crate::{
    Database, Error, Level, Progress, Record, boot, choice, configs, container, executable, files,
    garden, image, layers, levels, network, prepare,
};

/// What environment is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is kept.
    pub home: PathBuf,
    /// The director's name; `warren` if none is given. Given for one that is there, it must be the same.
    pub name: Option<String>,
    /// At which level the director is: 1 in a container of this machine. Given for one that is
    /// there, it must be the same.
    pub depth: Option<usize>,
    /// Where the director keeps its rows.
    pub database: Option<Database>,
    /// Whether its processes run in bpm's containers.
    pub bpm: Option<bool>,
    /// The first two bytes of the addresses of machines; those that are free if none are given.
    pub machines: Option<[u8; 2]>,
    /// The image of containers; that which there is if none is given.
    pub image: Option<ImageOptions>,
    /// The executable for all levels; that which there is if none is given.
    pub executable: Option<PathBuf>,
}

/// An environment that is there.
#[derive(Clone)]
pub struct Ready {
    /// What it is.
    pub record: Record,
    /// How to get in.
    pub access: Access,
}

/// What a director is called if nobody says.
const NAME: &str = "warren";
/// The greatest depth: the path of a socket has room for so many levels.
const DEEPEST: usize = 15;

/// See the module.
///
/// # Errors
/// [`Error`]; what was done stays, and the next call goes on from there.
pub fn up(options: &Options, progress: &dyn Progress) -> Result<Ready, Error> {
    let home = options.home.as_path();
    let _lock = Lock::take(home)?;
    // Until it can be seen what the environment has.
    let mut claims = Tables::new()?;
    let mut record = record(options, &mut claims)?;
    let wanted = wanted(options, &record);
    let all = levels(home, &record);
    same_image(options, wanted.as_ref(), &record, all.first())?;
    let executable = match &options.executable {
        Some(from) => executable::keep(home, from)?,
        None => executable::path(home),
    };
    let image = step(progress, "Image", || match &wanted {
        Some(wanted) => image::ensure(home, &record, wanted, &executable),
        None => image::of(home, &record.image),
    })?;
    if record.image != image.key {
        record.image.clone_from(&image.key);
        record.image_options = wanted.unwrap_or_default();
        record.write(home)?;
    }
    choice::admit(home, &mut record, &executable, &mut claims)?;
    for level in all.iter().take(record.depth) {
        step(
            progress,
            &format!("Garden at level {}", level.index),
            || {
                let is_new = match level.index {
                    0 => garden::ensure(level, &record, &executable)?,
                    _ => garden::answers(level).map(|()| false)?,
                };
                Ok::<_, Error>((done(is_new, "started"), ()))
            },
        )?;
        let handle = level.container(&record);
        let address = step(progress, &format!("Container {handle}"), || {
            if !level.garden().exists(&handle).unwrap_or_default() {
                prepare::next(level, &record)?;
                if level.index == 0 {
                    layers::keep(level, &image, &executable)?;
                }
            }
            let (is_new, address) = container::ensure(level, &record, &image)?;
            Ok::<_, Error>((format!("{address}, {}", done(is_new, "made")), address))
        })?;
        note_address(&mut record, level.index, address, home)?;
    }
    let (Some(around), Some(address)) = (all.get(record.depth - 1), record.director()) else {
        return Err(Error::NotUp(home.to_owned()));
    };
    step(progress, "Routes", || {
        network::route(all.get(..record.depth).unwrap_or_default(), &record).map(|told| (told, ()))
    })?;
    let (access, director) = step(progress, "Director", || {
        let is_new = boot::start(around, &record, address)?;
        garden::answers(&around.next())?;
        let access = Access::of(home, &record)?;
        let director = boot::answers(around, &record, &access)?;
        let told = format!("{}, {}", access.url, done(is_new, "started"));
        Ok::<_, Error>((told, (access, director)))
    })?;
    step(progress, "Cloud config", || {
        configs::cloud(&director, &record).map(|told| (told, ()))
    })?;
    step(progress, "Stemcell", || {
        configs::stemcell(&director, home, &image).map(|told| (told, ()))
    })?;
    Ok(Ready { record, access })
}

/// The image that is asked for: whoever says nothing of it wants the one that there is.
fn wanted(options: &Options, record: &Record) -> Option<ImageOptions> {
    let wanted = options.image.clone()?;
    let says_nothing = wanted == ImageOptions::default() && !record.image.is_empty();
    Some(match says_nothing {
        true => record.image_options.clone(),
        false => wanted,
    })
}

/// Refuses another image than that with which containers run.
fn same_image(
    options: &Options,
    wanted: Option<&ImageOptions>,
    record: &Record,
    machine: Option<&Level>,
) -> Result<(), Error> {
    let (Some(wanted), Some(machine)) = (wanted, machine) else {
        return Ok(());
    };
    let lives = || {
        let exists = machine.garden().exists(&machine.container(record));
        exists.unwrap_or_default()
    };
    if record.image.is_empty() || !lives() {
        return Ok(());
    }
    let own = executable::path(&options.home);
    let executable = options.executable.as_deref().unwrap_or(&own);
    let wanted = image::key_of(record, wanted, executable)?;
    match wanted == record.image {
        true => Ok(()),
        false => Err(Error::OtherImage {
            home: options.home.clone(),
            have: record.image.clone(),
            wanted,
        }),
    }
}

fn done(is_new: bool, what: &str) -> String {
    match is_new {
        true => what.to_owned(),
        false => "as before".to_owned(),
    }
}

/// What is there, which must be what is asked for; else what is asked for.
fn record(options: &Options, claims: &mut dyn Claims) -> Result<Record, Error> {
    let home = options.home.as_path();
    if let Some(record) = Record::read(home)? {
        let other = |what, have: String, wanted: String| match have == wanted {
            true => Ok(()),
            false => Err(Error::Other {
                home: home.to_owned(),
                what,
                have,
                wanted,
            }),
        };
        if let Some(name) = &options.name {
            other("name", record.name.clone(), name.clone())?;
        }
        if let Some(depth) = options.depth {
            other("depth", record.depth.to_string(), depth.to_string())?;
        }
        if let Some(wanted) = options.database {
            other(
                "database",
                format!("{:?}", record.database),
                format!("{wanted:?}"),
            )?;
        }
        if let Some(bpm) = options.bpm {
            other("bpm", record.bpm.to_string(), bpm.to_string())?;
        }
        if let Some(machines) = options.machines {
            other(
                "machines at",
                record.machines.map(|part| part.to_string()).join("."),
                machines.map(|part| part.to_string()).join("."),
            )?;
        }
        return Ok(record);
    }
    let depth = options.depth.unwrap_or(1);
    if depth == 0 || depth > DEEPEST {
        return Err(Error::Wrong(format!(
            "a depth is from 1 to {DEEPEST}, not {depth}"
        )));
    }
    let (machines, levels, tag) = choice::choose(home, options.machines, claims)?;
    let record = Record {
        name: options.name.clone().unwrap_or_else(|| NAME.to_owned()),
        depth,
        database: options.database.unwrap_or_default(),
        database_password: files::random()?,
        bpm: options.bpm.unwrap_or_default(),
        tag,
        machines,
        levels,
        image: String::new(),
        image_options: ImageOptions::default(),
        addresses: Vec::new(),
    };
    record.write(home)?;
    Ok(record)
}

fn note_address(
    record: &mut Record,
    index: usize,
    address: std::net::Ipv4Addr,
    home: &Path,
) -> Result<(), Error> {
    if record.addresses.get(index) == Some(&address) {
        return Ok(());
    }
    record.addresses.truncate(index);
    record.addresses.push(address);
    record.write(home)
}
