//! What is left on the server's machine when it has no container.

use std::fs;
use std::path::Path;

use warren_tests_conformance::garden::{self, Server};

/// Where a container has files, and where those are that are being made or removed.
const FILES: &[&str] = &[
    "depot",
    "state",
    "store/images",
    "store/nested",
    "store/tmp",
    "store/trash",
];

/// Everything there is.
pub struct Remains(garden::Remains);

impl Remains {
    /// Of a server without containers.
    pub fn of(server: &Server) -> Self {
        let mut files = Vec::new();
        for place in FILES {
            walk(&server.directory().join(place), &mut files);
        }
        Self(garden::Remains::of(server).with(files))
    }

    /// Compares with what there is now.
    pub fn assert_same(&self, server: &Server) {
        let now = Self::of(server);
        let (new, gone) = (now.0.beyond(&self.0), self.0.beyond(&now.0));
        assert!(
            new.is_empty() && gone.is_empty(),
            "left: {new:#?} gone: {gone:#?}"
        );
        let text = server.log();
        assert!(!text.contains("panicked"), "{text}");
    }
}

fn walk(path: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        // The state of what is no container's may change: what matters is that there is no more.
        all.push(format!("file {}", path.display()));
        if entry.file_type().unwrap().is_dir() {
            walk(&path, all);
        }
    }
}
