//! Device programs: whether we can put up a filter, and which hold for us.
//!
//! Tried on a scratch cgroup below our own, reached through its descriptor, so that it works
//! without a visible mount.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};
use warren_lib_errchain::chain;
use warren_sys_cgroup::Cgroup;
use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome, Scratch};
use warren_sys_devicefilter::{
    Access, Device, DeviceRule, Owned, Policy, Program, Request, Style, attach, bpf,
};

use super::{Facts, Finding};

const CAPABLE: &str = "give the outer container CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in \
                       the initial user namespace, and let bpf(2) pass its seccomp filter";

fn path_of(group: &Cgroup) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", group.as_fd().as_raw_fd()))
}

/// A filter that denies everything has to deny /dev/null.
pub fn denies(facts: &Facts) -> Finding {
    let group = match facts.own_group() {
        Ok(found) => &found.group,
        Err(why) => return Finding::unknown(why, "see cgroup-identity"),
    };
    match try_filter(group) {
        Ok(Outcome::Denied) => Finding::pass(
            "a program loaded, attached to a scratch cgroup, and denied a device there",
        ),
        Ok(outcome) => Finding::fail(
            format!("a program that denies all is attached, and a device gave: {outcome:?}"),
            "report this kernel; no container is kept from devices on it",
        ),
        Err(why) => {
            // The way there means nothing to people.
            let why = why.replace(&path_of(group).display().to_string(), "our cgroup");
            Finding::fail(why, CAPABLE)
        }
    }
}

fn try_filter(group: &Cgroup) -> Result<Outcome, String> {
    let scratch = Scratch::below(&path_of(group)).map_err(|error| chain(&error))?;
    let directory = std::fs::File::open(scratch.path()).map_err(|error| error.to_string())?;
    let policy = Policy::from_rules(&[DeviceRule::all(false)]).map_err(|error| chain(&error))?;
    let program = Program::new(&policy, Style::default());
    let mut record: Option<Owned> = None;
    attach::install(directory.as_fd(), &program, &mut record).map_err(|error| chain(&error))?;
    let nodes = Nodes::detached()
        .map_err(|error| chain(&error))?
        .or_existing("/sys".as_ref(), "/dev".as_ref());
    let request = Request {
        device: Device::char(1, 3),
        access: Access::READ,
    };
    let outcome = nodes
        .try_in(scratch.procs(), request, Ask::Check)
        .map_err(|error| chain(&error))?;
    drop(directory);
    scratch.close().map_err(|error| chain(&error))?;
    Ok(outcome)
}

pub fn replaces(facts: &Facts) -> Finding {
    let group = match facts.own_group() {
        Ok(found) => &found.group,
        Err(why) => return Finding::unknown(why, "see cgroup-identity"),
    };
    match attach::probe_replace(group.as_fd()) {
        Ok(true) => Finding::pass("BPF_F_REPLACE works"),
        Ok(false) => Finding::pass(
            "no BPF_F_REPLACE (Linux before 5.6): a new program is attached before the old one goes",
        ),
        Err(error) => Finding::warn(chain(&error), "see device-filter"),
    }
}

/// More than one is normal in nested containers: each level adds its own.
pub fn programs(facts: &Facts) -> Finding {
    let group = match facts.own_group() {
        Ok(found) => &found.group,
        Err(why) => return Finding::unknown(why, "see cgroup-identity"),
    };
    let (own, all) = match (
        bpf::query(group.as_fd()),
        bpf::query_effective(group.as_fd()),
    ) {
        (Ok(own), Ok(all)) => (own, all),
        (Err(error), _) | (_, Err(error)) => return Finding::warn(chain(&error), CAPABLE),
    };
    let finding = Finding::pass(match all.ids.len() {
        0 => "no device program holds for us".to_owned(),
        1 => "one device program holds for us".to_owned(),
        count => format!(
            "{count} device programs hold for us, all of which must agree; that is normal when \
             nested"
        ),
    });
    let finding = finding.and_all(all.ids.iter().map(|id| {
        let place = if own.ids.contains(id) {
            "our cgroup"
        } else {
            "a cgroup above"
        };
        let name = bpf::by_id(*id)
            .ok()
            .flatten()
            .map(|p| p.info().name.clone());
        format!("{id} {} on {place}", name.unwrap_or_default())
    }));
    if own.ids.is_empty() || own.is_multi() {
        return finding;
    }
    Finding {
        status: super::super::check::Status::Warn,
        remedy: Some("have the outer runtime attach its program with BPF_F_ALLOW_MULTI".to_owned()),
        ..finding.and("the program on our cgroup admits no other beside it or below")
    }
}

/// Only kernels before 5.11 count programs against it; so it is tried.
pub fn memlock(_: &Facts) -> Finding {
    let limit = getrlimit(Resource::Memlock);
    let text = |bytes: Option<u64>| {
        bytes.map_or_else(|| "unlimited".to_owned(), |bytes| format!("{bytes} bytes"))
    };
    let limits = format!("soft {}, hard {}", text(limit.current), text(limit.maximum));
    let loaded = Policy::from_rules(&[DeviceRule::all(true)])
        .map_err(|error| chain(&error))
        .and_then(|policy| {
            let program = Program::new(&policy, Style::default());
            bpf::load(&program).map_err(|error| chain(&error))
        });
    match loaded {
        Ok(_) => Finding::pass(format!("{limits}; a program loads")),
        Err(why) => Finding::warn(
            format!("{limits}; no program loads: {why}"),
            "see device-filter; before Linux 5.11 raise RLIMIT_MEMLOCK too (docker: --ulimit \
             memlock=-1)",
        ),
    }
}
