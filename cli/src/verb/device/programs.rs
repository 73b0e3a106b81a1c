//! The device programs of a cgroup, each with the level it is attached to and who loaded it.

use std::os::fd::AsFd;
use std::path::Path;

use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_devicefilter::bpf;

use super::subject::Place;

/// A program that runs for the cgroup.
#[derive(Debug, Serialize)]
pub struct Program {
    /// The kernel's id.
    pub id: u32,
    /// Name given by the loader.
    pub name: Option<String>,
    /// Hash over the instructions.
    pub tag: Option<String>,
    /// User id of the loader.
    pub loaded_by_uid: Option<u32>,
    /// Seconds from boot to load.
    pub loaded_at: Option<f64>,
    /// Attached through a link rather than directly.
    pub link: Option<u32>,
    /// Directory it is attached to; `None` is above what can be seen.
    pub attached_to: Option<String>,
    /// Whether that is the cgroup itself.
    pub is_own: bool,
    /// Why nothing more is known about it.
    pub unknown: Option<String>,
}

/// What is attached.
#[derive(Debug, Serialize)]
pub struct Programs {
    /// The cgroup's directory.
    pub directory: String,
    /// `multi`, `override` or `single`: what the cgroup's own list admits; `None` if it is empty.
    pub mode: Option<&'static str>,
    /// In the order they run.
    pub effective: Vec<Program>,
}

/// Reads them.
///
/// # Errors
/// In words: the directory or its programs cannot be read.
pub fn read(place: &Place) -> Result<Programs, String> {
    let own = query(&place.directory)?;
    let effective =
        bpf::query_effective(open(&place.directory)?.as_fd()).map_err(|error| chain(&error))?;
    // From the cgroup upwards, so that a program attached at two levels counts for the nearest.
    let mut levels = Vec::new();
    for directory in place.directory.ancestors() {
        if !directory.starts_with(&place.root) {
            break;
        }
        levels.push((directory, query(directory)?.ids));
    }
    // Needs CAP_SYS_ADMIN; without it no link is told.
    let links = bpf::device_links().unwrap_or_default();
    let program = |id: &u32| {
        let level = levels.iter().find(|(_, ids)| ids.contains(id));
        let link = links.iter().find(|link| link.program == *id);
        let (info, unknown) = match bpf::by_id(*id) {
            Ok(Some(loaded)) => (Some(loaded.info().clone()), None),
            Ok(None) => (None, Some("it is gone".to_owned())),
            Err(error) => (None, Some(chain(&error))),
        };
        let info = info.as_ref();
        Program {
            id: *id,
            name: info.map(|info| info.name.clone()),
            tag: info.map(|info| info.tag.0.clone()),
            loaded_by_uid: info.map(|info| info.uid),
            loaded_at: info.map(|info| info.loaded_at_ns as f64 / 1e9),
            link: link.map(|link| link.id),
            attached_to: level.map(|(directory, _)| place.name(directory)),
            is_own: own.ids.contains(id),
            unknown,
        }
    };
    Ok(Programs {
        directory: place.name(&place.directory),
        mode: (!own.ids.is_empty()).then(|| mode(own.flags)),
        effective: effective.ids.iter().map(program).collect(),
    })
}

fn mode(flags: u32) -> &'static str {
    if flags & bpf::ALLOW_MULTI != 0 {
        "multi"
    } else if flags & bpf::ALLOW_OVERRIDE != 0 {
        "override"
    } else {
        "single"
    }
}

fn query(directory: &Path) -> Result<bpf::Attached, String> {
    bpf::query(open(directory)?.as_fd()).map_err(|error| chain(&error))
}

fn open(directory: &Path) -> Result<std::fs::File, String> {
    std::fs::File::open(directory)
        .map_err(|error| format!("cannot open {}: {error}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_told_by_the_kernel_s_flags() {
        assert_eq!(mode(bpf::ALLOW_MULTI), "multi");
        assert_eq!(mode(bpf::ALLOW_OVERRIDE), "override");
        assert_eq!(mode(0), "single");
    }
}
