//! The environment that is measured, and its commands timed.

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;

use warren_release::stemcell::debian::{DEV_TOOLS, PACKAGES};
use warren_tests_conformance::environment::{Environment, command};
use warren_tests_harness::debian::{self, Variant};
use warren_tests_harness::programs;

use super::{Options, tell};
use crate::figures::Samples;

/// The deployment that is looked at.
pub const DEPLOYMENT: &str = "zookeeper";
/// What directors need beside what machines have.
const FOR_DIRECTORS: [&str; 2] = ["nats-server", "ruby"];

/// See the module. Everything goes with it.
pub struct Scene {
    environment: Environment,
    /// What was asked for.
    pub options: Options,
    root: PathBuf,
}

impl Deref for Scene {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

impl Scene {
    /// With nothing in it yet.
    pub fn new(options: &Options) -> Self {
        let root = options.directory.clone().unwrap_or_else(|| {
            tell("the root file system, made once");
            let mut packages: Vec<&str> = [PACKAGES, DEV_TOOLS, &FOR_DIRECTORS].concat();
            if options.database == "postgres" {
                packages.push("postgresql");
            }
            debian::root(Variant::Essential, &packages)
        });
        Self {
            environment: Environment::new("bench", DEPLOYMENT),
            options: options.clone(),
            root,
        }
    }

    /// The ZooKeeper release: what was given, or made of the example and Debian's packages.
    pub fn release(&self) -> PathBuf {
        if let Some(release) = &self.options.release {
            return release.clone();
        }
        tell("the release, of Debian's packages");
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/zookeeper");
        // In a copy: what is downloaded is no change of the checkout. Not on the machine of the
        // harness, which has no mirrors.
        let tarball = self.at("zookeeper.tgz");
        let script = format!(
            "cp -R {example} {copy} && WARREN={warren} {copy}/fetch-blobs && cd {copy} && \
             {warren} release create --force --tarball {tarball}",
            copy = self.at("zookeeper").display(),
            warren = programs::warren().display(),
            tarball = tarball.display(),
        );
        let done = Command::new("bash").args(["-euc", &script]).output();
        match done {
            Ok(done) if done.status.success() => tarball,
            Ok(done) => panic!("the release: {}", String::from_utf8_lossy(&done.stderr)),
            Err(error) => panic!("bash: {error}"),
        }
    }

    /// Brings the environment up; seconds of all of it, and of each step by its name.
    pub fn up(&self) -> (f64, Vec<(String, f64)>) {
        let depth = self.options.depth.to_string();
        let up = command(&[
            "up",
            "--json",
            "--depth",
            &depth,
            "--database",
            &self.options.database,
            "--directory",
            &self.root.display().to_string(),
            "--executable",
            &programs::small_warren().display().to_string(),
        ]);
        let said = self.shell(&format!("{up} 2>/dev/null"));
        let document: serde_json::Value = match serde_json::from_str(&said) {
            Ok(document) => document,
            Err(error) => panic!("warren up: {error}: {said}"),
        };
        let steps = document["steps"].as_array().into_iter().flatten();
        let steps = steps.map(|step| {
            let name = step["step"].as_str().unwrap_or_default().to_owned();
            (name, step["seconds"].as_f64().unwrap_or_default())
        });
        let steps = steps.collect();
        // For all verbs that follow.
        self.shell(&format!("{} >{}", command(&["env"]), self.variables()));
        (document["seconds"].as_f64().unwrap_or_default(), steps)
    }

    fn variables(&self) -> String {
        self.at("variables.sh").display().to_string()
    }

    /// A shell command after which the director is known.
    pub fn to_director(&self, script: &str) -> String {
        let variables = self.variables();
        format!(". {variables}; export BOSH_DEPLOYMENT={DEPLOYMENT}; {script}")
    }

    /// Seconds that a verb takes which talks to the director, its process from beginning to end.
    pub fn timed(&self, arguments: &[&str]) -> f64 {
        let script = format!(
            "began=$(date +%s%N); {} >{out} 2>&1 || {{ cat {out}; exit 1; }}; \
             ended=$(date +%s%N); echo $((ended - began))",
            command(arguments),
            out = self.at("said").display(),
        );
        let said = self.shell(&self.to_director(&script));
        match said.trim().parse::<f64>() {
            Ok(nanoseconds) => nanoseconds / 1e9,
            Err(error) => panic!("{arguments:?}: {error}: {said}"),
        }
    }

    /// The same several times.
    pub fn times(&self, runs: usize, arguments: &[&str]) -> Samples {
        Samples((0..runs).map(|_| self.timed(arguments)).collect())
    }

    /// Writes a manifest of the example, for the system of the stemcell that is there.
    pub fn manifest(&self, name: &str, edit: impl FnOnce(String) -> String) -> String {
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/zookeeper/manifests/zookeeper.yml"
        );
        let text = match fs::read_to_string(example) {
            Ok(text) => text,
            Err(error) => panic!("{example}: {error}"),
        };
        let stemcells = self.rows(&["stemcells"]);
        let system = stemcells.first().and_then(|row| row["os"].as_str());
        let system = system.unwrap_or_default();
        let lines = text.lines().map(|line| match line.starts_with("  os: ") {
            true => format!("  os: {system}\n"),
            false => format!("{line}\n"),
        });
        let file = self.file(name, &edit(lines.collect()));
        file.display().to_string()
    }
}
