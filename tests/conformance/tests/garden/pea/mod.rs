//! Processes with a root file system of their own.

mod inside;
mod life;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::{Container, Server, shell};
use warren_wire_garden::container::ImageRef;
use warren_wire_garden::limits::{MemoryLimits, ProcessLimits};
use warren_wire_garden::process::ProcessSpec;

pub const MIB: u64 = 1024 * 1024;
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An image that differs from the containers': a file of its own, a user of its own.
pub fn image(server: &Server) -> PathBuf {
    let image = server.directory().join("pea-image");
    if !image.exists() {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(server.rootfs.root())
            .arg(&image)
            .status();
        assert!(copied.unwrap().success());
        fs::write(image.join("its-own"), "yes\n").unwrap();
        let passwd = image.join("etc/passwd");
        let users = fs::read_to_string(&passwd).unwrap() + "peter:x:1234:50::/home:/bin/sh\n";
        fs::write(passwd, users).unwrap();
    }
    image
}

pub fn with_image(path: &Path, script: &str) -> ProcessSpec {
    ProcessSpec {
        image: ImageRef {
            uri: path.display().to_string(),
            ..ImageRef::default()
        },
        ..shell("", script)
    }
}

pub fn pea(server: &Server, script: &str) -> ProcessSpec {
    with_image(&image(server), script)
}

pub fn limited(server: &Server, script: &str, bytes: u64) -> ProcessSpec {
    ProcessSpec {
        limits: Some(ProcessLimits {
            memory: MemoryLimits {
                limit_in_bytes: bytes,
            },
            ..ProcessLimits::default()
        }),
        ..pea(server, script)
    }
}

/// What a script that must succeed says.
#[track_caller]
pub fn says(container: &Container, process: &ProcessSpec) -> String {
    let ran = container.run(process);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim_end().to_owned()
}

/// What there is of processes' parts: images and groups.
pub fn parts(server: &Server) -> Vec<String> {
    let images = fs::read_dir(server.directory().join("store/images")).unwrap();
    let names = images.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut parts: Vec<String> = names.filter(|name| name.contains('~')).collect();
    // Other scenes of this program have such processes too, at the same time.
    let found = Command::new("find")
        .args(server.groups())
        .args(["-type", "d", "-name", "*~*", "-o", "-name", "pea-*"])
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    parts.extend(found.lines().map(str::to_owned));
    parts
}

#[track_caller]
pub fn wait_until_nothing_is_left(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    while !parts(server).is_empty() {
        assert!(
            Instant::now() < deadline,
            "{:?}\n{}",
            parts(server),
            server.log()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
