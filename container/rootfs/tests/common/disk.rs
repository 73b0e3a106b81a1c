//! File systems made for a test, in a file on a loop device.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::mount::MountFlags;
use tempfile::TempDir;
use warren_sys_mount::loop_device::LoopDevice;

const MIB: u64 = 1 << 20;

/// A new file system of 320 MiB, ready for project quotas. Mounted in the caller's mount namespace.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes and mounts one: `ext4` or `xfs`.
    pub fn new(kind: &str, options: &str) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        // Others than root write in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let image = folder.path().join("image");
        let file = File::create(&image).unwrap();
        file.set_len(320 * MIB).unwrap();
        let mut make = match kind {
            "ext4" => Command::new("mkfs.ext4"),
            _ => Command::new("mkfs.xfs"),
        };
        if kind == "ext4" {
            make.args(["-F", "-O", "quota,project"]);
        }
        make.arg("-q").arg(&image);
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        assert!(make.env("PATH", path).status().unwrap().success());
        let disk = Self { folder };
        fs::create_dir(disk.path()).unwrap();
        disk.mount(kind, options);
        disk
    }

    /// Mounts it, after it was unmounted.
    pub fn mount(&self, kind: &str, options: &str) {
        let image = self.folder.path().join("image");
        let file = File::options().read(true).write(true).open(image).unwrap();
        let device = LoopDevice::attach(&file).unwrap();
        let options = std::ffi::CString::new(options).unwrap();
        let none = MountFlags::empty();
        rustix::mount::mount(
            device.path(),
            self.path(),
            kind,
            none,
            Some(options.as_c_str()),
        )
        .unwrap();
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
}
