//! A root file system for directors and their machines inside a virtual machine: bash, Ruby, a bus
//! and what busybox can, since every byte is packed and unpacked under emulation.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use warren_tests_harness::debian::{self, Variant};

const PACKAGES: &[&str] = &[
    "base-files",
    "bash",
    "busybox-static",
    "libc-bin",
    "nats-server",
    "ruby",
];
const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUPS: &str = "root:x:0:\ntty:x:5:\nadm:x:4:\nsudo:x:27:\nnogroup:x:65534:\n";

/// Makes it in a directory that is not there yet.
pub(crate) fn root(to: &Path) -> io::Result<()> {
    let from = debian::root(Variant::Extract, PACKAGES);
    let copied = Command::new("cp").arg("-a").args([&from, to]).status()?;
    if !copied.success() {
        return Err(io::Error::other(format!("cp: {copied}")));
    }
    let busybox = to.join("bin/busybox");
    let list = Command::new(&busybox).arg("--list").output()?;
    for applet in String::from_utf8_lossy(&list.stdout).lines() {
        let path = to.join("bin").join(applet);
        let elsewhere = to.join("usr/bin").join(applet);
        if path.symlink_metadata().is_err() && elsewhere.symlink_metadata().is_err() {
            symlink("busybox", path)?;
        }
    }
    for (name, text) in [("etc/passwd", USERS), ("etc/group", GROUPS)] {
        fs::write(to.join(name), text)?;
    }
    fs::write(to.join("etc/shadow"), "root:*:19000:0:99999:7:::\n")?;
    fs::set_permissions(to.join("etc/shadow"), fs::Permissions::from_mode(0o640))
}
