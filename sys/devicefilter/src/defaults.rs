//! The devices every container may use, whatever its rules say about the rest.
//!
//! The list is the one the common runtimes share. They differ in two entries, which are options
//! here: `/dev/console` (crun and youki allow it, runc does not) and `/dev/net/tun` (all three).

use crate::device::{Access, DeviceKind};
use crate::rule::{DeviceRule, Kind};

/// Which of the optional built-in devices are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// `c 5:1`, the system console. Usual in a container it is a bound pty instead, which
    /// `136:*` covers, so this is off.
    pub console: bool,
    /// `c 10:200`, needed for VPNs and some network namespaces' helpers. On, as elsewhere.
    pub tun: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            console: false,
            tun: true,
        }
    }
}

impl Defaults {
    /// The rules, in the order of the table in the module's head.
    #[must_use]
    pub fn rules(&self) -> Vec<DeviceRule> {
        let mut rules = Vec::with_capacity(12);
        let mut allow = |kind, major, minor, access| {
            // The table holds constants within every bound, so nothing is ever left out; a unit
            // test counts them.
            rules.extend(DeviceRule::new(
                true,
                Kind::Only(kind),
                major,
                minor,
                access,
            ));
        };
        // Nodes of any number may be made: without read or write they are only names.
        allow(DeviceKind::Block, None, None, Access::MKNOD);
        allow(DeviceKind::Char, None, None, Access::MKNOD);
        // null, zero, full, random, urandom
        for minor in [3, 5, 7, 8, 9] {
            allow(DeviceKind::Char, Some(1), Some(minor), Access::ALL);
        }
        // tty, ptmx
        allow(DeviceKind::Char, Some(5), Some(0), Access::ALL);
        if self.console {
            allow(DeviceKind::Char, Some(5), Some(1), Access::ALL);
        }
        allow(DeviceKind::Char, Some(5), Some(2), Access::ALL);
        if self.tun {
            allow(DeviceKind::Char, Some(10), Some(200), Access::ALL);
        }
        // pts/*
        allow(DeviceKind::Char, Some(136), None, Access::ALL);
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_listed() {
        assert_eq!(Defaults::default().rules().len(), 11);
        assert_eq!(
            Defaults {
                console: true,
                tun: true
            }
            .rules()
            .len(),
            12
        );
        assert_eq!(
            Defaults {
                console: false,
                tun: false
            }
            .rules()
            .len(),
            10
        );
    }
}
