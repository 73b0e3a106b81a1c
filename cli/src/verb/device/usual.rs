//! The devices that containers usually have, and whether they open from here.

use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome};
use warren_sys_devicefilter::{Access, Device, Request};

/// A device with its customary name.
#[derive(Debug, Clone, Copy)]
pub struct Usual {
    /// Below `/dev`.
    pub name: &'static str,
    /// Its numbers.
    pub device: Device,
    /// What it is usually opened for.
    pub access: Access,
    /// Whether opening it does nothing but open it.
    pub is_harmless: bool,
}

const fn char(name: &'static str, major: u32, minor: u32, is_harmless: bool) -> Usual {
    Usual {
        name,
        device: Device::char(major, minor),
        access: Access::READ_WRITE,
        is_harmless,
    }
}

/// In the order they are shown. Memory and disks are asked for, not opened.
pub const USUAL: [Usual; 15] = [
    char("null", 1, 3, true),
    char("zero", 1, 5, true),
    char("full", 1, 7, true),
    char("random", 1, 8, true),
    char("urandom", 1, 9, true),
    char("tty", 5, 0, true),
    char("console", 5, 1, false),
    char("ptmx", 5, 2, false),
    char("loop-control", 10, 237, true),
    Usual {
        name: "loop0",
        device: Device::block(7, 0),
        access: Access::READ_WRITE,
        is_harmless: false,
    },
    char("fuse", 10, 229, true),
    char("net/tun", 10, 200, true),
    char("kvm", 10, 232, true),
    Usual {
        name: "mem",
        device: Device::char(1, 1),
        access: Access::READ,
        is_harmless: false,
    },
    Usual {
        name: "kmsg",
        device: Device::char(1, 11),
        access: Access::READ,
        is_harmless: true,
    },
];

impl Usual {
    /// The request to ask.
    pub fn request(&self) -> Request {
        Request {
            device: self.device,
            access: self.access,
        }
    }

    /// How to ask it.
    pub fn ask(&self) -> Ask {
        if self.is_harmless {
            Ask::Open
        } else {
            Ask::Check
        }
    }

    /// What came of asking, in words.
    pub fn told(&self, outcome: Outcome) -> String {
        if self.is_harmless {
            words(outcome)
        } else {
            asked(outcome)
        }
    }

    /// What becomes of it in our own cgroup.
    pub fn try_here(&self, nodes: &Nodes) -> Outcome {
        nodes.try_here(self.request(), self.ask())
    }
}

/// The usual device of this name or of these numbers.
pub fn find(device: Device) -> Option<&'static Usual> {
    USUAL.iter().find(|usual| usual.device == device)
}

/// The outcome of asking without opening, in words.
pub fn asked(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passes => "let through; not opened".to_owned(),
        other => words(other),
    }
}

/// The outcome of opening, in words.
pub fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passes => "opens".to_owned(),
        Outcome::Driver(errno) => format!("let through; the driver answers: {errno}"),
        Outcome::Denied => "denied".to_owned(),
        Outcome::Unknown(errno) => format!("not known: {errno}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn names_and_numbers_occur_once() {
        for (at, usual) in USUAL.iter().enumerate() {
            let others = &USUAL[at + 1..];
            assert!(
                others
                    .iter()
                    .all(|o| o.name != usual.name && o.device != usual.device)
            );
        }
        assert_eq!(
            find(Device::char(1, 3)).map(|usual| usual.name),
            Some("null")
        );
        assert!(find(Device::block(1, 3)).is_none());
    }

    #[test]
    fn a_driver_s_answer_is_no_denial() {
        assert!(words(Outcome::Driver(Errno::NXIO)).starts_with("let through"));
        assert_eq!(words(Outcome::Denied), "denied");
    }
}
