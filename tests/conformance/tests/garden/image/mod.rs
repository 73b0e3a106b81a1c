//! Images: from registries with certificates and passwords, with whiteouts, preloaded, and counted.

pub mod layout;
mod registry;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use layout::{archive, layout};
use registry::{PASSWORD, REGISTRY, Registry, USER, certs, docker_certificates};
use warren_container_rootfs::layer::Digest;
use warren_tests_conformance::garden::{Certificates, Server};
use warren_tests_conformance::said;
use warren_tests_harness::programs;
use warren_wire_garden::container::{ContainerSpec, ImageRef};
use warren_wire_garden::limits::DiskLimitScope;
use warren_wire_garden::process::ProcessSpec;

/// Busybox, and two layers of which the upper hides things of the lower.
fn image(server: &Server) -> (PathBuf, Digest) {
    let at = server.directory();
    let lower = [
        ("data/gone", "g"),
        ("data/stays", "s"),
        ("data/covered/low", "l"),
        ("data/replaced/low", "l"),
        ("tools/hello", "#!/bin/sh\necho hello from the image\n"),
    ];
    let upper = [
        ("data/.wh.gone", ""),
        ("data/covered/.wh..wh..opq", ""),
        ("data/covered/high", "h"),
        ("data/.wh.replaced", ""),
    ];
    let layers = [
        server.rootfs.path(),
        archive(at, "lower.tar", &lower),
        archive(at, "upper.tar", &upper),
    ];
    let directory = at.join("layout");
    let environment = ["PATH=/tools:/bin", "FROM_IMAGE=yes"];
    let digest = layout(&directory, &layers, &environment);
    (directory, digest)
}

fn server(certificates: &Certificates) -> Server {
    let directory = certs(certificates).display().to_string();
    Server::builder()
        .arguments(&["--registry-certs", &directory])
        .start()
}

fn spec(uri: &str, username: &str, password: &str) -> ContainerSpec {
    ContainerSpec {
        image: ImageRef {
            uri: uri.to_owned(),
            username: username.to_owned(),
            password: password.to_owned(),
        },
        ..ContainerSpec::default()
    }
}

#[test]
fn a_private_registry_with_credentials() {
    let certificates = docker_certificates();
    let server = server(&certificates);
    let registry = Registry::start(&server, &certificates);
    let (directory, _) = image(&server);
    registry.push(&directory, "private/app:1");
    let client = server.client();
    // Garden's clients write the tag behind a hash.
    let uri = format!("docker://{REGISTRY}/private/app#1");
    let refused = |username: &str, password: &str| {
        let error = client.create(&spec(&uri, username, password));
        error.map_err(said).unwrap_err()
    };
    let wrong = refused(USER, "wr0ng");
    assert!(
        wrong.contains("username and password are invalid"),
        "{wrong}"
    );
    let nobody = refused("", "");
    assert!(nobody.contains("do not have permissions"), "{nobody}");
    for is_privileged in [false, true] {
        let mut spec = spec(&uri, USER, PASSWORD);
        spec.privileged = is_privileged;
        let container = server.create(&spec);
        assert_eq!(container.says("cat /data/stays /data/covered/high"), "sh");
        assert_eq!(container.says("ls /data"), "covered\nstays");
        assert_eq!(container.says("ls /data/covered"), "high");
        assert_eq!(container.says("echo $FROM_IMAGE $PATH"), "yes /tools:/bin");
        // Programs are looked for in the image's PATH.
        let found = container.run(&ProcessSpec {
            path: "hello".to_owned(),
            ..ProcessSpec::default()
        });
        assert_eq!(found.stdout, "hello from the image\n", "{found:?}");
    }
    let log = server.log();
    assert!(
        !log.contains(PASSWORD) && !log.contains("wr0ng"),
        "the log has a password"
    );
}

#[test]
fn a_preloaded_image_needs_its_registry_no_more() {
    let certificates = docker_certificates();
    let server = server(&certificates);
    let registry = Registry::start(&server, &certificates);
    let (directory, digest) = image(&server);
    registry.push(&directory, "app:1");
    let (store, certs) = (server.directory().join("store"), certs(&certificates));
    let pulled = server.actor().run(&[
        "env",
        &format!("WARREN_REGISTRY_PASSWORD={PASSWORD}"),
        &programs::warren().display().to_string(),
        "rootfs",
        "pull",
        "--store",
        &store.display().to_string(),
        "--registry-certs",
        &certs.display().to_string(),
        "--username",
        USER,
        "--pin",
        "app",
        &format!("docker://{REGISTRY}/app:1"),
    ]);
    assert_eq!(pulled.code, 0, "{pulled:?}");
    drop(registry);
    for (mark, told) in [
        (format!("@{digest}"), "its registry was not asked"),
        ("#1".to_owned(), "the registry cannot be asked"),
    ] {
        let uri = format!("docker://{REGISTRY}/app{mark}");
        let container = server.create(&spec(&uri, "", ""));
        assert_eq!(container.says("cat /data/stays; echo $FROM_IMAGE"), "syes");
        assert!(server.log().contains(told), "{}", server.log());
    }
    let other = format!("docker://{REGISTRY}/app:2");
    server.client().create(&spec(&other, "", "")).unwrap_err();
}

#[test]
fn a_slow_pull_is_told_of_in_the_log() {
    let server = Server::new();
    let layer = archive(server.directory(), "slow.tar", &[("inside", "it is here")]);
    let layer = std::fs::read(layer).unwrap();
    let digest = Digest::of(&layer).hex();
    let listener = server.net().inside(|| TcpListener::bind("127.0.0.1:5001"));
    let listener = listener.unwrap();
    let log = server.directory().join("log");
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", layer.len());
        (&stream).write_all(head.as_bytes()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        while !told().contains("still pulling an image") {
            assert!(Instant::now() < deadline, "{}", told());
            std::thread::sleep(Duration::from_millis(20));
        }
        (&stream).write_all(&layer).unwrap();
    });
    let uri = format!(
        "preloaded+layer:{}?layer=http%3A%2F%2F127.0.0.1:5001%2Fx%3Fsecret%3Dyes\
         &layer_path=/some/where&layer_digest={digest}",
        server.rootfs.path().display()
    );
    let container = server.create(&spec(&uri, "", ""));
    serving.join().unwrap();
    assert_eq!(container.says("cat /some/where/inside"), "it is here");
    // Addresses may have signatures in them.
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[test]
fn a_disk_limit_counts_the_image_or_does_not() {
    let server = Server::new();
    let size = std::fs::metadata(server.rootfs.path()).unwrap().len();
    let with = |limit: u64, scope: DiskLimitScope| {
        let mut spec = server.spec("");
        spec.limits.disk.byte_hard = limit;
        spec.limits.disk.scope = scope;
        spec
    };
    let client = server.client();
    let error = client
        .create(&with(size / 2, DiskLimitScope::TOTAL))
        .map_err(said)
        .unwrap_err();
    assert!(error.contains("the disk limit is"), "{error}");
    // One after the other, as somebody who deploys does.
    for _ in 0..5 {
        let container = server.create(&with(size / 2, DiskLimitScope::EXCLUSIVE));
        assert_eq!(container.says("echo hi"), "hi");
        let container = server.create(&with(2 * size, DiskLimitScope::TOTAL));
        let disk = client.metrics(container.handle()).unwrap().disk_stat;
        assert!(disk.total_bytes_used > disk.exclusive_bytes_used);
    }
}
