//! Tarballs of stemcells and releases.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest, Sha1};
use warren_lib_tar::{Entry, Kind, Time, Writer};

/// An archive of these members.
pub fn tgz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Writer::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in members {
        archive
            .start(&Entry {
                path: name.as_bytes().to_vec(),
                kind: Kind::File,
                mode: 0o644,
                uid: 0,
                gid: 0,
                mtime: Time::default(),
                stored: bytes.len() as u64,
                xattrs: Vec::new(),
                sparse: None,
            })
            .unwrap();
        archive.data(bytes).unwrap();
    }
    let mut gzip = archive.finish().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

pub fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A stemcell of this image and formats.
pub fn stemcell(version: &str, formats: &str, image: &[u8]) -> Vec<u8> {
    let manifest = format!(
        "name: bosh-warden-boshlite-debian-bookworm\nversion: '{version}'\nbosh_protocol: '1'\n\
         api_version: 3\nsha1: {}\noperating_system: debian-bookworm\n\
         stemcell_formats: [{formats}]\ncloud_properties: {{infrastructure: warden, root: /x}}\n",
        sha1(image)
    );
    tgz(&[("stemcell.MF", manifest.as_bytes()), ("image", image)])
}

/// A job with one template, which is its errand, these packages, and more in its specification.
pub fn job(name: &str, packages: &str, more: &str) -> Vec<u8> {
    let spec = format!(
        "name: {name}\ntemplates: {{run: bin/run}}\npackages: [{packages}]\nproperties: {{port: {{default: 1}}}}\n{more}"
    );
    tgz(&[
        ("job.MF", spec.as_bytes()),
        ("monit", b""),
        ("templates/run", b"#!/bin/sh\n"),
    ])
}

/// A member of a release: folder, name, fingerprint, dependencies, and its archive if it is there.
pub struct Member {
    pub folder: &'static str,
    pub name: &'static str,
    pub print: &'static str,
    pub needs: &'static str,
    pub archive: Option<Vec<u8>>,
}

pub fn package(name: &'static str, print: &'static str, needs: &'static str) -> Member {
    let archive = Some(tgz(&[("packaging", name.as_bytes())]));
    Member {
        folder: "packages",
        name,
        print,
        needs,
        archive,
    }
}

pub fn a_job(name: &'static str, print: &'static str, packages: &str) -> Member {
    linked_job(name, print, packages, "")
}

/// A job with links.
pub fn linked_job(name: &'static str, print: &'static str, packages: &str, links: &str) -> Member {
    Member {
        folder: "jobs",
        name,
        print,
        needs: "",
        archive: Some(job(name, packages, links)),
    }
}

pub fn release(name: &str, version: &str, commit: &str, members: &[Member]) -> Vec<u8> {
    let mut manifest = format!(
        "name: {name}\nversion: {version}\ncommit_hash: {commit}\nuncommitted_changes: false\n"
    );
    let mut files: Vec<(String, &[u8])> = Vec::new();
    for folder in ["jobs", "packages", "compiled_packages"] {
        let mut inside = members.iter().filter(|one| one.folder == folder).peekable();
        if inside.peek().is_none() {
            continue;
        }
        manifest.push_str(&format!("{folder}:\n"));
        for one in inside {
            let digest = one.archive.as_deref().map_or_else(|| sha1(b""), sha1);
            manifest.push_str(&format!(
                "- {{name: {}, version: {}, fingerprint: {}, sha1: {digest}",
                one.name, one.print, one.print
            ));
            match folder {
                "packages" => manifest.push_str(&format!(", dependencies: [{}]", one.needs)),
                "compiled_packages" => manifest.push_str(&format!(
                    ", dependencies: [{}], stemcell: debian-bookworm/1.1",
                    one.needs
                )),
                _ => {}
            }
            manifest.push_str("}\n");
            if let Some(archive) = &one.archive {
                files.push((format!("{folder}/{}.tgz", one.name), archive));
            }
        }
    }
    let mut all: Vec<(&str, &[u8])> = vec![("release.MF", manifest.as_bytes())];
    all.extend(files.iter().map(|(name, bytes)| (name.as_str(), *bytes)));
    tgz(&all)
}
