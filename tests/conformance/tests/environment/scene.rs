//! A home of an environment with few packages, and the small release for it.

use std::fs;
use std::ops::Deref;

use serde_json::Value;
use warren_sys_nft::{Batch, Family, Nft, Table};
use warren_tests_conformance::environment::Environment;
use warren_tests_conformance::release;
use warren_tests_harness::debian::{self, Variant};
use warren_tests_harness::programs;

use crate::quorum;

use warren_tests_conformance::environment::PACKAGES;
pub use warren_tests_conformance::environment::command;

/// See the module. Everything goes with it.
pub struct Scene {
    environment: Environment,
    packages: Vec<&'static str>,
}

impl Deref for Scene {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

impl Scene {
    /// With nothing in it.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            environment: Environment::new("environment", "small"),
            packages: PACKAGES.to_vec(),
        }
    }

    /// With one more package in the image.
    #[track_caller]
    pub fn with(package: &'static str) -> Self {
        let mut scene = Self::new();
        scene.packages.push(package);
        scene
    }

    /// The command that makes the environment.
    pub fn command_up(&self, more: &[&str]) -> String {
        let root = debian::root(Variant::Essential, &self.packages);
        let mut arguments = vec!["up", "--directory", root.to_str().unwrap()];
        arguments.extend(["--executable", programs::small_warren().to_str().unwrap()]);
        arguments.extend(more);
        command(&arguments)
    }

    /// Makes the environment; what is said of each step.
    #[track_caller]
    pub fn up(&self, more: &[&str]) -> String {
        // Root may keep its own files from others; machines have other users.
        self.shell(&format!("umask 077; {}", self.command_up(more)))
    }

    /// Has the director given the small release.
    #[track_caller]
    pub fn upload_release(&self) {
        let source = self.at("release");
        release::write(&source);
        quorum::write(&source);
        let tarball = self.at("small.tgz");
        let tarball = tarball.to_str().unwrap();
        self.shell(&format!(
            "cd {} && {}",
            source.display(),
            command(&["release", "create", "--force", "--tarball", tarball])
        ));
        self.bosh(&["upload-release", tarball]);
    }

    /// Deploys the small release; what is said.
    #[track_caller]
    pub fn deploy(&self, instances: usize, greeting: &str) -> String {
        let file = self.manifest(instances, greeting);
        self.bosh(&["deploy", &file])
    }

    /// A manifest of the small release.
    #[track_caller]
    pub fn manifest(&self, instances: usize, greeting: &str) -> String {
        let manifest = release::manifest(instances, greeting, false);
        let manifest = manifest.replace("os: tiny", &format!("os: {}", self.system()));
        let file = self.file("manifest.yml", &manifest);
        file.to_str().unwrap().to_owned()
    }

    /// Deploys one machine that is like one with ZooKeeper, with the small release as well.
    #[track_caller]
    pub fn deploy_quorum(&self) {
        let file = self.manifest(1, "hello");
        let text = quorum::manifest(&fs::read_to_string(&file).unwrap());
        fs::write(&file, text).unwrap();
        self.bosh(&["deploy", &file]);
    }

    /// What the stemcell is called by manifests.
    fn system(&self) -> String {
        let images = fs::read_dir(self.home().join("images")).unwrap();
        let about = images
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|kind| kind == "json"))
            .unwrap();
        let about: Value = serde_json::from_slice(&fs::read(about).unwrap()).unwrap();
        about["operating_system"].as_str().unwrap().to_owned()
    }
}

/// What another environment claims that is being started on the machine, until it is dropped.
#[track_caller]
pub fn another_claims(scene: &Scene, what: &[&str]) -> Nft {
    let mut another = scene.machine.net().inside(|| Nft::open().unwrap());
    let mut batch = Batch::new();
    for what in what {
        let name = format!("warren_up_{what}");
        batch.create_table(&Table::new(Family::Inet, name).owned());
    }
    another.commit(&batch).unwrap();
    another
}
