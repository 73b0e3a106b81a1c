//! Images made by the test.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use warren_container_rootfs::layer::Digest;

/// How a layer is compressed.
#[derive(Clone, Copy)]
pub enum Form {
    Plain,
    Gzip,
    Zstd,
}

/// Blobs and manifests by digest.
#[derive(Default)]
pub struct Images {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub manifests: BTreeMap<String, (&'static str, Vec<u8>)>,
}

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const V2_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const V2_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A tar archive with one file, made by tar(1).
pub fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    tar(top.path())
}

pub fn tar(directory: &Path) -> Vec<u8> {
    let mut command = Command::new("tar");
    let output = command
        .args(["-C"])
        .arg(directory)
        .args(["-c", "."])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("layer");
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new("zstd");
    let output = command.arg("-qc").arg(path).output();
    let output = output.expect("this test needs zstd: apt-get install zstd");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

impl Images {
    fn blob(&mut self, bytes: Vec<u8>) -> (String, usize) {
        let digest = Digest::of(&bytes).to_string();
        let size = bytes.len();
        self.blobs.insert(digest.clone(), bytes);
        (digest, size)
    }

    /// An image of these layers; answers its manifest's digest.
    pub fn image(&mut self, kind: &'static str, layers: &[(Vec<u8>, Form)]) -> String {
        let vendor = match kind {
            OCI_MANIFEST => (
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1",
            ),
            _ => (
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff",
            ),
        };
        let mut diff_ids = Vec::new();
        let mut descriptors = Vec::new();
        for (plain, form) in layers {
            diff_ids.push(format!("\"{}\"", Digest::of(plain)));
            let (ending, bytes) = match form {
                Form::Plain => (".tar", plain.clone()),
                Form::Gzip => (".tar.gzip", gzip(plain)),
                Form::Zstd => (".tar+zstd", zstd(plain)),
            };
            let (digest, size) = self.blob(bytes);
            descriptors.push(format!(
                r#"{{"mediaType":"{}{ending}","digest":"{digest}","size":{size}}}"#,
                vendor.1
            ));
        }
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{"Env":["PATH=/bin","A=b"],"WorkingDir":"/srv","User":"web","Cmd":null}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            diff_ids.join(",")
        );
        let (config, size) = self.blob(config.into_bytes());
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{{"mediaType":"{}","digest":"{config}","size":{size}}},"layers":[{}]}}"#,
            vendor.0,
            descriptors.join(",")
        );
        self.manifest(kind, manifest.into_bytes())
    }

    /// An index of images by architecture.
    pub fn index(&mut self, kind: &'static str, images: &[(&str, &str)]) -> String {
        let one = |(architecture, digest): &(&str, &str)| {
            let (kind, bytes) = &self.manifests[*digest];
            format!(
                r#"{{"mediaType":"{kind}","digest":"{digest}","size":{},"platform":{{"os":"linux","architecture":"{architecture}"}}}}"#,
                bytes.len()
            )
        };
        let images: Vec<_> = images.iter().map(one).collect();
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{}]}}"#,
            images.join(",")
        );
        self.manifest(kind, index.into_bytes())
    }

    fn manifest(&mut self, kind: &'static str, bytes: Vec<u8>) -> String {
        let digest = Digest::of(&bytes).to_string();
        self.manifests.insert(digest.clone(), (kind, bytes));
        digest
    }
}
