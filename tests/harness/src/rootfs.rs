//! A root file system for containers, made of busybox: small, and with the users and files that
//! tests of container servers look for.
//!
//! ```text
//! /bin/busybox and links to it   every applet
//! /etc/passwd, group             root, vcap 1000, alice 1001 (also in staff 50), big 1000000000
//! /home/alice 0700, /root 0700   homes
//! /tmp, /var/tmp                 1777
//! /etc/secret 0600, /bin/su-exec setuid copy of busybox
//! ```

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const BUSYBOX: &str = "/bin/busybox";

/// The archive of one, in a directory that goes with the value.
pub struct RootfsTar {
    directory: TempDir,
}

impl RootfsTar {
    /// Makes it.
    ///
    /// # Panics
    /// Without busybox, tar or root.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        match Self::try_new() {
            Ok(made) => made,
            Err(error) => panic!("cannot make a root file system of {BUSYBOX}: {error}"),
        }
    }

    fn try_new() -> std::io::Result<Self> {
        crate::programs::usual_umask();
        let directory = tempfile::tempdir()?;
        let root = directory.path().join("root");
        fill(&root)?;
        let tar = directory.path().join("rootfs.tar");
        let done = Command::new("tar")
            .args(["--numeric-owner", "--xattrs", "-cf"])
            .arg(&tar)
            .arg("-C")
            .arg(&root)
            .arg(".")
            .status()?;
        if !done.success() {
            return Err(std::io::Error::other(format!("tar: {done}")));
        }
        // Anybody may read it: a server may have another user's eyes.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self { directory })
    }

    /// The archive.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("rootfs.tar")
    }

    /// The same as a directory.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }
}

impl Default for RootfsTar {
    fn default() -> Self {
        Self::new()
    }
}

fn fill(root: &Path) -> std::io::Result<()> {
    let make = |path: &str, mode: u32| -> std::io::Result<()> {
        let path = root.join(path);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    };
    for path in [
        "bin", "dev", "etc", "home", "proc", "sbin", "sys", "usr/bin", "usr/sbin",
    ] {
        make(path, 0o755)?;
    }
    for path in ["var", "run", "var/vcap", "var/vcap/data", "mnt"] {
        make(path, 0o755)?;
    }
    make("tmp", 0o1777)?;
    make("var/tmp", 0o1777)?;
    make("root", 0o700)?;
    make("home/alice", 0o700)?;
    make("home/vcap", 0o755)?;
    fs::copy(BUSYBOX, root.join("bin/busybox"))?;
    fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o755))?;
    let list = Command::new(BUSYBOX).arg("--list").output()?;
    for applet in String::from_utf8_lossy(&list.stdout).lines() {
        if applet != "busybox" {
            symlink("busybox", root.join("bin").join(applet))?;
        }
    }
    let suid = root.join("bin/su-exec");
    fs::copy(BUSYBOX, &suid)?;
    fs::set_permissions(&suid, fs::Permissions::from_mode(0o4755))?;
    let files = [
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\n\
             vcap:x:1000:1000:vcap:/home/vcap:/bin/sh\n\
             alice:x:1001:1001:alice:/home/alice:/bin/sh\n\
             big:x:1000000000:1000000000:big:/home/alice:/bin/sh\n",
            0o644,
        ),
        (
            "etc/group",
            "root:x:0:\ntty:x:5:\nstaff:x:50:alice\nvcap:x:1000:\nalice:x:1001:\n\
             big:x:1000000000:\n",
            0o644,
        ),
        ("etc/secret", "secret\n", 0o600),
    ];
    for (path, text, mode) in files {
        let path = root.join(path);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    chown(root.join("home/alice"), Some(1001), Some(1001))?;
    chown(root.join("home/vcap"), Some(1000), Some(1000))
}
