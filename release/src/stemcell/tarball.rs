//! Reading a stemcell tarball in one pass.

use std::io::{self, Read, Write};

use warren_lib_tar::{Kind, Reader};
use warren_wire_release::{MultiDigest, StemcellManifest};

use super::Error;
use crate::archive::{Data, Limited, Name, Plain, member_name};
use crate::hash::{Hashing, Sums};

/// Bounds of a tarball.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of the uncompressed tarball; the image in it is compressed itself.
    pub bytes: u64,
    /// Most members.
    pub members: u64,
    /// Most bytes of all members beside the image, which are held in memory.
    pub other_bytes: u64,
}

impl Default for Limits {
    /// 64 GiB, 1000 members, 64 MiB.
    fn default() -> Self {
        Self {
            bytes: 64 << 30,
            members: 1000,
            other_bytes: 64 << 20,
        }
    }
}

/// A stemcell as a tarball has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stemcell {
    /// What it says of itself.
    pub manifest: StemcellManifest,
    /// Of its image.
    pub image: Sums,
    /// Its other members, in their order.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Reads a stemcell tarball to the end of its source. The image goes to `image`.
///
/// # Errors
/// [`Error`]; what was written of the image until then is for the caller to remove.
pub fn read(source: impl Read, mut image: impl Write, limits: &Limits) -> Result<Stemcell, Error> {
    let plain = Plain::new(source).map_err(Error::Read)?;
    let mut archive = Reader::new(Limited::new(plain, limits.bytes));
    let (mut manifest, mut sums) = (None, None);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut members, mut left) = (0, limits.other_bytes);
    while let Some(entry) = archive.next_entry()? {
        members += 1;
        if members > limits.members {
            return Err(Error::TooMany {
                what: "members",
                limit: limits.members,
            });
        }
        let name = match member_name(&entry.path) {
            Name::Root => continue,
            Name::Below(name) => name,
            Name::Bad(name) => return Err(Error::Name { name }),
        };
        if entry.kind == Kind::Directory {
            continue;
        }
        if entry.kind != Kind::File || entry.sparse.is_some() {
            return Err(Error::Kind { name });
        }
        let is_there = match name.as_str() {
            "image" => sums.is_some(),
            "stemcell.MF" => manifest.is_some(),
            name => files.iter().any(|(there, _)| there == name),
        };
        if is_there {
            return Err(Error::Twice { name });
        }
        if name == "image" {
            let mut passing = Hashing::new(Data(&mut archive));
            io::copy(&mut passing, &mut image).map_err(Error::Read)?;
            sums = Some(passing.sums());
            continue;
        }
        left = left.checked_sub(entry.stored).ok_or(Error::TooMany {
            what: "bytes beside its image",
            limit: limits.other_bytes,
        })?;
        let mut bytes = Vec::new();
        Data(&mut archive)
            .read_to_end(&mut bytes)
            .map_err(Error::Read)?;
        if name == "stemcell.MF" {
            manifest = Some(StemcellManifest::parse(&bytes)?);
        } else {
            files.push((name, bytes));
        }
    }
    archive.drain()?;
    image.flush().map_err(Error::Read)?;
    let manifest = manifest.ok_or(Error::Missing {
        name: "stemcell.MF",
    })?;
    let image = sums.ok_or(Error::Missing { name: "image" })?;
    let expected: MultiDigest = manifest.sha1.parse()?;
    if !image.are(&expected) {
        let expected = expected.strongest();
        let actual = image.digest(expected.algorithm());
        return Err(Error::Digest {
            expected: expected.to_string(),
            actual: actual.map(|digest| digest.to_string()).unwrap_or_default(),
        });
    }
    Ok(Stemcell {
        manifest,
        image,
        files,
    })
}
