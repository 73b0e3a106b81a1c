//! Unpacking the root of a Debian system: ours, tar's and umoci's.
//!
//! Every side ends with its file system synced, as ours does before it shows a layer.

use std::fs;
use std::path::Path;
use std::process::Command;

use warren_container_rootfs::layer::Digest;

use crate::figures::{Samples, table};

const RUNS: usize = 7;

/// Makes the root, unpacks it in turns, and makes root file systems of the unpacked layer.
pub fn bench() {
    let top = match tempfile::tempdir() {
        Ok(top) => top,
        Err(error) => panic!("cannot make a directory: {error}"),
    };
    let at = top.path();
    sh(
        at,
        "mmdebstrap --quiet --variant=minbase --include=systemd-sysv bookworm root.tar
        gzip -6 -k root.tar",
    );
    layout(at);
    let (mut tar, mut umoci, mut plain, mut gzip) = (
        Samples::default(),
        Samples::default(),
        Samples::default(),
        Samples::default(),
    );
    let warren = warren();
    let pull = |from: &str| format!("{warren} rootfs pull --store ours {from} >/dev/null");
    for _ in 0..RUNS {
        tar.time(|| sh(at, "mkdir tar; tar -xpf root.tar.gz -C tar; sync -f tar"));
        gzip.time(|| sh(at, &pull("oci://$PWD/layout:root")));
        umoci.time(|| {
            sh(
                at,
                "umoci raw unpack --image layout:root umoci >/dev/null; sync -f umoci",
            )
        });
        sh(at, "rm -rf ours");
        plain.time(|| sh(at, &pull("$PWD/root.tar")));
        sh(at, "rm -rf tar umoci ours");
    }
    table(
        "A Debian root, unpacked and synced",
        "ms",
        &[
            ("`tar -xpf` of the gzip archive, no digest checked", &tar),
            ("`umoci raw unpack` of the gzip layer", &umoci),
            ("`warren rootfs pull` of the gzip layer", &gzip),
            ("`warren rootfs pull` of the plain archive", &plain),
        ],
        0,
    );
    let (mut create, mut delete) = (Samples::default(), Samples::default());
    sh(at, &pull("$PWD/root.tar"));
    for _ in 0..RUNS * 3 {
        let one = "--store ours $PWD/root.tar one";
        create.time(|| sh(at, &format!("{warren} rootfs create {one} >/dev/null")));
        delete.time(|| {
            sh(
                at,
                &format!("{warren} rootfs delete --store ours one >/dev/null"),
            )
        });
    }
    table(
        "A root file system of a layer that is there, a process each",
        "ms",
        &[
            ("`warren rootfs create`", &create),
            ("`warren rootfs delete`", &delete),
        ],
        0,
    );
}

/// The executable beside this one.
fn warren() -> String {
    let own = crate::figures::myself();
    let beside = Path::new(&own).with_file_name("warren");
    beside.display().to_string()
}

fn sh(at: &Path, script: &str) {
    let status = Command::new("sh")
        .args(["-ec", script])
        .current_dir(at)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "this failed: {script}"
    );
}

/// An image layout with that one layer.
fn layout(at: &Path) {
    let blobs = at.join("layout/blobs/sha256");
    let read = |path: &Path| match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => panic!("cannot read {}: {error}", path.display()),
    };
    let write = |path: &Path, bytes: &[u8]| {
        if let Err(error) = fs::write(path, bytes) {
            panic!("cannot write {}: {error}", path.display());
        }
    };
    let blob = |bytes: &[u8], kind: &str| {
        let digest = Digest::of(bytes);
        write(&blobs.join(digest.hex()), bytes);
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{}"#,
            bytes.len()
        )
    };
    sh(at, "mkdir -p layout/blobs/sha256");
    let layer = blob(&read(&at.join("root.tar.gz")), "layer.v1.tar+gzip");
    let diff_id = Digest::of(&read(&at.join("root.tar")));
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
    );
    let config = blob(config.as_bytes(), "config.v1+json");
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config}}},"layers":[{layer}}}]}}"#);
    let manifest = blob(manifest.as_bytes(), "manifest.v1+json");
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{manifest},"annotations":{{"org.opencontainers.image.ref.name":"root"}}}}]}}"#
    );
    write(&at.join("layout/index.json"), index.as_bytes());
    write(
        &at.join("layout/oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    );
}
