//! A real registry.

use std::path::Path;
use std::process::Command;

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{Config, Platform, Source};
use warren_container_rootfs::store::{Options, Store};
use warren_registry::{Credentials, Error, Settings, source_for};

use crate::images::{Form, Images, OCI_INDEX, OCI_MANIFEST, V2_LIST, V2_MANIFEST, archive};
use crate::server::{Registry, Wanted};

pub fn insecure(address: &str) -> Settings {
    Settings {
        insecure: vec![address.to_owned()],
        ..Settings::default()
    }
}

fn platform(architecture: &str) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
    }
}

/// `Box<dyn Source>` cannot be shown.
pub fn error(result: Result<Box<dyn Source + Send>, Error>) -> Error {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

pub fn open(at: &Path) -> Store {
    Store::open(at, &Options::default()).unwrap()
}

#[test]
fn manifests_of_both_kinds_in_all_compressions() {
    let registry = Registry::start(&Wanted::default());
    let settings = insecure(&registry.address);
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("store"));
    for (kind, index, name) in [
        (OCI_MANIFEST, OCI_INDEX, "oci"),
        (V2_MANIFEST, V2_LIST, "v2"),
    ] {
        let mut images = Images::default();
        let low = (archive("low", name.as_bytes()), Form::Plain);
        let forms = [
            low.clone(),
            (archive("mid", b"m"), Form::Gzip),
            (archive("high", b"h"), Form::Zstd),
        ];
        let image = images.image(kind, &forms);
        let other = images.image(kind, &[low, (archive("arm", b"a"), Form::Gzip)]);
        let both = images.index(index, &[("arm64", &other), ("amd64", &image)]);
        registry.push(&format!("some/{name}"), &images, &both, "v1");

        let uri = format!("docker://{}/some/{name}", registry.address);
        let mut amd64 = settings.clone();
        amd64.platform = platform("amd64");
        let source = source_for(&format!("{uri}#v1"), None, &amd64).unwrap();
        let config = Config {
            environment: vec!["PATH=/bin".into(), "A=b".into()],
            working_directory: "/srv".into(),
            user: "web".into(),
        };
        assert_eq!(source.config(), Some(&config));
        let leases = store.fetch(&*source).unwrap();
        let read =
            |layer: usize, file: &str| std::fs::read(leases[layer].diff().join(file)).unwrap();
        assert_eq!(leases.len(), 3);
        assert_eq!(read(0, "low"), name.as_bytes());
        assert_eq!(read(1, "mid"), b"m");
        assert_eq!(read(2, "high"), b"h");

        let mut arm64 = settings.clone();
        arm64.platform = platform("arm64");
        let source = source_for(&format!("{uri}:v1"), None, &arm64).unwrap();
        let leases = store.fetch(&*source).unwrap();
        assert!(leases[1].diff().join("arm").exists());

        let mut riscv = settings.clone();
        riscv.platform = platform("riscv64");
        let refused = error(source_for(&format!("{uri}:v1"), None, &riscv));
        assert!(matches!(refused, Error::NoPlatform { .. }), "{refused}");

        // Pinned, to the index and to the image.
        for digest in [&both, &image] {
            let source = source_for(&format!("{uri}@{digest}"), None, &amd64).unwrap();
            assert_eq!(store.fetch(&*source).unwrap().len(), 3);
        }
        let absent = Digest::of(b"something else");
        let refused = error(source_for(&format!("{uri}@{absent}"), None, &settings));
        assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
        let refused = error(source_for(&format!("{uri}:v2"), None, &settings));
        let expected = format!(
            "http://{}/v2/some/{name}/manifests/v2 does not exist or you do not have permissions \
             to see it",
            registry.address
        );
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn passwords() {
    let registry = Registry::start(&Wanted {
        password: true,
        ..Wanted::default()
    });
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    registry.push("secret", &images, &image, "latest");
    let settings = insecure(&registry.address);
    let uri = format!("docker://{}/secret", registry.address);
    let top = tempfile::tempdir().unwrap();
    let good = Credentials::new("me", "s3cret");
    let source = source_for(&uri, Some(&good), &settings).unwrap();
    assert_eq!(
        open(&top.path().join("s")).fetch(&*source).unwrap().len(),
        1
    );

    let bad = Credentials::new("me", "wr0ng");
    let refused = error(source_for(&uri, Some(&bad), &settings));
    assert!(matches!(refused, Error::Unauthorized { .. }), "{refused}");
    assert!(!format!("{refused:?} {refused}").contains("wr0ng"));
    let refused = error(source_for(&uri, None, &settings));
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
}

#[test]
fn a_registry_without_encryption_must_be_named() {
    let registry = Registry::start(&Wanted::default());
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    registry.push("open", &images, &image, "latest");
    let uri = format!("docker://{}/open", registry.address);
    let refused = error(source_for(&uri, None, &Settings::default()));
    assert!(matches!(refused, Error::Insecure { .. }), "{refused:?}");
    // The host alone is another name.
    let refused = error(source_for(&uri, None, &insecure("127.0.0.1")));
    assert!(matches!(refused, Error::Insecure { .. }), "{refused:?}");
    source_for(&uri, None, &insecure(&registry.address)).unwrap();
    source_for(
        &uri,
        None,
        &insecure(&format!("http://{}", registry.address)),
    )
    .unwrap();
}

#[test]
fn a_certificate_must_be_trusted() {
    let top = tempfile::tempdir().unwrap();
    let (certificate, key) = (top.path().join("c.pem"), top.path().join("k.pem"));
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    command
        .args(["-nodes", "-days", "2", "-subj", "/CN=test", "-keyout"])
        .arg(&key);
    command
        .args([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-out",
        ])
        .arg(&certificate);
    let output = command
        .output()
        .expect("this test needs apt-get install openssl");
    assert!(output.status.success(), "{output:?}");
    let registry = Registry::start(&Wanted {
        tls: Some((&certificate, &key)),
        ..Wanted::default()
    });
    let uri = format!("docker://{}/any", registry.address);
    let refused = error(source_for(&uri, None, &Settings::default()));
    assert!(matches!(refused, Error::Insecure { .. }), "{refused:?}");
    let mut trusting = Settings::default();
    trusting.trusted.push(certificate);
    for settings in [trusting, insecure(&registry.address)] {
        let refused = error(source_for(&uri, None, &settings));
        // It was asked, over TLS, and has no such image.
        assert!(refused.to_string().starts_with("https://"), "{refused:?}");
        assert!(matches!(refused, Error::NotFound { .. }), "{refused:?}");
    }
}

#[test]
fn what_stands_in_for_docker_hub() {
    let (mirror, registry) = (
        Registry::start(&Wanted::default()),
        Registry::start(&Wanted::default()),
    );
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    registry.push("library/both", &images, &image, "latest");
    registry.push("library/own", &images, &image, "latest");
    let other = images.image(OCI_MANIFEST, &[(archive("mirrored", b"m"), Form::Gzip)]);
    mirror.push("library/both", &images, &other, "latest");
    let settings = Settings {
        default_registry: Some(format!("https://{}/", registry.address)),
        mirrors: vec![mirror.address.clone()],
        insecure: vec![mirror.address.clone(), registry.address.clone()],
        ..Settings::default()
    };
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("s"));
    let has = |uri: &str, file: &str| {
        let source = source_for(uri, None, &settings).unwrap();
        store.fetch(&*source).unwrap()[0].diff().join(file).exists()
    };
    assert!(has("docker:///both", "mirrored"));
    assert!(has("docker:///own", "a"));
    assert!(has("docker://docker.io/library/own:latest", "a"));
    let refused = error(source_for("docker:///none", None, &settings));
    assert!(matches!(refused, Error::Mirrors { .. }), "{refused}");
    assert!(refused.to_string().contains(&mirror.address), "{refused}");
}
