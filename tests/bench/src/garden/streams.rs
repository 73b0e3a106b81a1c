//! Streaming archives in, beside `tar -x` into the same file system, both ending synced.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use warren_tests_conformance::garden::Server;

use super::peers::must;
use crate::figures::{Samples, table};

const RUNS: usize = 7;

/// One large file, and many small ones.
pub fn bench() {
    let server = Server::new();
    let at = server.directory().join("streams");
    let big = "mkdir -p big small && head -c 1G /dev/urandom >big/file && tar -cf big.tar -C big .";
    let small = "cd small && for d in $(seq 100); do mkdir d$d; for f in $(seq 200); do \
                 head -c 2000 /dev/urandom >d$d/f$f; done; done; cd .. && tar -cf small.tar -C small .";
    if let Err(error) = std::fs::create_dir(&at) {
        panic!("cannot make {}: {error}", at.display());
    }
    sh(&at, big);
    sh(&at, small);
    sh(&at, "rm -rf big small; sync -f .");
    for (title, name) in [
        ("1 GiB in one file", "big"),
        ("20 000 files of 2 kB", "small"),
    ] {
        let (mut tar, mut ours) = (Samples::default(), Samples::default());
        for _ in 0..RUNS {
            tar.time(|| sh(&at, &format!("mkdir x; tar -xf {name}.tar -C x; sync -f x")));
            sh(&at, "rm -rf x; sync -f .");
            let container = server.container();
            let archive = at.join(format!("{name}.tar"));
            ours.time(|| {
                let file = File::open(&archive).map_err(|error| error.to_string());
                let done = file.and_then(|mut file| {
                    let client = container.client();
                    let done = client.stream_in(container.handle(), "root", "/x", &mut file);
                    done.map_err(warren_tests_conformance::said)
                });
                if let Err(error) = done {
                    panic!("cannot stream in: {error}");
                }
                // The root of a container is not synced by itself (see docs/design/rootfs.md).
                sh(&at, "sync -f .");
            });
            drop(container);
            sh(&at, "sync -f .");
        }
        let title = format!("Streaming in {title}");
        let rows = [
            ("`tar -xf` and `sync -f`", &tar),
            ("StreamIn and `sync -f`", &ours),
        ];
        table(&title, "ms", &rows, 0);
    }
}

fn sh(at: &Path, script: &str) {
    must(Command::new("sh").args(["-ec", script]).current_dir(at));
}
