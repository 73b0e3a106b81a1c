//! Where layers come from: files, image layouts, and comparison with tar(1).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use common::layers::Layers;
use common::{Archive, in_private_mounts};
use proptest::prelude::*;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{
    InvalidReference, LocalTar, OciError, OciLayout, Platform, Reference, Source,
};
use warren_container_rootfs::store::{Error, Options, Store};

fn sh(script: &str, at: &Path) {
    let status = Command::new("sh")
        .args(["-ec", script])
        .current_dir(at)
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}

/// All that can be seen of each entry of a tree.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(
        root: &Path,
        at: &Path,
        links: &mut BTreeMap<u64, PathBuf>,
        all: &mut BTreeMap<PathBuf, String>,
    ) {
        let name = at.strip_prefix(root).unwrap().to_owned();
        let meta = fs::symlink_metadata(at).unwrap();
        let mut text = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        if name != Path::new("") {
            text += &format!(" {}.{}", meta.mtime(), meta.mtime_nsec());
        }
        if meta.is_file() {
            text += &format!(" {} {}", meta.nlink(), Digest::of(&fs::read(at).unwrap()));
            let first = links.entry(meta.ino()).or_insert_with(|| name.clone());
            text += &format!(" {first:?}");
        }
        if meta.is_symlink() {
            text += &format!(" -> {:?}", fs::read_link(at).unwrap());
        }
        text += &format!(" {:#x}", meta.rdev());
        let mut names = vec![0; 4096];
        let length = rustix::fs::llistxattr(at, &mut names[..]).unwrap();
        for name in names[..length]
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            let mut value = vec![0; 4096];
            let length = rustix::fs::lgetxattr(at, name, &mut value[..]).unwrap();
            text += &format!(" {}={:?}", String::from_utf8_lossy(name), &value[..length]);
        }
        all.insert(name, text);
        if meta.is_dir() {
            let mut below: Vec<_> = fs::read_dir(at)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            below.sort();
            for path in below {
                walk(root, &path, links, all);
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(root, root, &mut BTreeMap::new(), &mut all);
    all
}

#[test]
fn a_real_tree_is_as_tar_unpacks_it() {
    let top = tempfile::tempdir().unwrap();
    let at = top.path();
    // A tree of real files, and beside it what such trees have rarely.
    sh(
        "mkdir -p odd/d; mkdir doc; cp -a /usr/share/doc/[a-d]* doc; cp -a /etc .; cd odd; echo x >f; ln f h; ln -s f s; \
        mknod null c 1 3; mkfifo p; chmod 6755 f; chown 12:34 d; truncate -s 5M hole; \
        printf end >>hole",
        at,
    );
    let set = |path: &str, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(at.join(path), name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    set("odd/f", "user.x", b"1");
    set("odd/d", "user.y", b"2");
    set("odd/s", "trusted.z", b"3");
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    set("odd/hole", "security.capability", capability);
    for format in ["gnu", "pax"] {
        let xattrs = if format == "pax" {
            "--xattrs --xattrs-include='*'"
        } else {
            ""
        };
        sh(
            &format!(
                "tar --format={format} {xattrs} -S -cf {format}.tar doc etc odd; \
            gzip -1 -k {format}.tar; mkdir {format}; \
            tar --numeric-owner -p {xattrs} -xf {format}.tar -C {format}"
            ),
            at,
        );
        let store = Store::open(&at.join("store"), &Options::default()).unwrap();
        let plain = store
            .fetch(&LocalTar::new(&at.join(format!("{format}.tar"))).unwrap())
            .unwrap();
        let gzip = store
            .fetch(&LocalTar::new(&at.join(format!("{format}.tar.gz"))).unwrap())
            .unwrap();
        assert_eq!(plain[0].layer(), gzip[0].layer());
        let (ours, theirs) = (listing(&plain[0].diff()), listing(&at.join(format)));
        assert!(ours.len() > 500, "{}", ours.len());
        for (path, text) in &theirs {
            if path != Path::new("") {
                assert_eq!(ours.get(path), Some(text), "{path:?}");
            }
        }
        assert_eq!(ours.len(), theirs.len());
        assert!(plain[0].info().unwrap().dropped == Default::default());
    }
}

/// Writes a blob; answers its descriptor.
fn blob(layout: &Path, bytes: &[u8], kind: &str, more: &str) -> String {
    let digest = Digest::of(bytes);
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
    let size = bytes.len();
    format!(
        r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{size}{more}}}"#
    )
}

fn image(layout: &Path, word: &str) -> Vec<u8> {
    let low = Archive::new().file("who", word.as_bytes()).end();
    let high = Archive::new().file("high", b"h").end();
    let diffs = format!("\"{}\",\"{}\"", Digest::of(&low), Digest::of(&high));
    let config = format!(
        r#"{{"config":{{"Env":["A=b"]}},"rootfs":{{"type":"layers","diff_ids":[{diffs}]}}}}"#
    );
    let config = blob(layout, config.as_bytes(), "config.v1+json", "");
    let low = blob(layout, &low, "layer.v1.tar", "");
    let high = blob(layout, &high, "layer.v1.tar", "");
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{low},{high}]}}"#).into_bytes()
}

#[test]
fn layouts_are_read_for_tag_and_platform() {
    let top = tempfile::tempdir().unwrap();
    let layout = top.path().join("layout");
    let platform = |architecture: &str| Platform {
        os: "linux".into(),
        architecture: architecture.into(),
    };
    let one = |architecture: &str| {
        let more = format!(r#","platform":{{"os":"linux","architecture":"{architecture}"}}"#);
        let manifest = image(&layout, architecture);
        blob(&layout, &manifest, "manifest.v1+json", &more)
    };
    let inner = format!(r#"{{"manifests":[{},{}]}}"#, one("amd64"), one("arm64"));
    let tag = r#","annotations":{"org.opencontainers.image.ref.name":"v1"}"#;
    let multi = blob(&layout, inner.as_bytes(), "index.v1+json", tag);
    fs::write(
        layout.join("index.json"),
        format!(r#"{{"manifests":[{multi}]}}"#),
    )
    .unwrap();
    in_private_mounts(|| {
        let store = Store::open(&top.path().join("store"), &Options::default()).unwrap();
        for architecture in ["amd64", "arm64"] {
            let source = OciLayout::open(&layout, Some("v1"), &platform(architecture)).unwrap();
            assert_eq!(source.environment(), ["A=b"]);
            let leases = store.fetch(&source).unwrap();
            assert_eq!(
                fs::read(leases[0].diff().join("who")).unwrap(),
                architecture.as_bytes()
            );
            assert!(leases[1].diff().join("high").exists());
        }
        assert_eq!(store.layers().unwrap().len(), 3);
    });
    let error = OciLayout::open(&layout, Some("v2"), &Platform::own()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the layout has no image for v2 (linux/amd64); it has v1"
    );
    let error = OciLayout::open(&layout, None, &platform("riscv64")).unwrap_err();
    assert!(matches!(error, OciError::NoImage { .. }));
    // A blob that is not what its name says.
    for entry in fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes.push(b' ');
        fs::write(path, bytes).unwrap();
    }
    let error = OciLayout::open(&layout, None, &platform("amd64")).unwrap_err();
    assert!(matches!(error, OciError::Digest { .. }));
}

#[test]
fn a_changed_layer_is_refused() {
    let top = tempfile::tempdir().unwrap();
    let layout = top.path().join("layout");
    let manifest = image(&layout, "x");
    let manifest = blob(&layout, &manifest, "manifest.v1+json", "");
    fs::write(
        layout.join("index.json"),
        format!(r#"{{"manifests":[{manifest}]}}"#),
    )
    .unwrap();
    let layer = Digest::of(&Archive::new().file("high", b"h").end());
    let other = Archive::new().file("high", b"!").end();
    fs::write(layout.join("blobs/sha256").join(layer.hex()), other).unwrap();
    let store = Store::open(&top.path().join("store"), &Options::default()).unwrap();
    let source = OciLayout::open(&layout, None, &Platform::own()).unwrap();
    let error = store.fetch(&source).unwrap_err();
    assert!(
        matches!(error, Error::Unpack { layer: refused, .. } if refused == layer),
        "{error}"
    );
    assert!(store.lease(layer).unwrap().is_none());
}

/// A layer that never ends, a byte at a time; until it is no longer wanted, or for a minute.
struct Endless {
    header: Cursor<Vec<u8>>,
    begun: Option<mpsc::Sender<()>>,
    deadline: Instant,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(begun) = self.begun.take() {
            begun.send(()).unwrap();
        }
        if Instant::now() > self.deadline {
            return Err(std::io::Error::other("nobody stopped it"));
        }
        if self.header.position() < 512 {
            return self.header.read(buffer);
        }
        std::thread::sleep(Duration::from_millis(1));
        buffer[0] = 0;
        Ok(1)
    }
}

#[test]
fn a_layer_that_fails_stops_the_others_and_nothing_is_left() {
    let top = tempfile::tempdir().unwrap();
    let store = Store::open(&top.path().join("store"), &Options::default()).unwrap();
    let endless = Archive::new().raw(b"f", b'0', b"", 0o644, &[0; 1 << 20]);
    let bad = Archive::new().file("g", b"g").end();
    let named = [Digest::of(b"endless"), Digest::of(b"another")];
    let (begun, waits) = mpsc::channel();
    let waits = Mutex::new(waits);
    let deadline = Instant::now() + Duration::from_secs(60);
    let source = Layers::opened_by(&named, move |index| match index {
        0 => Box::new(Endless {
            header: Cursor::new(endless.0[..512].to_vec()),
            begun: Some(begun.clone()),
            deadline,
        }),
        _ => {
            // The other one is being read by now.
            let waits = waits.lock().unwrap();
            waits.recv_timeout(Duration::from_secs(60)).unwrap();
            Box::new(Cursor::new(bad.clone()))
        }
    });
    let error = store.fetch(&source).unwrap_err();
    assert!(
        matches!(error, Error::Unpack { layer, .. } if layer == named[1]),
        "{error}"
    );
    assert!(Instant::now() < deadline, "the other was not stopped");
    assert!(store.layers().unwrap().is_empty());
    let tmp = fs::read_dir(store.root().join("tmp")).unwrap();
    assert_eq!(tmp.count(), 0);
}

#[test]
fn references() {
    let parsed = |text: &str| text.parse::<Reference>();
    assert_eq!(parsed("/a/b.tar"), Ok(Reference::Path("/a/b.tar".into())));
    assert_eq!(parsed("/a:b"), Ok(Reference::Path("/a:b".into())));
    assert_eq!(parsed("preloaded:/a"), Ok(Reference::Path("/a".into())));
    assert_eq!(parsed("raw:///a"), Ok(Reference::Raw("/a".into())));
    let layout = |tag: Option<&str>| Reference::OciLayout {
        directory: "/d".into(),
        tag: tag.map(str::to_owned),
    };
    assert_eq!(parsed("oci:///d:v1"), Ok(layout(Some("v1"))));
    assert_eq!(parsed("oci:///d"), Ok(layout(None)));
    assert_eq!(
        parsed("docker://h/a:b"),
        Ok(Reference::Registry("h/a:b".into()))
    );
    let layered = parsed("preloaded+layer:/b?layer=http%3A%2F%2Fx&layer_path=/p&layer_digest=d");
    assert_eq!(
        layered,
        Ok(Reference::PreloadedLayer {
            base: "/b".into(),
            layer: "http://x".into(),
            layer_path: "/p".into(),
            layer_digest: "d".into(),
        })
    );
    assert!(matches!(
        parsed("preloaded+layer:/b?layer=x"),
        Err(InvalidReference::Parameter { .. })
    ));
    assert_eq!(parsed(""), Err(InvalidReference::Empty));
    assert!(matches!(
        parsed("warehouse:/x"),
        Err(InvalidReference::Scheme { .. })
    ));
    assert!(matches!(
        parsed("raw://x"),
        Err(InvalidReference::Relative { .. })
    ));
}

proptest! {
    #[test]
    fn any_text_is_a_reference_or_an_error(text in ".*") {
        if let Ok(Reference::Path(path)) = text.parse::<Reference>() {
            prop_assert!(path.as_os_str().as_bytes().starts_with(b"/"));
        }
    }
}
