//! Ending all that is in a container's groups, and removing them.
//!
//! Needs no shim, no pid and no file of the container: only where its groups were made. So it also
//! cleans up after a shim that died at any point.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use warren_sys_cgroup::locate::LocateError;
use warren_sys_cgroup::{Cgroup, Error, GroupSet, V1Group};

use super::place::{Place, PlaceError, V1Place, open_v2};

/// A container's groups are not all gone.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// A group is there and cannot be opened.
    #[error("cannot open the container's groups")]
    Place(#[from] PlaceError),
    /// Something inside lives on.
    #[error("cannot kill the processes in the container's groups")]
    Kill(#[source] Error),
    /// A group cannot be removed.
    #[error("cannot remove the container's groups")]
    Remove(#[source] Error),
}

/// Kills everything in and below these groups and removes them. Whether there was any.
///
/// # Errors
/// [`DestroyError`], after `limit` at the latest; it may be called again.
pub fn destroy(place: &Place, limit: Duration) -> Result<bool, DestroyError> {
    let started = Instant::now();
    let v2 = place.v2.as_deref().map(|path| there(open_v2(path)));
    let v2: Option<Cgroup> = v2.transpose()?.flatten();
    let v1: Result<Vec<Option<V1Group>>, _> =
        place.v1.iter().map(V1Place::open).map(there).collect();
    let set = GroupSet {
        v2,
        v1: v1?.into_iter().flatten().collect(),
        unusable: Vec::new(),
    };
    if set.v2.is_none() && set.v1.is_empty() {
        return Ok(false);
    }
    set.kill(limit).map_err(DestroyError::Kill)?;
    let left = limit.saturating_sub(started.elapsed());
    set.remove(left.max(Duration::from_secs(1)))
        .map_err(DestroyError::Remove)?;
    Ok(true)
}

/// `None` for a group that does not exist.
fn there<T>(opened: Result<T, PlaceError>) -> Result<Option<T>, PlaceError> {
    match opened {
        Ok(group) => Ok(Some(group)),
        Err(PlaceError::V1 { source, .. }) if is_missing(&source) => Ok(None),
        Err(PlaceError::Locate {
            source: LocateError::Group(source),
            ..
        }) if is_missing(&source) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &Error) -> bool {
    error.is_gone() || error.errno() == Some(Errno::NOENT)
}
