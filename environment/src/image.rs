//! The root file system of directors and machines, made of Debian packages once and used again.
//!
//! Its name tells what it is made of: packages and release of Debian, or a directory and what shows
//! that it was changed; and the executable. Another one of these makes another image and another
//! version of the stemcell. Half-made ones are in `images/.making-*`
//! and are removed by the next that is made.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use warren_release::stemcell::debian::{Bootstrap, DEV_TOOLS, bootstrap};
use warren_release::stemcell::{Facts, Light, Wanted, pack, plan, write_light};

use crate::level::INSIDE;
use crate::{Error, Record, files};

/// What a director needs beside what machines need.
const FOR_DIRECTORS: [&str; 2] = ["nats-server", "ruby"];
/// And one with PostgreSQL.
const FOR_POSTGRES: &str = "postgresql";
const MAKING: &str = ".making-";
/// What of a root file system that was given is looked at to tell whether it is still the same one:
/// what changes when a package is installed, or a file put where people put files.
const TOUCHED: [&str; 14] = [
    "",
    "etc",
    "etc/passwd",
    "etc/shadow",
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/local/bin",
    "usr/sbin",
    "usr/share",
    "var/lib",
    "var/lib/dpkg/status",
    "var/vcap",
    "var/vcap/bosh",
];

/// What an image is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOptions {
    /// A release of Debian; the machine's own if none is given.
    pub suite: Option<String>,
    /// Where packages come from; the machine's own sources if none is given.
    pub mirrors: Vec<String>,
    /// More packages.
    pub include: Vec<String>,
    /// Take the root file system in this directory instead.
    pub directory: Option<PathBuf>,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// Its name among images.
    pub key: String,
    /// The stemcell's name.
    pub name: String,
    /// The stemcell's version.
    pub version: String,
    /// What manifests ask for.
    pub operating_system: String,
    /// Compressed size.
    pub bytes: u64,
}

impl Image {
    /// Its file among images.
    pub(crate) fn file(&self) -> String {
        format!("images/{}.tar.gz", self.key)
    }

    /// Its light stemcell among images.
    pub(crate) fn stemcell(&self) -> String {
        format!("images/{}.stemcell.tgz", self.key)
    }

    /// One that was made before.
    pub(crate) fn read(home: &Path, key: &str) -> Option<Self> {
        let text = fs::read(home.join(format!("images/{key}.json"))).ok()?;
        let image: Self = serde_json::from_slice(&text).ok()?;
        let is_there = home.join(image.file()).is_file() && home.join(image.stemcell()).is_file();
        is_there.then_some(image)
    }
}

/// The image that an environment was made with.
pub(crate) fn of(home: &Path, key: &str) -> Result<(String, Image), Error> {
    let image = Image::read(home, key)
        .ok_or_else(|| Error::Wrong(format!("the image {key} is gone; warren up makes one")))?;
    Ok((
        format!("{} {}, as before", image.name, image.version),
        image,
    ))
}

/// The image for what is asked, made if there is none; says what was done.
pub(crate) fn ensure(
    home: &Path,
    record: &Record,
    options: &ImageOptions,
    executable: &Path,
) -> Result<(String, Image), Error> {
    let wanted = packages(record, options)?;
    let key = key(&wanted, options, executable)?;
    if let Some(image) = Image::read(home, &key) {
        return Ok((
            format!("{} {}, as before", image.name, image.version),
            image,
        ));
    }
    let images = home.join("images");
    files::directory(&images, 0o755)?;
    sweep(&images)?;
    let work = tempfile::Builder::new()
        .prefix(MAKING)
        .tempdir_in(&images)
        .map_err(Error::file("make a directory in", &images))?;
    let root = match &options.directory {
        Some(directory) => {
            look(directory)?;
            directory.clone()
        }
        None => {
            let root = work.path().join("root");
            bootstrap(&wanted, &root).map_err(Error::image("install Debian packages"))?;
            root
        }
    };
    let image = make(&images, work.path(), &root, &key, executable)?;
    work.close()
        .map_err(Error::file("remove a directory in", &images))?;
    let mib = image.bytes >> 20;
    Ok((
        format!("{} {}, made, {mib} MiB", image.name, image.version),
        image,
    ))
}

/// Says what of what directors call is not in a root file system.
fn look(root: &Path) -> Result<(), Error> {
    let is_there = |path: &str| root.join(path).symlink_metadata().is_ok();
    for (path, package) in [
        ("usr/sbin/nats-server", "nats-server"),
        ("usr/bin/ruby", "ruby"),
    ] {
        if root.is_dir() && !is_there(path) {
            return Err(Error::Wrong(format!(
                "{} has no /{path}, which a director needs: install {package} in it",
                root.display()
            )));
        }
    }
    Ok(())
}

fn make(
    images: &Path,
    work: &Path,
    root: &Path,
    key: &str,
    executable: &Path,
) -> Result<Image, Error> {
    let facts = Facts::read(root).map_err(Error::image("look at the root file system"))?;
    let wanted = Wanted {
        version: version(key),
        executable: Some(executable.to_owned()),
        ..Wanted::default()
    };
    let plan = plan(&facts, &wanted).map_err(Error::image("plan the stemcell"))?;
    let making = work.join("image");
    let file = File::create_new(&making).map_err(Error::file("make", &making))?;
    let (packed, file) = pack(root, &plan, file).map_err(Error::image("pack the image"))?;
    file.sync_all().map_err(Error::file("write", &making))?;
    let image = Image {
        key: key.to_owned(),
        name: plan.name.clone(),
        version: plan.version.clone(),
        operating_system: plan.operating_system.clone(),
        bytes: packed.sums.bytes(),
    };
    let light = Light {
        image_reference: format!("file://{INSIDE}/{}", image.file()),
        digest: None,
    };
    let stemcell = work.join("stemcell");
    let writer = File::create_new(&stemcell).map_err(Error::file("make", &stemcell))?;
    let (_, mut writer) = write_light(BufWriter::new(writer), &plan, &light)
        .map_err(Error::image("write the stemcell"))?;
    writer.flush().map_err(Error::file("write", &stemcell))?;
    let home = images.parent().unwrap_or(images);
    for (from, to) in [(&making, image.file()), (&stemcell, image.stemcell())] {
        let to = home.join(to);
        fs::rename(from, &to).map_err(Error::file("put in place", &to))?;
    }
    let about = images.join(format!("{key}.json"));
    let text = serde_json::to_vec_pretty(&image).map_err(|source| Error::Record {
        path: about.clone(),
        source,
    })?;
    files::write(&about, &text, 0o644)?;
    Ok(image)
}

fn packages(record: &Record, options: &ImageOptions) -> Result<Bootstrap, Error> {
    let mut wanted =
        Bootstrap::own().map_err(Error::image("tell this machine's release of Debian"))?;
    if let Some(suite) = &options.suite {
        wanted.suite.clone_from(suite);
    }
    wanted.mirrors.clone_from(&options.mirrors);
    let more = DEV_TOOLS.iter().chain(&FOR_DIRECTORS);
    wanted.packages.extend(more.map(ToString::to_string));
    if record.database == crate::Database::Postgres {
        wanted.packages.push(FOR_POSTGRES.to_owned());
    }
    wanted.packages.extend(options.include.iter().cloned());
    Ok(wanted)
}

/// The name of the image for what is asked.
pub(crate) fn key_of(
    record: &Record,
    options: &ImageOptions,
    executable: &Path,
) -> Result<String, Error> {
    key(&packages(record, options)?, options, executable)
}

/// Inode, size and times of change, if it is there.
fn touched(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((about.ino(), about.size(), about.mtime(), about.ctime_nsec()))
}

/// A name for all that the image is made of.
fn key(wanted: &Bootstrap, options: &ImageOptions, executable: &Path) -> Result<String, Error> {
    let mut state = Sha256::new();
    let mut say = |text: &str| {
        state.update(text.as_bytes());
        state.update([0]);
    };
    let source = match &options.directory {
        Some(directory) => {
            say(&directory.display().to_string());
            for path in TOUCHED {
                say(&format!("{path} {:?}", touched(&directory.join(path))));
            }
            "directory"
        }
        None => {
            say(&wanted.suite);
            say(&wanted.variant);
            wanted.packages.iter().for_each(|package| say(package));
            wanted.suite.as_str()
        }
    };
    let mut file = File::open(executable).map_err(Error::file("open", executable))?;
    std::io::copy(&mut file, &mut Hashing(&mut state)).map_err(Error::file("read", executable))?;
    let digest = state.finalize();
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("{source}-{hex}"))
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A version that differs where images differ.
fn version(key: &str) -> String {
    let hex = key.rsplit('-').next().unwrap_or_default();
    let number = u64::from_str_radix(hex.get(..8).unwrap_or_default(), 16).unwrap_or_default();
    format!("1.{number}")
}

/// Removes what was left half-made; the lock on the home says that nobody is at it.
fn sweep(images: &Path) -> Result<(), Error> {
    let listing = fs::read_dir(images).map_err(Error::file("list", images))?;
    for entry in listing {
        let entry = entry.map_err(Error::file("list", images))?;
        if entry.file_name().to_string_lossy().starts_with(MAKING) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}
