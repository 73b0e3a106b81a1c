//! `reboot_vm`: all processes of a machine end, and its services start again.
//!
//! The container stays, with its address and files. What was mounted inside by its processes stays
//! mounted, as the kernel knows no start of a container.

use crate::{Cpi, Error, start, vm};

impl Cpi {
    pub(super) fn reboot_vm(&self, cid: &str) -> Result<(), Error> {
        vm::expect(&self.garden, cid)?;
        if self.config.start_containers_with_systemd {
            return Err(Error::NotSupported(
                "reboot_vm: the first process of a container, its own init, cannot be started again"
                    .to_owned(),
            ));
        }
        self.garden
            .stop(cid, false)
            .map_err(Error::garden("Stopping the VM's processes", cid))?;
        start::services(&self.garden, cid, false)
    }
}
