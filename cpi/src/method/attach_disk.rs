//! `attach_disk`: the disk is mounted on the host where the running container sees it, and its
//! agent is told. Doing it again changes nothing.

use serde_json::{Value, json};
use warren_wire_cpi::Version;

use crate::{Cpi, Error, disk, lock, mounts, settings, start, vm};

impl Cpi {
    pub(super) fn attach_disk(
        &self,
        vm: &str,
        cid: &str,
        version: Version,
    ) -> Result<Value, Error> {
        let places = self.places()?;
        let _machine = lock::Machine::expect(&places, &self.garden, vm)?;
        let _disk = disk::lock(&places, cid)?;
        let point = places.persistent(vm).join(cid);
        let hint = format!("{}/{cid}", self.config.actions.guestpersistentbindmountsdir);
        let is_new = vm::disk_mount(&places, vm, cid)?.is_none();
        if is_new {
            disk::expect_unused(&places, cid)?;
            disk::mount(&places, cid, &point)?;
        }
        if let Err(error) = self.tell_agent(vm, cid, Some(&hint)) {
            if is_new {
                mounts::unmount(&point)?;
                std::fs::remove_dir(&point).map_err(Error::host("remove", &point))?;
            }
            return Err(error);
        }
        Ok(match version {
            0 | 1 => Value::Null,
            _ => json!(hint),
        })
    }

    /// Writes a disk's hint into the agent's settings, or takes it out; under the machine's lock.
    pub(super) fn tell_agent(&self, vm: &str, disk: &str, hint: Option<&str>) -> Result<(), Error> {
        let before = self.agent_settings(vm)?;
        let mut value = before.clone();
        settings::set_disk(&mut value, disk, hint);
        let mut told = self.write_settings(vm, &value);
        // A new file comes beside the old one first, and less than before has room where that was: a machine that
        // is full must not keep its disks for that.
        if hint.is_none() && told.as_ref().is_err_and(is_full_inside) {
            let remove = format!("rm -f {}", path());
            told = start::run(&self.garden, vm, "make room for the settings in", remove)
                .and_then(|()| self.write_settings(vm, &value));
        }
        // A stock Garden writes over the file, and may have come as far as half of it.
        if told.is_err()
            && self.agent_settings(vm).ok().as_ref() != Some(&before)
            && self.write_settings(vm, &before).is_err()
        {
            // As when Garden is away; of a full disk they have what they had before.
            self.note(format!("VM '{vm}': its settings may be cut off"));
        }
        told
    }

    fn write_settings(&self, vm: &str, value: &Value) -> Result<(), Error> {
        let archive = settings::archive_of_settings(value).map_err(|error| {
            Error::host("write the archive for", path())(std::io::Error::other(error))
        })?;
        self.garden
            .stream_in(vm, "root", settings::DIRECTORY, archive.as_slice())
            .map_err(Error::garden("Writing the agent's settings", vm))
    }

    /// The agent's settings, as they are in the machine.
    pub(super) fn agent_settings(&self, vm: &str) -> Result<Value, Error> {
        let archive = self
            .garden
            .stream_out(vm, "root", &path())
            .map_err(Error::garden("Reading the agent's settings", vm))?;
        settings::from_archive(archive).ok_or_else(|| {
            let path = path();
            Error::Value(format!(
                "VM '{vm}': {path} cannot be understood as settings"
            ))
        })
    }
}

/// Whether Garden says that a file system inside has no room.
fn is_full_inside(error: &Error) -> bool {
    let Error::Garden { source, .. } = error else {
        return false;
    };
    let said = source.refusal().map(ToString::to_string);
    said.is_some_and(|said| {
        ["No space left on device", "Disk quota exceeded"]
            .iter()
            .any(|text| said.contains(text))
    })
}

/// The settings' file.
fn path() -> String {
    format!("{}{}", settings::DIRECTORY, settings::FILE)
}
