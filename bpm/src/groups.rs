//! The control groups of processes: where they are made, and how they go.
//!
//! ```text
//! PARENT                     bpm's own group, or the one above (below)
//! ├─ init/                   what was in PARENT, where it had to make room
//! └─ warren-bpm-TAG/         all processes of one `/var/vcap`; there while there is one
//!    └─ bpm-JOB/             limits and device filter; the name the agent's firewall looks for
//!       └─ init/             the process
//! ```
//!
//! PARENT is the group above if bpm's own is called `init`, which is what makes room, or ends with
//! `.service` or `.scope`, which is systemd's. Started by our supervisor, bpm is in the group of its
//! service, `warren-jobs-ID/warren-job-SERVICE`, which ends with `bpm start`: PARENT is then the group
//! that the supervisor makes those in. In each hierarchy this is decided by itself.
//!
//! Where cgroup v2 has the controllers that a limit needs, PARENT must hand them down, and therefore
//! hold no process: they are moved to `init` first. A machine whose controllers are in v1, and a
//! process without limits, move nothing. What cannot be had is told by the limit that needs it.
//!
//! With the systemd driver PARENT is a unit of systemd's, without `warren-bpm-TAG`: see `scope`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use sha2::{Digest, Sha256};
use warren_container_runtime::groups::{self, Place};
use warren_sys_cgroup::Cgroup;

use crate::lock::lock;
use crate::root::Root;
use crate::{Step, files};

/// What the group of all processes' groups is called, before what tells it from others.
const PREFIX: &str = "warren-bpm-";
/// The leaf that makes room.
const LEAF: &str = "init";
/// What the group of all groups of services is called, before what tells its supervisor from others.
const SERVICES: &str = "/warren-jobs-";
/// What the group of a service is called, before its name.
const SERVICE: &str = "/warren-job-";
/// How long moving processes may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What limits need.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// Where the groups of all processes of this root are, from the group that we are in.
///
/// # Errors
/// That group is unknown.
pub fn place(root: &Root) -> Result<Place, Step> {
    Ok(above(&Place::own()?).child(&tagged(root)?))
}

/// The parent, by the names alone.
fn above(own: &Place) -> Place {
    let mut place = own.clone();
    if let Some(v2) = &mut place.v2 {
        if let Some(parent) = outside_of_service(v2) {
            *v2 = parent;
        }
        if let Some((parent, name)) = v2.rsplit_once('/')
            && makes_way(name)
        {
            *v2 = if parent.is_empty() { "/" } else { parent }.to_owned();
        }
    }
    for v1 in &mut place.v1 {
        let name = v1.path.file_name().and_then(|name| name.to_str());
        if let (true, Some(parent)) = (name.is_some_and(makes_way), v1.path.parent()) {
            v1.path = parent.to_owned();
        }
    }
    place
}

/// The group that services' groups are made in, if this is the group of a service or below it.
fn outside_of_service(path: &str) -> Option<String> {
    let (parent, below) = path.rsplit_once(SERVICES)?;
    let (_, service) = below.split_once('/')?;
    let is_one = format!("/{service}").starts_with(SERVICE);
    is_one.then(|| if parent.is_empty() { "/" } else { parent }.to_owned())
}

fn makes_way(name: &str) -> bool {
    name == LEAF || name.ends_with(".service") || name.ends_with(".scope")
}

/// `warren-bpm-` and the root's tag.
fn tagged(root: &Root) -> Result<String, Step> {
    tag(root).map(|tag| format!("{PREFIX}{tag}"))
}

/// What tells this root from another: where its data lies.
pub(crate) fn tag(root: &Root) -> Result<String, Step> {
    let data = root.path().join("data/bpm");
    files::root_directory(&data, 0o755)?;
    let found = std::fs::metadata(&data).map_err(Step::file("look at", &data))?;
    let sum = Sha256::digest(format!("{}:{}", found.dev(), found.ino()));
    let hex: String = sum
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(hex)
}

/// Whether the group that processes' groups are in is there, looked at from its parent.
pub(crate) fn within_reach(place: &Place) -> Result<(), Step> {
    let (parent, name) = split(place);
    parent.open()?.child(&name)?;
    Ok(())
}

/// Whether groups can be made there, by making the one that all are in. It goes with the last process.
pub(crate) fn probe(root: &Root, place: &Place) -> Result<(), Step> {
    let _held = lock(&root.groups_lock())?;
    let (parent, name) = split(place);
    parent.open()?.create(&name)?;
    Ok(())
}

/// Makes the group that processes' groups are in, able to limit if that is wanted.
pub(crate) fn make(place: &Place, limits: bool) -> Result<(), Step> {
    let (parent, name) = split(place);
    let parent = parent.open()?;
    if let (true, Some(v2)) = (limits, &parent.v2) {
        hand_down(v2)?;
    }
    let made = parent.create(&name)?;
    if let (true, Some(v2)) = (limits, &made.v2) {
        v2.enable(&available(v2)?)?;
    }
    Ok(())
}

fn hand_down(group: &Cgroup) -> Result<(), Step> {
    let wanted = available(group)?;
    let refused = |group: &Cgroup| -> Result<bool, Step> {
        Ok(group
            .enable(&wanted)?
            .iter()
            .any(|each| each.result.is_err()))
    };
    if refused(group)? && !group.is_real_root()? && !group.procs()?.is_empty() {
        group.evacuate(LEAF, PATIENCE)?;
        refused(group)?;
    }
    Ok(())
}

fn available(group: &Cgroup) -> Result<Vec<&'static str>, Step> {
    let there = group.controllers()?;
    let is_there = |each: &&str| there.iter().any(|name| name == each);
    Ok(CONTROLLERS.into_iter().filter(is_there).collect())
}

/// Kills what is in a process's groups and removes them, and the group above if it was the last.
pub(crate) fn destroy(root: &Root, place: &Place, limit: Duration) -> Result<(), Step> {
    if *place == Place::default() {
        return Ok(());
    }
    groups::destroy(place, limit)?;
    let _held = lock(&root.groups_lock())?;
    let (all, _) = split(place);
    if split(&all).1.starts_with(PREFIX) {
        vacate(&all)?;
    }
    Ok(())
}

/// Removes the group that processes' groups are in, wherever it has none. Part of it may have gone in
/// an earlier attempt.
fn vacate(all: &Place) -> Result<(), Step> {
    for v1 in &all.v1 {
        // The kernel refuses if there is a group in it.
        match std::fs::remove_dir(&v1.path) {
            Err(error)
                if !matches!(
                    Errno::from_io_error(&error),
                    Some(Errno::NOENT | Errno::BUSY | Errno::NOTEMPTY)
                ) =>
            {
                return Err(Step::file("remove", &v1.path)(error));
            }
            _ => {}
        }
    }
    let v2 = Place {
        v2: all.v2.clone(),
        v1: Vec::new(),
    };
    if let Ok(set) = v2.open()
        && let Some(group) = set.v2
        && group.children()?.is_empty()
    {
        group.remove(Duration::ZERO)?;
    }
    Ok(())
}

/// The place above, and the last name.
fn split(place: &Place) -> (Place, String) {
    let mut above = place.clone();
    let mut name = String::new();
    if let Some(v2) = &mut above.v2
        && let Some((parent, last)) = v2.rsplit_once('/')
    {
        name = last.to_owned();
        *v2 = if parent.is_empty() { "/" } else { parent }.to_owned();
    }
    for v1 in &mut above.v1 {
        if let (Some(parent), Some(last)) = (v1.path.parent(), v1.path.file_name()) {
            name = last.to_string_lossy().into_owned();
            v1.path = Path::new(parent).to_owned();
        }
    }
    (above, name)
}

#[cfg(test)]
mod tests {
    use warren_container_runtime::groups::V1Place;

    use super::*;

    fn at(v2: &str, v1: &str) -> Place {
        Place {
            v2: Some(v2.to_owned()),
            v1: vec![V1Place {
                controllers: vec!["memory".to_owned()],
                path: v1.into(),
            }],
        }
    }

    #[test]
    fn groups_are_made_beside_what_makes_way() {
        let mixed = at("/garden/h/init", "/sys/fs/cgroup/memory/h");
        assert_eq!(above(&mixed), at("/garden/h", "/sys/fs/cgroup/memory/h"));
        let unit = at(
            "/system.slice/monit.service",
            "/m/system.slice/monit.service",
        );
        assert_eq!(above(&unit), at("/system.slice", "/m/system.slice"));
        assert_eq!(above(&at("/init", "/m/init")), at("/", "/m"));
        let service = at("/warren-jobs-1f/warren-job-uaa", "/m");
        assert_eq!(above(&service), at("/", "/m"));
        let manager = at("/a/warren-jobs-1f/warren-job-uaa/init", "/m/init");
        assert_eq!(above(&manager), at("/a", "/m"));
        let unit = at(
            "/system.slice/monit.service/warren-jobs-1f/warren-job-uaa",
            "/m",
        );
        assert_eq!(above(&unit), at("/system.slice", "/m"));
        let nobodys = at("/a/warren-jobs-1f/other", "/m");
        assert_eq!(above(&nobodys), nobodys);
        assert_eq!(above(&at("/", "/m")), at("/", "/m"));
    }

    #[test]
    fn a_place_is_split_as_it_was_joined() {
        for place in [at("/", "/m"), at("/a", "/m/b")] {
            assert_eq!(split(&place.child("x")), (place, "x".to_owned()));
        }
    }
}
