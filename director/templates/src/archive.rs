//! Archives of jobs, as releases carry them.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use warren_lib_tar::{Kind, Reader};

use crate::Error;

/// More than any job's templates together, so that a small archive cannot fill the memory.
const LIMIT: usize = 256 << 20;

/// The files of a job, without `./`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobArchive {
    files: BTreeMap<String, Vec<u8>>,
}

impl JobArchive {
    /// Reads the archive of the job called `job`: tar, compressed by gzip or not.
    ///
    /// # Errors
    /// [`Error::Archive`], [`Error::TooLarge`].
    pub fn read(job: &str, archive: &[u8]) -> Result<Self, Error> {
        if archive.starts_with(&[0x1f, 0x8b]) {
            Self::read_tar(job, MultiGzDecoder::new(archive))
        } else {
            Self::read_tar(job, archive)
        }
    }

    fn read_tar(job: &str, archive: impl Read) -> Result<Self, Error> {
        let failed = |source| Error::Archive {
            job: job.to_owned(),
            source,
        };
        let mut reader = Reader::new(archive);
        let mut files = BTreeMap::new();
        let mut total = 0;
        let mut buffer = vec![0; 64 << 10];
        while let Some(entry) = reader.next_entry().map_err(failed)? {
            if entry.kind != Kind::File {
                continue;
            }
            let mut content = Vec::new();
            loop {
                let count = reader.read_data(&mut buffer).map_err(failed)?;
                if count == 0 {
                    break;
                }
                total += count;
                if total > LIMIT {
                    return Err(Error::TooLarge {
                        job: job.to_owned(),
                        limit: LIMIT,
                    });
                }
                content.extend_from_slice(&buffer[..count]);
            }
            let path = String::from_utf8_lossy(&entry.path);
            files.insert(path.trim_start_matches("./").to_owned(), content);
        }
        Ok(Self { files })
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Files beside `monit` that the job supervisor reads as well: `LABEL.monit`.
    pub fn other_monit_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().filter_map(|(path, content)| {
            let label = path.strip_suffix(".monit")?;
            (!label.contains('/') && !label.is_empty())
                .then_some((path.as_str(), content.as_slice()))
        })
    }
}
