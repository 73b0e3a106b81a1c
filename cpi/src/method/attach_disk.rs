//! `attach_disk`: the disk is mounted on the host where the running container sees it, and its
//! agent is told. Doing it again changes nothing.

use serde_json::{Value, json};
use warren_wire_cpi::Version;

use crate::{Cpi, Error, disk, lock, mounts, settings, vm};

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
        let told = self.write_settings(vm, &value);
        if told.is_err() && self.write_settings(vm, &before).is_err() {
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

/// The settings' file.
fn path() -> String {
    format!("{}{}", settings::DIRECTORY, settings::FILE)
}
