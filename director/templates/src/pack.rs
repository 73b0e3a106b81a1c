//! The archive of all rendered jobs of an instance, which its agent unpacks.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest, Sha1};
use warren_lib_tar::{Entry, Kind, Time, WriteError, Writer};

use crate::hash::hex;
use crate::{Error, RenderedJob};

/// An archive, compressed by gzip. The same jobs give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The bytes.
    pub archive: Vec<u8>,
    /// Their SHA-1, hex.
    pub sha1: String,
}

/// Packs jobs as `./JOB/monit` and `./JOB/DESTINATION`.
///
/// # Errors
/// [`Error::Pack`], for names that fit into no archive.
pub fn pack(jobs: &[RenderedJob]) -> Result<Packed, Error> {
    write(jobs).map_err(Error::Pack).map(|archive| Packed {
        sha1: hex(&Sha1::digest(&archive)),
        archive,
    })
}

fn write(jobs: &[RenderedJob]) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for job in jobs {
        let mut made = std::collections::BTreeSet::new();
        let files = std::iter::once(("monit", &job.monit))
            .chain(
                job.other_monit
                    .iter()
                    .chain(&job.files)
                    .map(|file| (file.destination.as_str(), &file.content)),
            )
            .map(|(path, content)| (format!("./{}/{path}", job.name), content));
        for (path, content) in files {
            for (end, _) in path.match_indices('/').skip(1) {
                let parent = &path[..end];
                if made.insert(parent.to_owned()) {
                    writer.start(&entry(&format!("{parent}/"), Kind::Directory, 0o755, 0))?;
                }
            }
            writer.start(&entry(&path, Kind::File, 0o644, content.len() as u64))?;
            writer.data(content)?;
        }
    }
    let compressed = writer.finish()?;
    compressed.finish().map_err(WriteError::Write)
}

fn entry(path: &str, kind: Kind, mode: u32, stored: u64) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        stored,
        xattrs: Vec::new(),
        sparse: None,
    }
}
