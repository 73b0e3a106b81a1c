//! From whatever is there to nothing.

use std::path::Path;

use crate::lock::Lock;
use crate::step::step;
use crate::{Error, Level, Progress, Record, executable, files, forwarding, garden, mounts};

/// All but images, below the home; the record last, as it tells what there is.
const FILES: [&str; 8] = [
    "next",
    "garden/depot",
    "garden/state",
    "garden.log",
    "garden.log.1",
    "init",
    "bin",
    "environment.json",
];

/// Removes an environment with its director and all of its machines; images, also as this machine's
/// Garden has unpacked them, stay unless they are to go as well. One that is half made, or half
/// removed, goes too.
///
/// # Errors
/// [`Error`]; the next call goes on from there.
pub fn down(home: &Path, with_images: bool, progress: &dyn Progress) -> Result<(), Error> {
    if !home.exists() {
        return step(progress, "Environment", || {
            Ok((format!("there is none in {}", home.display()), ()))
        });
    }
    let _lock = Lock::take(home)?;
    if let Some(record) = Record::read(home)? {
        halt(home, &record, progress)?;
    }
    step(progress, "Files", || {
        let is_there = FILES.iter().any(|name| home.join(name).exists());
        for name in FILES {
            files::remove(&home.join(name))?;
        }
        if with_images {
            files::remove(&home.join("garden"))?;
            files::remove(&home.join("images"))?;
            files::remove(&home.join("lock"))?;
            // A directory that somebody has mounted something at is not ours to remove.
            if !mounts::is_place(home)? {
                std::fs::remove_dir(home).map_err(Error::file("remove", home))?;
            }
            return Ok(("removed, images as well".to_owned(), ()));
        }
        let told = match is_there {
            true => "removed; images are kept",
            false => "there was no environment; images are kept",
        };
        Ok::<_, Error>((told.to_owned(), ()))
    })
}

/// Ends everything that runs; files stay.
pub(crate) fn halt(home: &Path, record: &Record, progress: &dyn Progress) -> Result<(), Error> {
    let machine = Level::machine(home);
    let executable = executable::path(home);
    let handle = machine.container(record);
    step(progress, &format!("Container {handle}"), || {
        let told = match has_server(&machine, record, &executable, &handle)? {
            true => remove(&machine, &handle)?,
            false => "not there",
        };
        Ok::<_, Error>((told.to_owned(), ()))
    })?;
    step(progress, "Garden at level 0", || {
        garden::stop(&machine, &executable)?;
        files::remove(&machine.here("garden.sock"))?;
        mounts::let_go(home)?;
        let told = match forwarding::restore(home)? {
            Some(more) => format!("stopped; {more}"),
            None => "stopped".to_owned(),
        };
        Ok::<_, Error>((told, ()))
    })
}

/// Has the server there that a container needs to be ended well. Nothing to start it with, and none that
/// answers: `up` was broken off before it, or an earlier `down` behind it.
fn has_server(
    machine: &Level,
    record: &Record,
    executable: &Path,
    handle: &str,
) -> Result<bool, Error> {
    if executable.exists() {
        garden::ensure(machine, record, executable)?;
        return Ok(true);
    }
    if machine.garden().ping().is_ok() {
        return Ok(true);
    }
    // Somebody has removed it: what runs is not to lose its files.
    match machine.here("garden/depot").join(handle).exists() {
        true => Err(Error::NoExecutable {
            executable: executable.to_owned(),
            handle: handle.to_owned(),
        }),
        false => Ok(false),
    }
}

fn remove(machine: &Level, handle: &str) -> Result<&'static str, Error> {
    let client = machine.garden();
    let failed = |step: &str| Error::container(format!("{step} the container {handle}"), 0);
    match client.exists(handle).map_err(failed("look for"))? {
        true => {
            client.destroy(handle).map_err(failed("remove"))?;
            Ok("removed, with all that was inside")
        }
        false => Ok("not there"),
    }
}
