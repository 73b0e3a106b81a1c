//! Landlock's part: what may be read where there is no root of one's own, and in any case that
//! nothing can be written.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use warren_sys_process::landlock::{self, Ruleset, access};

use crate::inner::Failure;
use crate::plan::Rung;
use crate::view::{Place, View};

/// Puts the rules in force; the version, or `None` if the kernel has no Landlock and there is a root
/// of one's own that does the same.
pub(crate) fn restrict(rung: Rung, view: &View) -> Result<Option<u32>, Failure> {
    let failed = |errno| Failure::new("use", "Landlock", errno);
    let abi = match landlock::abi() {
        Ok(abi) => abi,
        Err(errno) if rung == Rung::Bare => return Err(failed(errno)),
        Err(_) => return Ok(None),
    };
    let reading = access::EXECUTE | access::READ_FILE | access::READ_DIR;
    let all = access::all(abi);
    let handled = if rung.has_own_root() {
        all & !reading
    } else {
        all
    };
    let rules = Ruleset::new(abi, handled).map_err(failed)?;
    for (path, place) in view {
        let (outside, rights) = match place {
            Place::Device(outside) => (outside, access::READ_FILE | access::WRITE_FILE),
            Place::Tree(outside) => (outside, reading),
            Place::Link(_) => continue,
        };
        let path = if rung.has_own_root() { path } else { outside };
        allow(&rules, path, rights).map_err(|errno| {
            Failure::new("let the program read", path.display().to_string(), errno)
        })?;
    }
    rules.restrict().map_err(failed)?;
    Ok(Some(abi))
}

fn allow(rules: &Ruleset, path: &Path, rights: u64) -> Result<(), Errno> {
    use std::os::fd::AsFd;
    let place = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let is_directory = FileType::from_raw_mode(fstat(&place)?.st_mode) == FileType::Directory;
    let rights = if is_directory {
        rights
    } else {
        rights & !access::READ_DIR
    };
    rules.allow(place.as_fd(), rights)
}
