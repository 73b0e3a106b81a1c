//! Image layouts out of plain tar files.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use warren_container_rootfs::layer::Digest;

/// A tar archive with these files; their directories belong to root.
pub fn archive(at: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let tree = at.join(format!("{name}-tree"));
    for (path, text) in files {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let tar = at.join(name);
    let made = Command::new("tar")
        .args(["--numeric-owner", "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(&tree)
        .arg(".")
        .status();
    assert!(made.unwrap().success());
    tar
}

/// An image of these layers, lowest first, with this environment and the tag `1`. Its digest.
pub fn layout(directory: &Path, layers: &[PathBuf], environment: &[&str]) -> Digest {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        (digest, bytes.len())
    };
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let stored = layers
        .iter()
        .map(|layer| blob(&std::fs::read(layer).unwrap()));
    let stored: Vec<(Digest, usize)> = stored.collect();
    let diff_ids: Vec<String> = stored
        .iter()
        .map(|(digest, _)| digest.to_string())
        .collect();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": environment},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let (config, config_size) = blob(config.to_string().as_bytes());
    let stored = stored.iter().map(
        |(digest, size)| json!({"mediaType": tar, "digest": digest.to_string(), "size": size}),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config.to_string(),
            "size": config_size,
        },
        "layers": stored.collect::<Vec<_>>(),
    });
    let (manifest, size) = blob(manifest.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest.to_string(),
            "size": size,
            "annotations": {"org.opencontainers.image.ref.name": "1"},
        }],
    });
    std::fs::write(directory.join("index.json"), index.to_string()).unwrap();
    let version = json!({"imageLayoutVersion": "1.0.0"}).to_string();
    std::fs::write(directory.join("oci-layout"), version).unwrap();
    manifest
}
