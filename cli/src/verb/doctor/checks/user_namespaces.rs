//! User namespaces: what unprivileged containers are made of.

use warren_lib_errchain::chain;
use warren_sys_process::user_namespace::{Error, Map, scratch};

use super::{Facts, Finding};

/// Settings that forbid them, and the value that does not.
const SETTINGS: [(&str, &str); 3] = [
    ("user/max_user_namespaces", "a number above 0"),
    ("kernel/unprivileged_userns_clone", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "0"),
];

fn settings() -> Vec<String> {
    let read = |(name, _): &(&str, &str)| {
        let value = std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
        Some(format!("{} = {}", name.replace('/', "."), value.trim()))
    };
    SETTINGS.iter().filter_map(read).collect()
}

pub fn usable(_: &Facts) -> Finding {
    let map = Map {
        inside: 0,
        outside: rustix::process::geteuid().as_raw(),
        count: 1,
    };
    let remedy = SETTINGS
        .iter()
        .map(|(name, good)| format!("{} to {good}", name.replace('/', ".")))
        .collect::<Vec<_>>()
        .join(", ");
    let remedy = format!(
        "set on the host, as far as it has them: {remedy}; privileged containers need none"
    );
    let finding = match scratch(map) {
        Ok(made) => match made.mount_namespace {
            Ok(()) => Finding::pass("one was made, and a mount namespace in it"),
            Err(errno) => Finding::warn(
                format!("one was made, but without capabilities in it: {errno}"),
                remedy,
            ),
        },
        Err(error @ Error::Create(_)) => Finding::warn(chain(&error), remedy),
        Err(error) => Finding::warn(chain(&error), remedy),
    };
    finding.and_all(settings())
}

pub fn initial(_: &Facts) -> Finding {
    let text = match std::fs::read_to_string("/proc/self/uid_map") {
        Ok(text) => text,
        Err(error) => {
            return Finding::unknown(format!("/proc/self/uid_map: {error}"), "mount /proc");
        }
    };
    if is_whole(&text) {
        return Finding::pass("every user id is itself");
    }
    let lines: Vec<String> = text.lines().map(normal).collect();
    Finding::warn(
        format!("user ids are mapped ({})", lines.join("; ")),
        "start the outer container without user namespace remapping (docker: --userns host): \
         device programs, idmapped mounts of its file systems and device nodes are not to be had \
         in one",
    )
}

/// user_namespaces(7): the initial one maps the whole range onto itself.
fn is_whole(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn normal(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_namespace_maps_all_onto_itself() {
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("0 100000 65536\n"));
        assert!(!is_whole(""));
        assert_eq!(normal("   0   100000   65536"), "0 100000 65536");
    }
}
