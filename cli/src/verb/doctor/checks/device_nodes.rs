//! Which devices really open from here.

use warren_lib_errchain::chain;
use warren_sys_devicefilter::probe::{Nodes, Outcome};

use super::{Facts, Finding};
use crate::verb::device::usual::{USUAL, asked, words};

/// Without these hardly a program runs.
const BASIC: [&str; 7] = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"];

fn try_all(names: &[&str]) -> Result<Vec<(&'static str, String, Outcome)>, String> {
    let nodes = Nodes::detached()
        .map_err(|error| chain(&error))?
        .or_existing("/sys".as_ref(), "/dev".as_ref());
    let usual = USUAL.iter().filter(|usual| names.contains(&usual.name));
    let tried = usual.map(|usual| (usual.name, usual.device.to_string(), usual.try_here(&nodes)));
    Ok(tried.collect())
}

/// The kernel's own answer for an existing node, where no node of ours can be made.
fn open_node(name: &str) -> Result<(), String> {
    use rustix::fs::{Mode, OFlags};
    let path = format!("/dev/{name}");
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty())
        .map(drop)
        .map_err(|errno| format!("{path}: {errno}"))
}

fn allow(devices: &str) -> String {
    format!(
        "allow them in the outer container (docker: --device-cgroup-rule '{devices} rwm'); \
         'warren device explain' tells which level denies"
    )
}

pub fn basic(_: &Facts) -> Finding {
    let tried = match try_all(&BASIC) {
        Ok(tried) => tried,
        Err(_) => return existing(),
    };
    let denied: Vec<_> = tried
        .iter()
        .filter(|(.., outcome)| outcome.passes_filter() == Some(false))
        .collect();
    let unsure: Vec<_> = tried
        .iter()
        .filter(|(.., outcome)| outcome.passes_filter().is_none())
        .collect();
    if let Some((_, first, _)) = denied.first() {
        let names: Vec<&str> = denied.iter().map(|(name, ..)| *name).collect();
        return Finding::fail(format!("denied: {}", names.join(", ")), allow(first));
    }
    if !unsure.is_empty() {
        return existing();
    }
    Finding::pass(format!("{} are let through", BASIC.join(", ")))
}

fn existing() -> Finding {
    // A terminal device answers ENXIO without a terminal, so it tells nothing here.
    let names = BASIC.iter().filter(|name| **name != "tty");
    let failures: Vec<String> = names.filter_map(|name| open_node(name).err()).collect();
    if failures.is_empty() {
        return Finding::pass("the nodes in /dev open; none of our own can be made");
    }
    Finding::fail(failures.join("; "), allow("c 1:3"))
}

/// Source of the failure of stock GrootFS in nested containers.
pub fn loops(_: &Facts) -> Finding {
    let told = match try_all(&["loop-control", "loop0"]) {
        Ok(tried) => tried
            .iter()
            .map(|(name, _, outcome)| format!("{name}: {}", asked(*outcome)))
            .collect::<Vec<_>>()
            .join(", "),
        Err(why) => why,
    };
    Finding::pass(format!("{told}; not needed, a stock GrootFS would"))
}

pub fn fuse(_: &Facts) -> Finding {
    let remedy = "give the outer container /dev/fuse (docker: --device /dev/fuse) if overlayfs \
                  works neither on the store nor on tmpfs";
    let outcome = match try_all(&["fuse"]) {
        Ok(tried) => tried.first().map(|(.., outcome)| *outcome),
        Err(_) => None,
    };
    match outcome {
        Some(Outcome::Passes) => Finding::pass("opens"),
        Some(other) => Finding::warn(words(other), remedy),
        None => match open_node("fuse") {
            Ok(()) => Finding::pass("opens"),
            Err(why) => Finding::warn(why, remedy),
        },
    }
}
