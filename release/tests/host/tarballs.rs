//! Tarballs as others make them, and as nobody should.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use proptest::prelude::*;
use warren_lib_tar::{Entry, Kind, Time, Writer};
use warren_release::Sums;
use warren_release::tarball::{Error, Keep, Limits, Release, read};

use crate::scene::{Scene, shell};

type Part<'a> = (&'a str, Kind, &'a [u8]);

fn tar(parts: &[Part<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (name, kind, bytes) in parts {
        let entry = Entry {
            path: name.as_bytes().to_vec(),
            kind: kind.clone(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            stored: bytes.len() as u64,
            xattrs: Vec::new(),
            sparse: None,
        };
        writer.start(&entry).unwrap();
        writer.data(bytes).unwrap();
    }
    writer.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let mut hasher = warren_release::Hasher::default();
    hasher.update(bytes);
    hasher.sums().sha256()
}

fn job(spec: &str) -> Vec<u8> {
    gzip(&tar(&[
        ("./", Kind::Directory, b""),
        ("./job.MF", Kind::File, spec.as_bytes()),
        ("./monit", Kind::File, b""),
        ("./templates/a", Kind::File, b""),
    ]))
}

const SPEC: &str = "{name: web, templates: {a: b}}";

fn manifest(job: &[u8]) -> String {
    format!(
        "{{name: demo, version: '1', jobs: [{{name: web, version: f, fingerprint: f, sha1: '{}', \
         packages: []}}]}}",
        sha256(job)
    )
}

fn look(bytes: &[u8]) -> Result<Release, Error> {
    read(bytes, Keep::Nothing, &Limits::default())
}

#[test]
fn as_others_make_them() {
    let job = job(SPEC);
    let manifest = manifest(&job);
    let mf: Part<'_> = ("./release.MF", Kind::File, manifest.as_bytes());
    let web: Part<'_> = ("./jobs/web.tgz", Kind::File, &job);
    let other: Part<'_> = (
        "./README",
        Kind::Symlink {
            target: b"x".to_vec(),
        },
        b"",
    );
    for order in [
        vec![mf.clone(), web.clone()],
        vec![web.clone(), other, mf.clone()],
    ] {
        for bytes in [tar(&order), gzip(&tar(&order))] {
            let release = look(&bytes).unwrap();
            assert_eq!(release.jobs[0].spec.as_ref().unwrap().templates.len(), 1);
        }
    }
    // A command line leaves out what the director has.
    let release = look(&tar(&[mf])).unwrap();
    assert_eq!(release.absent(), ["jobs/web.tgz"]);
    assert!(release.jobs[0].spec.is_none());
}

#[test]
fn compiled() {
    let archive = gzip(&tar(&[("./bin/x", Kind::File, b"x")]));
    let mut hasher = warren_release::Hasher::default();
    hasher.update(&archive);
    let manifest = format!(
        "{{name: demo, version: '1', compiled_packages: [{{name: app, version: f, fingerprint: f, \
         sha1: {}, stemcell: debian-bookworm/1.1, dependencies: []}}]}}",
        hasher.sums().sha1()
    );
    let parts = [
        ("./release.MF", Kind::File, manifest.as_bytes()),
        ("./jobs/", Kind::Directory, b"".as_slice()),
        ("./compiled_packages/app.tgz", Kind::File, &archive),
    ];
    let release = look(&gzip(&tar(&parts))).unwrap();
    assert!(release.manifest.is_compiled());
    let package = &release.compiled_packages[0];
    assert_eq!(package.listed.stemcell, "debian-bookworm/1.1");
    assert_eq!(
        package.archive.as_ref().unwrap().sums.bytes(),
        archive.len() as u64
    );
}

/// The errors' texts, for a tarball made of these parts.
fn refused(parts: &[Part<'_>], limits: &Limits) -> String {
    let error = read(tar(parts).as_slice(), Keep::Nothing, limits).unwrap_err();
    let mut text = String::new();
    let mut one: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = one {
        text += &format!("{error}: ");
        one = error.source();
    }
    text
}

#[test]
fn as_nobody_should() {
    let good = job(SPEC);
    let text = manifest(&good);
    let mf: Part<'_> = ("release.MF", Kind::File, text.as_bytes());
    let web: Part<'_> = ("jobs/web.tgz", Kind::File, &good);
    let limits = Limits::default();
    let says = |parts: &[Part<'_>], limits: &Limits, expected: &str| {
        let text = refused(parts, limits);
        assert!(text.contains(expected), "{expected}: {text}");
    };
    says(&[], &limits, "no release.MF");
    says(std::slice::from_ref(&web), &limits, "no release.MF");
    says(
        &[mf.clone(), mf.clone()],
        &limits,
        "release.MF is in the release tarball twice",
    );
    says(
        &[web.clone(), web.clone(), mf.clone()],
        &limits,
        "jobs/web.tgz is in",
    );
    for name in ["/release.MF", "../release.MF", "jobs/../../x.tgz"] {
        says(
            &[(name, Kind::File, b""), mf.clone()],
            &limits,
            "has a member",
        );
    }
    let link = Kind::Symlink {
        target: b"/etc/passwd".to_vec(),
    };
    says(
        &[("release.MF", link.clone(), b"")],
        &limits,
        "release.MF in the release tarball is no plain",
    );
    says(
        &[mf.clone(), ("jobs/web.tgz", link, b"")],
        &limits,
        "no plain file",
    );
    let other = job("{name: web, templates: {}}");
    says(
        &[mf.clone(), ("jobs/web.tgz", Kind::File, &other)],
        &limits,
        "has the digest sha256:",
    );
    says(&[("release.MF", Kind::File, b"\xff")], &limits, "not UTF-8");
    let few = Limits {
        members: 1,
        ..limits
    };
    says(&[mf.clone(), web.clone()], &few, "more than 1 members");
    let small = Limits {
        bytes: 1500,
        ..limits
    };
    says(&[mf.clone(), web.clone()], &small, "more than 1500 bytes");
    for (spec, expected) in [
        (
            "{name: other, templates: {}}",
            "job.MF is of the job \"other\"",
        ),
        (
            "{name: web, templates: {none: b}}",
            "the template \"none\" is not in",
        ),
        ("{name: web, templates: {../a: b}}", "\"../a\""),
        ("[", "malformed"),
    ] {
        let bytes = job(spec);
        let text = manifest(&bytes);
        let parts = [
            ("release.MF", Kind::File, text.as_bytes()),
            ("jobs/web.tgz", Kind::File, &bytes),
        ];
        says(&parts, &limits, expected);
    }
    let junk = [
        (b"junk".to_vec(), "cannot read the job's archive"),
        (gzip(b"junk"), "cannot read the job's archive"),
        (gzip(&tar(&[])), "has no job.MF"),
        (gzip(&tar(&[("../x", Kind::File, b"")])), "member \"../x\""),
        (
            tar(&[
                ("job.MF", Kind::File, SPEC.as_bytes()),
                ("templates/a", Kind::File, b""),
            ]),
            "neither monit",
        ),
        // A gigabyte of zeros in a megabyte.
        (
            gzip(&tar(&[("zeros", Kind::File, &vec![0; 3 << 20])])),
            "more than 1000000 bytes",
        ),
    ];
    for (bytes, expected) in junk {
        let text = manifest(&bytes);
        let parts = [
            ("release.MF", Kind::File, text.as_bytes()),
            ("jobs/web.tgz", Kind::File, &bytes),
        ];
        let small = Limits {
            job_bytes: 1_000_000,
            ..limits
        };
        says(&parts, &small, expected);
    }
}

#[test]
fn a_bomb_takes_no_more_than_its_limit() {
    /// Gzip of zeros without end.
    struct Bomb(u64, Vec<u8>);
    impl Read for Bomb {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            let part = &self.1[..buffer.len().min(self.1.len())];
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }
    // One member of gzip after another, each a block of zeros: an archive that never begins.
    let bomb = Bomb(0, gzip(&[0; 512]));
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let error = read(bomb, Keep::Nothing, &limits).unwrap_err();
    assert!(
        matches!(error, Error::Read(_) | Error::Archive(_)),
        "{error}"
    );
}

#[test]
fn nothing_is_kept_outside() {
    let top = tempfile::tempdir().unwrap();
    let kept = top.path().join("a/kept");
    let good = job(SPEC);
    let text = manifest(&good);
    let names = [
        "jobs/..tgz",
        "jobs/....tgz",
        "jobs/a/b.tgz",
        "packages/.tgz",
        "other/x.tgz",
    ];
    let mut parts: Vec<Part<'_>> = names
        .iter()
        .map(|name| (*name, Kind::File, b"x".as_slice()))
        .collect();
    parts.push(("release.MF", Kind::File, text.as_bytes()));
    parts.push(("jobs/web.tgz", Kind::File, &good));
    read(
        tar(&parts).as_slice(),
        Keep::Below(&kept),
        &Limits::default(),
    )
    .unwrap();
    let list = shell(top.path(), "find . -type f | LC_ALL=C sort");
    assert_eq!(list, "./a/kept/jobs/....tgz\n./a/kept/jobs/web.tgz\n");
    // What is there is not written over.
    let again = read(
        tar(&parts).as_slice(),
        Keep::Below(&kept),
        &Limits::default(),
    );
    assert!(
        matches!(again, Err(Error::File { step: "make", .. })),
        "{again:?}"
    );
}

#[test]
fn a_real_one_cut_short_or_spoilt_is_refused() {
    let scene = Scene::new();
    let path = scene.tarball("release.tgz");
    let bytes = fs::read(&path).unwrap();
    assert!(look(&bytes).is_ok());
    for cut in [0, 1, 2, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(look(&bytes[..cut]).is_err(), "{cut}");
    }
    let plain = {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        plain
    };
    let file = |name: &str| Sums::of_file(Path::new(name));
    assert!(file("/nowhere").is_err());
    // Every archive's bytes are under a digest.
    let at = plain
        .windows(4)
        .rposition(|four| four == [0x1f, 0x8b, 8, 0])
        .unwrap()
        + 20;
    let mut spoilt = plain.clone();
    spoilt[at] ^= 1;
    assert!(look(&plain).is_ok());
    assert!(look(&spoilt).is_err());
}

proptest! {
    #[test]
    fn junk(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = look(&bytes);
    }
}
