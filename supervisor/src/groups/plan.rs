//! Where groups are and what they are called. Pure.

/// What the group of all services' groups is called, before what tells its supervisor from others.
const ALL: &str = "warren-jobs-";
/// What a service's group is called, before its name. The agent's firewall takes a job's name from
/// it, and bpm makes its own groups outside of it.
const ONE: &str = "warren-job-";
/// The leaf that has the processes of a group whose own leaves need controllers.
pub(super) const LEAF: &str = "init";
/// Longest name that the kernel takes.
const LONGEST: usize = 255;

/// The group that services' groups are made below, from the supervisor's own: that one, or the one
/// above if its name says that it made way.
pub(super) fn base(own: &str) -> (String, Owner) {
    let (above, name) = own.rsplit_once('/').unwrap_or(("", own));
    if name.ends_with(".service") || name.ends_with(".scope") {
        return (own.to_owned(), Owner::Systemd);
    }
    let base = match (name, above) {
        (LEAF, "") => "/",
        (LEAF, above) => above,
        _ => own,
    };
    (base.to_owned(), Owner::Machine)
}

/// Who decides what a group hands down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// We, with all else in this machine.
    Machine,
    /// A manager of units.
    Systemd,
}

/// The group of all services of the supervisor with this identity.
pub(super) fn all(id: &str) -> String {
    let tag: String = id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect();
    format!("{ALL}{tag}")
}

/// The group of a service: a byte that is no letter, digit, `_` or `-` is a dot and two digits, as in
/// bpm's names. None if that is too long.
pub(super) fn one(service: &str) -> Option<String> {
    let mut name = ONE.to_owned();
    for byte in service.bytes() {
        match byte {
            b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(byte.into()),
            _ => name.push_str(&format!(".{byte:02x}")),
        }
    }
    (name.len() <= LONGEST).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_beside_what_made_way() {
        let base = |own| base(own).0;
        assert_eq!(base("/"), "/");
        assert_eq!(base("/init"), "/");
        assert_eq!(base("/a/init"), "/a");
        assert_eq!(base("/a/b"), "/a/b");
        // What ends with a unit is systemd's affair, as it is without groups.
        let unit = "/system.slice/monit.service";
        assert_eq!(base(unit), unit);
        assert_eq!(super::base("/system.slice/x.service").1, Owner::Systemd);
        assert_eq!(super::base("/init").1, Owner::Machine);
    }

    #[test]
    fn names_are_those_of_a_directory_and_differ() {
        assert_eq!(one("uaa").unwrap(), "warren-job-uaa");
        assert_eq!(one("a/../b c").unwrap(), "warren-job-a.2f.2e.2e.2fb.20c");
        assert_eq!(one("é").unwrap(), "warren-job-.c3.a9");
        assert_eq!(one(&"x".repeat(244)).unwrap().len(), 255);
        assert_eq!(one(&"x".repeat(245)), None);
        assert_eq!(all("0123456789abcdef"), "warren-jobs-01234567");
        assert_eq!(all("../"), "warren-jobs-");
    }
}
