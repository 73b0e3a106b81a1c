//! A program that is server, shim and init, for the host tests of this crate.
//!
//! ```text
//! program serve KEY=VALUE...   a server; prints "ready" once it answers
//! program shim DIR             what the depot starts
//! garden-init                  pid 1 in containers: this file, under that name
//! ```
//!
//! No part of the product: there the `warren` executable is all three.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's program reports failure by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::WaitOptions;
use warren_garden_server::{Config, serve};
use warren_wire_garden::config::Settings;

fn main() -> ExitCode {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    if name.ends_with("/garden-init") {
        init();
    }
    match words.next().as_deref() {
        Some("shim") => warren_container_shim::run(Path::new(&words.next().expect("a directory"))),
        Some("shim-forget") => {
            warren_container_shim::forget(Path::new(&words.next().expect("a directory")))
        }
        Some("serve") => {
            let pairs: Vec<String> = words.collect();
            serve(config(&pairs), |_| println!("ready")).unwrap();
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

/// Does nothing but to bury the dead.
fn init() -> ! {
    loop {
        if rustix::process::wait(WaitOptions::empty()).is_err() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Keys are the stock server's flags, `group`, `state`, `store` and `shared-layers`.
fn config(pairs: &[String]) -> Config {
    let mut settings = Settings::default();
    let mut paths: Vec<(&str, PathBuf)> = Vec::new();
    for pair in pairs {
        let (key, value) = pair.split_once('=').expect("KEY=VALUE");
        match key {
            "group" | "state" | "store" | "shared-layers" => paths.push((key, value.into())),
            flag => settings.set(flag, value).unwrap(),
        }
    }
    let mut config = Config::from_settings(&settings).unwrap();
    for (key, path) in paths {
        match key {
            "group" => config.group = path.display().to_string(),
            "state" => config.state = path,
            "shared-layers" => config.shared_layers.push(path),
            _ => config.store = path,
        }
    }
    config
}
