//! Archives, good and hostile, unpacked into a directory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use common::{Archive, octal};
use proptest::prelude::*;
use warren_container_rootfs::layer::{
    Compression, Digest, Error, Expected, InvalidPath, Limits, Markers, Unpacked, XattrNamespace,
    unpack,
};
use warren_lib_tar as tar;

struct Place {
    top: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("root")).unwrap();
        fs::create_dir(top.path().join("outside")).unwrap();
        fs::write(top.path().join("outside/victim"), b"safe").unwrap();
        Self { top }
    }

    fn root(&self) -> std::path::PathBuf {
        self.top.path().join("root")
    }

    fn unpack_with(
        &self,
        bytes: &[u8],
        expected: Expected,
        limits: Limits,
    ) -> Result<Unpacked, Error> {
        let directory = File::open(self.root()).unwrap();
        let markers = Markers::probe(std::os::fd::AsFd::as_fd(&directory)).unwrap();
        unpack(bytes, directory.into(), markers, expected, limits)
    }

    fn unpack(&self, archive: Archive) -> Result<Unpacked, Error> {
        self.unpack_with(&archive.end(), Expected::default(), Limits::default())
    }

    /// Nothing outside was touched.
    fn check(&self) {
        let names = fs::read_dir(self.top.path()).unwrap();
        let names: BTreeSet<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, BTreeSet::from(["root".into(), "outside".into()]));
        let outside = self.top.path().join("outside");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read(outside.join("victim")).unwrap(), b"safe");
        assert_eq!(fs::metadata(outside.join("victim")).unwrap().nlink(), 1);
    }
}

fn is_whiteout(path: &Path) -> bool {
    let meta = fs::symlink_metadata(path).unwrap();
    meta.file_type().is_char_device() && meta.rdev() == 0
}

#[test]
fn everything_a_layer_may_hold() {
    let place = Place::new();
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(200));
    let sparse_map = b"2\n0\n3\n1048576\n3\n";
    let mut sparse = sparse_map.to_vec();
    sparse.resize(512, 0);
    sparse.extend_from_slice(b"abcxyz");
    let archive = Archive::new()
        .pax(&[("SCHILY.xattr.user.on-root", b"r")])
        .raw(b"./", b'5', b"", 0o751, b"")
        .pax(&[
            ("SCHILY.xattr.user.dir", b"1"),
            ("mtime", b"1234.000000567"),
            ("uid", b"4000000"),
        ])
        .raw(b"./dir/", b'5', b"", 0o2755, b"")
        .pax(&[
            ("mtime", b"-1.25"),
            ("SCHILY.xattr.user.a", b"x\0y"),
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ])
        .edited(b"dir/suid", b'0', b"", 0o4711, b"data", |block| {
            octal(&mut block[108..116], 1000);
            octal(&mut block[116..124], 1001);
        })
        .hard_link("dir/again", "dir/suid")
        .symlink("dir/link", "/etc/passwd")
        .edited(b"dev", b'3', b"", 0o620, b"", |block| {
            octal(&mut block[329..337], 5);
            octal(&mut block[337..345], 300);
        })
        .raw(b"fifo", b'6', b"", 0o600, b"")
        .pax(&[("path", long.as_bytes())])
        .file("short", b"long name")
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"sparse"),
            ("GNU.sparse.realsize", b"2097152"),
        ])
        .raw(b"GNUSparseFile.0/sparse", b'0', b"", 0o644, &sparse)
        .file("dir/late", b"must not change the time of dir");
    let unpacked = place.unpack(archive).unwrap();
    assert_eq!(unpacked.dropped.reserved, 1);
    assert_eq!((unpacked.dropped.devices, unpacked.dropped.xattrs), (0, 0));
    let root = place.root();
    let meta = |name: &str| fs::symlink_metadata(root.join(name)).unwrap();
    assert_eq!(meta(".").mode() & 0o7777, 0o751);
    assert_eq!(meta(".").mtime(), 1_000_000_000);
    let dir = meta("dir");
    assert_eq!((dir.mode() & 0o7777, dir.uid()), (0o2755, 4_000_000));
    assert_eq!((dir.mtime(), dir.mtime_nsec()), (1234, 567));
    let suid = meta("dir/suid");
    assert_eq!(
        (suid.mode() & 0o7777, suid.uid(), suid.gid()),
        (0o4711, 1000, 1001)
    );
    assert_eq!((suid.mtime(), suid.mtime_nsec()), (-2, 750_000_000));
    assert_eq!((suid.nlink(), suid.ino()), (2, meta("dir/again").ino()));
    assert_eq!(
        fs::read_link(root.join("dir/link")).unwrap(),
        Path::new("/etc/passwd")
    );
    let device = meta("dev");
    assert!(device.file_type().is_char_device());
    assert_eq!(device.rdev(), rustix::fs::makedev(5, 300));
    assert!(meta("fifo").file_type().is_fifo());
    assert_eq!(fs::read(root.join(&long)).unwrap(), b"long name");
    let data = fs::read(root.join("sparse")).unwrap();
    assert_eq!(
        (data.len(), &data[..3], &data[1_048_576..1_048_579]),
        (2_097_152, &b"abc"[..], &b"xyz"[..])
    );
    assert!(meta("sparse").blocks() * 512 < 64 * 1024);
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(root.join("dir/suid"), "user.a", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"x\0y");
    let length = rustix::fs::getxattr(root.join("dir"), "user.dir", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"1");
    let redirect = rustix::fs::getxattr(
        root.join("dir/suid"),
        "trusted.overlay.redirect",
        &mut value[..],
    );
    assert_eq!(redirect, Err(rustix::io::Errno::NODATA));
    place.check();
}

#[test]
fn old_gnu_sparse_files() {
    let place = Place::new();
    let archive = Archive::new().edited(b"s", b'S', b"", 0o644, b"abxy", |block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        for (index, (offset, length)) in
            [(0, 2), (100_000, 2), (200_000, 0)].into_iter().enumerate()
        {
            octal(&mut block[386 + 24 * index..][..12], offset);
            octal(&mut block[398 + 24 * index..][..12], length);
        }
        octal(&mut block[483..495], 200_000);
    });
    place.unpack(archive).unwrap();
    let data = fs::read(place.root().join("s")).unwrap();
    assert_eq!(
        (data.len(), &data[..3], &data[100_000..100_002]),
        (200_000, &b"ab\0"[..], &b"xy"[..])
    );
}

#[test]
fn what_is_hidden_is_marked_and_listed() {
    let place = Place::new();
    let archive = Archive::new()
        .file(".wh.gone", b"")
        .file("a.wh.b", b"ordinary")
        .file("dir/.wh..wh..opq", b"")
        .file("dir/kept", b"k")
        .file("both", b"stands")
        .file(".wh.both", b"")
        .dir("replaced")
        .file(".wh.replaced", b"")
        .file(".wh.late", b"")
        .dir("late")
        .file(".wh.implied", b"")
        .file("implied/child", b"c")
        .file(".wh..wh.plnk", b"");
    let unpacked = place.unpack(archive).unwrap();
    let root = place.root();
    let texts = |set: &BTreeSet<Vec<u8>>| -> Vec<String> {
        set.iter()
            .map(|path| String::from_utf8(path.clone()).unwrap())
            .collect()
    };
    assert_eq!(texts(&unpacked.hidden.whiteouts), ["gone"]);
    assert_eq!(
        texts(&unpacked.hidden.opaque),
        ["dir", "implied", "late", "replaced"]
    );
    assert!(is_whiteout(&root.join("gone")));
    assert_eq!(fs::read(root.join("both")).unwrap(), b"stands");
    assert_eq!(fs::read(root.join("a.wh.b")).unwrap(), b"ordinary");
    for name in ["dir", "implied", "late", "replaced"] {
        let mut value = [0; 4];
        let length =
            rustix::fs::getxattr(root.join(name), "trusted.overlay.opaque", &mut value[..]);
        assert_eq!(&value[..length.unwrap()], b"y", "{name}");
    }
}

#[test]
fn links_lead_nowhere_outside() {
    let outside = "../../../../../../../../../../../../tmp";
    for target in [
        "/",
        "..",
        "../outside",
        outside,
        "/proc/self/root",
        "/proc/self/cwd",
    ] {
        let place = Place::new();
        let archive = Archive::new()
            .symlink("l", target)
            .file("l/outside/victim", b"evil")
            .file("l/victim", b"evil")
            .hard_link("stolen", "l/victim");
        // Refused or kept inside: either is right.
        let _ = place.unpack(archive);
        place.check();
    }
    let place = Place::new();
    let absolute = place.top.path().join("outside");
    let target = absolute.to_str().unwrap();
    let archive = Archive::new()
        .symlink("l", target)
        .file("l/victim", b"evil");
    let _ = place.unpack(archive);
    place.check();
    // A link to a directory of the archive is followed, as inside the container.
    let place = Place::new();
    let archive = Archive::new()
        .dir("usr/lib")
        .symlink("lib", "/usr/lib")
        .file("lib/x", b"x")
        .file("lib/.wh.y", b"");
    let unpacked = place.unpack(archive).unwrap();
    assert_eq!(fs::read(place.root().join("usr/lib/x")).unwrap(), b"x");
    assert!(unpacked.hidden.whiteouts.contains(b"usr/lib/y".as_slice()));
}

#[test]
fn hostile_names_are_refused() {
    let refused = |archive: Archive| {
        let place = Place::new();
        let error = place.unpack(archive).unwrap_err();
        place.check();
        error
    };
    for name in ["../outside/victim", "a/../../outside/victim", "..", "/../x"] {
        let error = refused(Archive::new().file(name, b"evil"));
        assert!(
            matches!(
                error,
                Error::Path {
                    source: InvalidPath::ParentDirectory,
                    ..
                }
            ),
            "{error}"
        );
    }
    for name in [".wh.", ".wh..", ".wh...", "a/.wh..."] {
        let error = refused(Archive::new().file(name, b""));
        assert!(
            matches!(
                error,
                Error::Path {
                    source: InvalidPath::Whiteout,
                    ..
                }
            ),
            "{error}"
        );
    }
    let error = refused(Archive::new().hard_link("h", "../outside/victim"));
    assert!(matches!(error, Error::Path { .. }));
    let error = refused(Archive::new().hard_link("h", "/outside/victim"));
    assert!(matches!(error, Error::Entry(_)));
    let error = refused(Archive::new().dir("d").hard_link("h", "d"));
    assert!(matches!(error, Error::Entry(_)));
    assert!(matches!(
        refused(Archive::new().symlink("./", "/")),
        Error::Root
    ));
    let error = refused(Archive::new().file("f", b"").file("f/below", b""));
    assert!(matches!(error, Error::Entry(_)));
    let nul = Archive::new().pax(&[("path", b"a\0b")]).file("x", b"");
    assert!(matches!(
        refused(nul),
        Error::Archive(tar::Error::Pax { .. })
    ));
    let owner = Archive::new().pax(&[("uid", b"4294967295")]).file("x", b"");
    assert!(matches!(
        refused(owner),
        Error::Archive(tar::Error::Number { .. })
    ));
    let long = "a/".repeat(3000);
    let error = refused(
        Archive::new()
            .pax(&[("path", long.as_bytes())])
            .file("x", b""),
    );
    assert!(
        matches!(
            error,
            Error::Path {
                source: InvalidPath::TooLong(_),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn absolute_names_are_inside() {
    let place = Place::new();
    place
        .unpack(Archive::new().file("/etc/shadow", b"x"))
        .unwrap();
    assert_eq!(fs::read(place.root().join("etc/shadow")).unwrap(), b"x");
}

#[test]
fn the_last_entry_of_a_name_counts() {
    let place = Place::new();
    let archive = Archive::new()
        .file("x", b"file")
        .hard_link("other", "x")
        .dir("x")
        .file("x/child", b"c")
        .symlink("x", "nowhere")
        .file("x", b"new")
        .symlink("y", "other")
        .file("y", b"own")
        .symlink("z", "/")
        .dir("z");
    place.unpack(archive).unwrap();
    let read = |name: &str| fs::read(place.root().join(name)).unwrap();
    assert_eq!(
        (read("x"), read("other"), read("y")),
        (b"new".into(), b"file".into(), b"own".into())
    );
    assert!(
        fs::symlink_metadata(place.root().join("z"))
            .unwrap()
            .is_dir()
    );
}

#[test]
fn huge_claims_take_nothing() {
    let huge = |edit: fn(&mut [u8; 512]), flag| {
        let place = Place::new();
        place
            .unpack(Archive::new().edited(b"f", flag, b"", 0o644, b"", edit))
            .unwrap_err()
    };
    let base_256 = |block: &mut [u8; 512]| {
        block[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")
    };
    assert!(matches!(
        huge(base_256, b'0'),
        Error::Archive(tar::Error::Truncated { .. })
    ));
    for flag in [b'x', b'g', b'L', b'K'] {
        let error = huge(|block| octal(&mut block[124..136], 0o77_777_777_777), flag);
        assert!(
            matches!(error, Error::Archive(tar::Error::TooLong { .. })),
            "{error}"
        );
    }
    let place = Place::new();
    let limits = Limits {
        bytes: 5,
        entries: 2,
    };
    let bytes = Archive::new().file("a", b"123").file("b", b"456").end();
    let error = place
        .unpack_with(&bytes, Expected::default(), limits)
        .unwrap_err();
    assert!(matches!(error, Error::TooManyBytes { limit: 5 }));
    let bytes = Archive::new().dir("a").dir("b").dir("c").end();
    let error = place
        .unpack_with(&bytes, Expected::default(), limits)
        .unwrap_err();
    assert!(matches!(error, Error::TooManyEntries { limit: 2 }));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn compression_is_recognised_and_digests_are_checked() {
    let plain = Archive::new().file("f", &[7; 300_000]).end();
    let (first, second) = plain.split_at(1000);
    let forms = [
        (Compression::None, plain.clone()),
        (Compression::Gzip, gzip(&plain)),
        (Compression::Gzip, [gzip(first), gzip(second)].concat()),
        (Compression::Zstd, zstd(&plain)),
        (
            Compression::Zstd,
            [
                b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
                zstd(first),
                zstd(second),
            ]
            .concat(),
        ),
    ];
    for (compression, blob) in forms {
        let expected = Expected {
            blob: Some(Digest::of(&blob)),
            blob_size: Some(blob.len() as u64),
            diff_id: Some(Digest::of(&plain)),
        };
        let place = Place::new();
        let unpacked = place
            .unpack_with(&blob, expected, Limits::default())
            .unwrap();
        assert_eq!(unpacked.compression, compression);
        assert_eq!(fs::read(place.root().join("f")).unwrap(), [7; 300_000]);
        let wrong = |change: fn(&mut Expected)| {
            let mut expected = expected;
            change(&mut expected);
            Place::new()
                .unpack_with(&blob, expected, Limits::default())
                .unwrap_err()
        };
        let error = wrong(|expected| expected.blob = Some(Digest::of(b"")));
        assert!(matches!(error, Error::BlobDigest { .. }), "{error}");
        let error = wrong(|expected| expected.diff_id = Some(Digest::of(b"")));
        assert!(matches!(error, Error::DiffId { .. }), "{error}");
        let error = wrong(|expected| expected.blob_size = Some(1 << 40));
        assert!(matches!(error, Error::BlobSize { .. }), "{error}");
        let cut = Place::new().unpack_with(
            &blob[..blob.len() / 2],
            Expected::default(),
            Limits::default(),
        );
        assert!(matches!(cut, Err(Error::Archive(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Junk and damaged archives give entries or an error.
    #[test]
    fn the_reader_is_total(junk in proptest::collection::vec(any::<u8>(), 0..3000),
                           at in 0usize..4096, bytes in proptest::collection::vec(any::<u8>(), 1..24)) {
        let read = |bytes: &[u8]| {
            let mut reader = tar::Reader::new(bytes);
            while let Ok(Some(_)) = reader.next_entry() {}
        };
        read(&junk);
        let mut archive = Archive::new()
            .pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9")])
            .file("s", &[b"1\n0\n9\n".as_slice(), &[0; 506], b"123456789"].concat())
            .pax(&[("path", b"abc"), ("mtime", b"1.5")])
            .file("x", b"hello")
            .end();
        let at = at % archive.len();
        let end = (at + bytes.len()).min(archive.len());
        archive[at..end].copy_from_slice(&bytes[..end - at]);
        read(&archive);
    }

    /// Whatever names and types there are: nothing outside changes.
    #[test]
    fn random_archives_stay_inside(entries in proptest::collection::vec(
        (0usize..12, 0usize..7, 0usize..12), 1..12)) {
        let names = ["a", "b", "a/b", "b/a", "..", "a/..", "/", "a/.wh.b", ".wh.a",
                     "a/.wh..wh..opq", "../outside/victim", "a/b/c"];
        let place = Place::new();
        let mut archive = Archive::new();
        for (name, flag, target) in entries {
            let data: &[u8] = if flag == 0 { b"x" } else { b"" };
            let flag = b"0125612"[flag];
            archive = archive.raw(names[name].as_bytes(), flag, names[target].as_bytes(), 0o755, data);
        }
        let _ = place.unpack(archive);
        place.check();
    }
}

#[test]
fn what_is_hidden_does_not_depend_on_how_overlayfs_is_told() {
    // A directory that has no entry of its own stands where a whiteout was.
    let archive = Archive::new()
        .file(".wh.a", b"")
        .file("a/b", b"new")
        .file("c/.wh.d", b"")
        .file("c/d/e/f", b"new");
    let bytes = archive.end();
    let hidden = [(None, false), (Some(XattrNamespace::Trusted), true)].map(|(xattrs, devices)| {
        let directory = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(directory.path()).unwrap();
        let markers = Markers { xattrs, devices };
        let (expected, limits) = (Expected::default(), Limits::default());
        let made = unpack(&*bytes, opened.into(), markers, expected, limits).unwrap();
        assert!(directory.path().join("c/d/e/f").is_file());
        made.hidden
    });
    assert_eq!(hidden[0], hidden[1]);
    assert!(hidden[0].whiteouts.is_empty(), "{hidden:?}");
    let opaque: Vec<_> = hidden[0].opaque.iter().map(Vec::as_slice).collect();
    assert_eq!(opaque, [&b"a"[..], b"c/d"]);
}

#[test]
fn a_whiteout_cannot_be_linked_to() {
    for name in ["a", "b"] {
        let archive =
            Archive::new()
                .file(".wh.a", b"")
                .raw(name.as_bytes(), b'1', b"a", 0o644, b"");
        let refused = Place::new().unpack(archive).unwrap_err();
        assert!(matches!(refused, Error::Entry(_)), "{refused}");
    }
}
