//! Where a container's groups are.
//!
//! They are below the group of the server that made it. One that is started later may be in another group
//! (a shell's, not a unit's), or find other hierarchies mounted, and makes its own containers there; those
//! of before, and their processes, stay where they are and are found by what was written down then.

use std::sync::PoisonError;
use std::time::Duration;

use warren_container_runtime::groups::{Place, PlaceError};
use warren_lib_errchain::chain;
use warren_sys_cgroup::GroupSet;
use warren_wire_garden::Error;

use super::state::file_name;
use super::{Gardener, error};

impl Gardener {
    /// The groups that a container's are below.
    ///
    /// # Errors
    /// What was written down cannot be read.
    pub(super) fn parent_of(&self, handle: &str) -> Result<Place, Error> {
        let parent = self.depot.parent(handle);
        let parent = parent.map_err(error::step("find the container's control group"))?;
        Ok(parent.unwrap_or_else(|| self.groups.place().clone()))
    }

    /// Where a container's groups are.
    pub(super) fn place_of(&self, handle: &str) -> Result<Place, Error> {
        Ok(self.parent_of(handle)?.child(&file_name(handle)))
    }

    /// A container's groups.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn groups_of(&self, handle: &str) -> Result<GroupSet, Error> {
        let opened = self.place_of(handle)?.open();
        opened.map_err(error::step("open the container's control group"))
    }

    /// The groups of that place below `parent`, as far as they can be reached: for figures, some of which
    /// are better than none. Which are missing is told once for each hierarchy.
    ///
    /// # Errors
    /// They are not there, though all hierarchies are.
    pub(super) fn groups_in_reach(
        &self,
        parent: &Place,
        below: impl Fn(&Place) -> Place,
    ) -> Result<GroupSet, PlaceError> {
        let error = match below(parent).open() {
            Ok(groups) => return Ok(groups),
            Err(error) => error,
        };
        let (reached, missing) = parent.within_reach();
        if missing.is_empty() || (reached.v2.is_none() && reached.v1.is_empty()) {
            return Err(error);
        }
        let groups = below(&reached).open()?;
        for place in missing {
            let controllers = place.controllers.join(",");
            let mut told = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.insert(controllers.clone()) {
                continue;
            }
            let (path, because) = (place.path.display().to_string(), chain(&error));
            let values = [
                ("controllers", controllers.as_str()),
                ("group", path.as_str()),
                ("because", because.as_str()),
                ("remedy", "mount the hierarchy there again"),
            ];
            self.log
                .error("metrics lack what these controllers count", &values);
        }
        Ok(groups)
    }

    /// Removes the groups that an earlier server's containers were in, after the last of them.
    pub(super) fn leave_groups(&self, parent: &Place) {
        let is_there = |handle: &String| self.parent_of(handle).is_ok_and(|other| other == *parent);
        if parent == self.groups.place() || self.all().keys().any(is_there) {
            return;
        }
        if let Ok(groups) = parent.open() {
            // Another server may be there by now.
            let _in_use = groups.remove(Duration::ZERO);
        }
    }
}
