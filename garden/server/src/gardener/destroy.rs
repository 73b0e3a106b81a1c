//! Unmaking a container.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use warren_container_rootfs::store::Capacity;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::error::text;

use super::container::Container;
use super::state::file_name;
use super::{Gardener, error};

/// Room of which less than this part is left is short,
const SHORT: u64 = 10;
/// unless as many bytes are left: a tenth of a large disk is much.
const PLENTY: u64 = 8 << 30;

fn is_short(room: Capacity) -> bool {
    room.available < (room.total / SHORT).min(PLENTY)
}

impl Gardener {
    /// Removes a container, also one of which only a part was made. While it is being made, waits.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`]; [`text::BEING_DESTROYED`] while another call is at it; what
    /// could not be removed: the container is then still listed, and this can be repeated.
    pub fn destroy(&self, handle: &str) -> Result<(), Error> {
        let container = self.all().get(handle).cloned();
        let container = container.ok_or_else(|| Error::ContainerNotFound {
            handle: handle.to_owned(),
        })?;
        if container.is_going.swap(true, Ordering::SeqCst) {
            return Err(Error::plain(text::BEING_DESTROYED));
        }
        self.unmake(&container)
    }

    /// Removes a container whose grace time is over; whether it still was. Somebody may have come
    /// back to it since [`expired`](Self::expired) named it.
    ///
    /// # Errors
    /// What could not be removed: it is tried again when the grace time is over once more.
    pub fn destroy_expired(&self, handle: &str) -> Result<bool, Error> {
        let Some(container) = self.all().get(handle).cloned() else {
            return Ok(false);
        };
        if !container.go_if_expired() {
            return Ok(false);
        }
        self.log.info("grace time is over", &[("handle", handle)]);
        self.unmake(&container).map(|()| true)
    }

    /// Removes a container that is going already.
    fn unmake(&self, container: &Arc<Container>) -> Result<(), Error> {
        let handle = container.handle.as_str();
        let _turn = container.turn();
        if !self.has(container) {
            // It could not be made, and is gone.
            return Err(Error::ContainerNotFound {
                handle: handle.to_owned(),
            });
        }
        let removed = self.remove_parts(container);
        if let Err(error) = &removed {
            container.is_going.store(false, Ordering::SeqCst);
            container.touch();
            let text = error.to_string();
            self.log.error(
                "container not destroyed",
                &[("handle", handle), ("error", &text)],
            );
        }
        removed
    }

    /// Removes whatever there is of a container, in memory too if all of it went.
    pub(super) fn remove_parts(&self, container: &Container) -> Result<(), Error> {
        let handle = container.handle.as_str();
        let peas = container.record().peas;
        self.remove_everywhere(handle, peas.keys())?;
        container
            .forget(&self.records)
            .map_err(error::step("forget the container"))?;
        self.all_mut().remove(handle);
        self.collect_if_short();
        Ok(())
    }

    /// Removes layers that no image needs when room is short. As long as it is not they are kept:
    /// the next container will likely want them.
    fn collect_if_short(&self) {
        let is_short = || self.store.capacity().is_ok_and(is_short);
        if !is_short() {
            return;
        }
        // What is on its way out takes room too.
        self.store.settle();
        if !is_short() {
            return;
        }
        match self.store.collect() {
            Ok(collected) => {
                let count = collected.removed.len().to_string();
                self.log
                    .info("room is short; removed layers", &[("count", &count)]);
                for image in &collected.damaged {
                    self.log.error(
                        "no layer is removed: an image does not tell which it has, destroy it",
                        &[("image", &image.id), ("because", &image.why)],
                    );
                }
            }
            Err(error) => {
                let text = chain(&error);
                self.log.error("layers not removed", &[("error", &text)]);
            }
        }
    }

    /// Removes whatever the parts have of that handle, and of its processes with a root file
    /// system of their own. All are attempted. The record stays.
    pub(super) fn remove_everywhere<'a>(
        &self,
        handle: &str,
        peas: impl Iterator<Item = &'a String>,
    ) -> Result<(), Error> {
        let mut failures = Vec::new();
        // The depot knows it only as long as it has the container.
        let parent = self.parent_of(handle).unwrap_or_else(|error| {
            failures.push(error.to_string());
            self.groups.place().clone()
        });
        if let Err(error) = self.depot.destroy(handle) {
            failures.push(format!("remove its processes: {}", chain(&error)));
        }
        if let Err(error) = self.network.destroy_soon(handle) {
            failures.push(format!("remove its network: {}", chain(&error)));
        }
        // While processes live in it, its root cannot be unmounted for good.
        if let Err(error) = self.store.destroy_soon(&file_name(handle)) {
            failures.push(format!("remove its root file system: {}", chain(&error)));
        }
        for id in peas {
            if let Err(error) = self.remove_pea_parts(&parent, handle, id) {
                failures.push(format!("remove what process {id:?} has: {error}"));
            }
        }
        if let Err(error) = self.nested.remove(handle) {
            failures.push(format!("remove the images inside it: {error}"));
        }
        if failures.is_empty() {
            self.leave_groups(&parent);
            Ok(())
        } else {
            Err(Error::Plain(failures.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_short_and_of_a_large_disk_less() {
        let short = |total: u64, available: u64| {
            is_short(Capacity {
                total,
                available,
                files: None,
            })
        };
        const GIB: u64 = 1 << 30;
        assert!(short(10 * GIB, GIB - 1) && !short(10 * GIB, GIB));
        assert!(short(250 * GIB, 8 * GIB - 1) && !short(250 * GIB, 8 * GIB));
    }
}
