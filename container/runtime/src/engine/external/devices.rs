//! A runtime's own device rules, below ours, in cgroup v1.
//!
//! In v1 a group can be given only what the one above it has, and a runtime gives every container its
//! built-in list. crun's has the system console, which ours has not, and its write fails. So the
//! container's group has the console while the runtime works, and loses it, with all groups below it,
//! before anything of the container is executed. Where cgroup v2 is there too, the program on that
//! refuses the console all the time.
//!
//! Source: `devcgroup_update_access` and `propagate_exception` in `security/device_cgroup.c` of the
//! kernel.

use warren_sys_cgroup::V1Group;

use super::super::error::Failure;
use crate::groups::Groups;
use crate::oci::Resources;

/// As `devices.allow` and `devices.deny` have it.
const CONSOLE: &str = "c 5:1 rwm";

/// The group that has lent the console, if there is one.
pub(super) struct Lent<'a>(Option<&'a V1Group>);

/// Lends it. Where our own group does not have it, nothing is lent, and a runtime that insists says
/// so itself.
pub(super) fn lend<'a>(groups: &'a Groups, resources: &Resources) -> Lent<'a> {
    let mut all = groups.outer.v1.iter();
    let group = all.find(|group| group.has_controller("devices"));
    let is_asked_for = resources.devices.iter().any(|rule| {
        let allows = rule.allow() && rule.major().is_none_or(|major| major == 5);
        allows && rule.minor().is_none_or(|minor| minor == 1)
    });
    Lent(group.filter(|group| {
        // What a client asks for stays as it is.
        !is_asked_for && group.write("devices.allow", CONSOLE).is_ok()
    }))
}

impl Lent<'_> {
    /// Takes it back.
    pub(super) fn take_back(self) -> Result<(), Failure> {
        let Some(group) = self.0 else { return Ok(()) };
        group
            .write("devices.deny", CONSOLE)
            .map_err(|e| Failure::because("take back", "the console from the container", &e))
    }
}
