//! `detach_disk`: the disk is seen no more, inside or outside, and is free for another machine.
//!
//! What the machine has mounted of it elsewhere is unmounted first, as some agents leave it; then
//! that on the host, which goes inside too. A disk that still has users stays an error.

use std::time::{Duration, Instant};

use crate::disk::Origin;
use crate::{Cpi, Error, disk, lock, mounts, start, vm};

/// How long the last user of a disk may take to let it go.
const LAST: Duration = Duration::from_secs(30);

impl Cpi {
    pub(super) fn detach_disk(&self, vm: &str, cid: &str) -> Result<(), Error> {
        let places = self.places()?;
        let _machine = lock::Machine::expect(&places, &self.garden, vm)?;
        let _disk = disk::lock(&places, cid)?;
        let point = vm::disk_mount(&places, vm, cid)?;
        // The agent is told last: a detach that was killed goes on here.
        if point.is_none() && self.agent_settings(vm)?["disks"]["persistent"][cid].is_null() {
            return Err(Error::DiskNotAttached {
                disk: cid.to_owned(),
                vm: vm.to_owned(),
            });
        }
        let origins = disk::origin_inside(&places, cid)?;
        let hint = format!("{}/{cid}", self.config.actions.guestpersistentbindmountsdir);
        start::run(
            &self.garden,
            vm,
            "unmount the disk in",
            script(&origins, &hint),
        )?;
        if let Some(point) = point {
            mounts::unmount(&point)?;
            mounts::missing_is_fine(std::fs::remove_dir(&point))
                .map_err(Error::host("remove the mount point", &point))?;
        }
        let deadline = Instant::now() + LAST;
        while let Err(error) = disk::expect_unused(&places, cid) {
            if Instant::now() > deadline {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.tell_agent(vm, cid, None)
    }
}

/// Unmounts what is from the disk, but for the hint's own mount, which goes with the host's.
fn script(origins: &[Origin], hint: &str) -> String {
    let matches: String = origins
        .iter()
        .map(|origin| match origin {
            Origin::Device(number) => format!("    {number}\\ *) ;;\n"),
            Origin::Root(end) => format!("    *\\ *{end}) ;;\n"),
        })
        .collect();
    // Fields of mountinfo: id, parent, device, root, mount point.
    format!(
        "status=0
while read id parent device root point rest; do
  case \"$device $root\" in
{matches}    *) continue ;;
  esac
  [ \"$point\" = {hint} ] && continue
  umount \"$point\" || status=1
done </proc/self/mountinfo
exit $status
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_the_disk_are_named() {
        let text = script(&[Origin::Device("7:3".to_owned())], "/warden-cpi-dev/d");
        assert!(text.contains("    7:3\\ *) ;;\n"));
        let text = script(&[Origin::Root("/d".to_owned())], "/warden-cpi-dev/d");
        assert!(text.contains("    *\\ */d) ;;\n"));
    }
}
