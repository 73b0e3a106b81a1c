//! Documents as command lines and directors write them, round trips, and junk.

use proptest::prelude::*;
use warren_wire_release::directory::{Blobs, Builds, Config, Releases};
use warren_wire_release::{
    CompiledPackageRef, JobRef, JobSpec, LicenseRef, PackageLock, PackageRef, PackageSpec,
    ReleaseManifest, StemcellManifest,
};

const RELEASE: &str = include_str!("fixtures/release.MF");
const OLD_RELEASE: &str = include_str!("fixtures/old-release.MF");
const COMPILED: &str = include_str!("fixtures/compiled-release.MF");
const JOB: &str = include_str!("fixtures/job.MF");
const STEMCELL: &str = include_str!("fixtures/stemcell.MF");

#[test]
fn a_release_is_written_as_it_was() {
    let manifest = ReleaseManifest::parse(RELEASE.as_bytes()).unwrap();
    assert_eq!(manifest.to_yaml(), RELEASE);
    assert_eq!(manifest.commit_with_mark(), "1234567+");
    assert!(!manifest.is_compiled());
    let compiled = ReleaseManifest::parse(COMPILED.as_bytes()).unwrap();
    assert!(compiled.is_compiled() && compiled.packages.is_empty());
    assert_eq!(compiled.to_yaml(), COMPILED);
}

#[test]
fn an_old_release_is_read() {
    let manifest = ReleaseManifest::parse(OLD_RELEASE.as_bytes()).unwrap();
    assert_eq!(manifest.version, "1.10");
    assert_eq!(
        manifest.jobs[0].sha1,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    );
    assert_eq!(manifest.packages[0].dependencies, Vec::<String>::new());
}

#[test]
fn releases_that_are_refused() {
    let cases = [
        ("name: a", "missing field `version`"),
        ("{name: ../a, version: '1'}", "\"../a\" is not a name"),
        ("{name: a, version: 1..2}", "not a version"),
        (
            "{name: a, version: 1, jobs: [{name: j}, {name: j}]}",
            "two jobs \"j\"",
        ),
        (
            "{name: a, version: 1, jobs: [{name: a/b}]}",
            "\"a/b\" is not a name",
        ),
        (
            "{name: a, version: 1, jobs: [{name: j, packages: [p]}]}",
            "needs the package \"p\"",
        ),
        (
            "{name: a, version: 1, packages: [{name: p, dependencies: [q]}]}",
            "package \"q\"",
        ),
        ("[]", "malformed"),
    ];
    for (text, expected) in cases {
        let error = ReleaseManifest::parse(text.as_bytes()).unwrap_err();
        let mut all = String::new();
        let mut one: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = one {
            all += &format!("{error}: ");
            one = error.source();
        }
        assert!(all.contains(expected), "{text}: {all}");
    }
}

#[test]
fn a_job() {
    let spec = JobSpec::parse(JOB.as_bytes()).unwrap();
    let templates: Vec<_> = spec
        .templates
        .iter()
        .map(|(from, _)| from.as_str())
        .collect();
    assert_eq!(templates, ["ctl.erb", "config.yml.erb", "a/run.erb"]);
    assert!(spec.is_errand());
    assert!(spec.consumes[0].optional && spec.provides[0].properties == ["port"]);
    assert_eq!(
        spec.properties["port"].default.as_ref().unwrap().as_u64(),
        Some(8080)
    );
    assert!(spec.properties["bare"].default.is_none());
    for (text, expected) in [
        ("{name: j, templates: {../x: y}}", "\"../x\""),
        ("{name: j, templates: {x: /y}}", "\"/y\""),
        (
            "{name: j, consumes: [{name: l, type: t}, {name: l, type: t}]}",
            "twice",
        ),
        (
            "{name: j, provides: [{name: l, type: t, optional: true}]}",
            "optional",
        ),
        ("{name: 'j k'}", "job's spec has a bad name"),
    ] {
        let error = JobSpec::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    assert!(JobSpec::parse(b"{name: j, templates: {x: y, x: z}}").is_err());
    let empty = JobSpec::parse(b"{name: j, templates: , packages: , properties: , logs: }");
    assert_eq!(empty.unwrap().templates, []);
}

#[test]
fn a_stemcell() {
    let manifest = StemcellManifest::parse(STEMCELL.as_bytes()).unwrap();
    assert_eq!(manifest.version, "1.1");
    assert_eq!(manifest.operating_system(), "debian-bookworm");
    assert_eq!(manifest.cloud_property("infrastructure"), Some("warden"));
    assert!(!manifest.is_light());
    let again = StemcellManifest::parse(manifest.to_yaml().unwrap().as_bytes()).unwrap();
    assert_eq!(again, manifest);
    // As a director does, which reads a number.
    let number = StemcellManifest::parse(b"{name: s, version: 1.10, sha1: x}").unwrap();
    assert_eq!(
        (number.version.as_str(), number.operating_system()),
        ("1.1", "s")
    );
    assert!(StemcellManifest::parse(b"{name: s, version: 1, sha1: [x]}").is_err());
    let light = StemcellManifest::parse(
        b"{name: s, version: 1, sha1: x, stemcell_formats: [docker-light]}",
    );
    assert!(light.unwrap().is_light());
}

#[test]
fn files_of_a_release_directory() {
    let text =
        "a/b.tgz:\n  size: 12\n  object_id: \"1\"\n  sha: sha256:00\nc:\n  size: 1\n  sha: abc\n";
    assert_eq!(Blobs::parse(text.as_bytes()).unwrap().to_yaml(), text);
    for empty in ["", "--- {}\n", "---\n", "{}"] {
        assert_eq!(
            Blobs::parse(empty.as_bytes()).unwrap().to_yaml(),
            "--- {}\n"
        );
    }
    let text = "builds:\n  aa:\n    version: aa\n    blobstore_id: b\n    sha1: sha256:00\nformat-version: \"2\"\n";
    let builds = Builds::parse(text.as_bytes()).unwrap();
    assert_eq!((builds.to_yaml().as_str(), builds.find("bb")), (text, None));
    let text = "builds:\n  u-1:\n    version: \"1\"\n  u-2:\n    version: 1+dev.2\nformat-version: \"2\"\n";
    let releases = Releases::parse(text.as_bytes()).unwrap();
    assert_eq!(releases.to_yaml(), text);
    assert_eq!(releases.last().unwrap().to_string(), "1+dev.2");
    assert!(releases.has("1") && !releases.has("1.0"));
    let lock = PackageLock::parse(b"{name: p, fingerprint: f, dependencies: [q]}").unwrap();
    assert_eq!(PackageLock::parse(lock.to_yaml().as_bytes()).unwrap(), lock);
    let spec =
        PackageSpec::parse(b"---\nname: p\n\ndependencies: []\n\nfiles:\n- '**/*'\n").unwrap();
    assert_eq!(spec.files, ["**/*"]);
}

#[test]
fn a_configuration() {
    let public =
        b"name: a\nblobstore: {provider: local, options: {blobstore_path: /x, key: public}}";
    let private = b"blobstore: {options: {key: private}}";
    let config = Config::parse(public, Some(private)).unwrap();
    assert_eq!(config.blobstore.option("key"), Some("private"));
    assert_eq!(config.blobstore.option("blobstore_path"), Some("/x"));
    assert!(!format!("{config:?}").contains("private"));
    assert_eq!(Config::parse(b"final_name: b", None).unwrap().name, "b");
    assert!(Config::parse(b"{name: a, final_name: b}", None).is_err());
    assert!(Config::parse(b"", None).is_err());
    let made = Config::new_final_yml("007", Some("/tmp/x"));
    let read = Config::parse(made.as_bytes(), None).unwrap();
    assert_eq!(
        (read.name.as_str(), read.blobstore.provider.as_str()),
        ("007", "local")
    );
}

fn name() -> impl Strategy<Value = String> {
    "[0-9A-Za-z_+-][0-9A-Za-z_.+-]{0,12}"
}

prop_compose! {
    fn manifest()(
        name in name(),
        commit_hash in "\\PC{0,12}",
        uncommitted_changes: bool,
        packages in prop::collection::btree_map(name(), "[0-9a-f]{0,12}", 0..4),
        jobs in prop::collection::btree_set(name(), 0..4),
        license in prop::option::of("[0-9a-f]{4}"),
        is_compiled: bool,
    ) -> ReleaseManifest {
        let all: Vec<String> = packages.keys().cloned().collect();
        let source = |(name, hex): (&String, &String)| PackageRef {
            name: name.clone(), version: hex.clone(), fingerprint: hex.clone(), sha1: hex.clone(),
            dependencies: all.clone(),
        };
        let compiled = |one: PackageRef| CompiledPackageRef {
            name: one.name, version: one.version, fingerprint: one.fingerprint, sha1: one.sha1,
            stemcell: "os/1".into(), dependencies: one.dependencies,
        };
        let sources: Vec<_> = packages.iter().map(source).collect();
        let job = |name: String| JobRef {
            name, version: "1e5".into(), fingerprint: "1e5".into(), sha1: "0x1".into(),
            packages: all.clone(),
        };
        ReleaseManifest {
            name, version: "1+dev.1".into(), commit_hash, uncommitted_changes,
            jobs: jobs.into_iter().map(job).collect(),
            compiled_packages: is_compiled.then(|| sources.iter().cloned().map(compiled).collect()),
            packages: if is_compiled { Vec::new() } else { sources },
            license: license.map(|hex| LicenseRef {
                version: hex.clone(), fingerprint: hex.clone(), sha1: hex,
            }),
        }
    }
}

proptest! {
    #[test]
    fn releases_come_back(manifest in manifest()) {
        let text = manifest.to_yaml();
        let read = ReleaseManifest::parse(text.as_bytes());
        prop_assert_eq!(read.unwrap(), manifest, "{}", text);
    }

    #[test]
    fn junk_of_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ReleaseManifest::parse(&bytes);
        let _ = JobSpec::parse(&bytes);
        let _ = StemcellManifest::parse(&bytes);
        let _ = Blobs::parse(&bytes);
        let _ = Builds::parse(&bytes);
        let _ = Releases::parse(&bytes);
        let _ = Config::parse(&bytes, Some(&bytes));
    }

    #[test]
    fn junk_of_yaml(text in "(name|version|jobs|templates|[-:{}\\[\\], \\n&*!|>'\"a1.])*") {
        let _ = ReleaseManifest::parse(text.as_bytes());
        let _ = JobSpec::parse(text.as_bytes());
        let _ = StemcellManifest::parse(text.as_bytes());
    }
}
