//! Reading what a job wants.

use std::io::Read;
use std::path::Path;

use warren_wire_bpm::config::LONGEST;
use warren_wire_bpm::{Config, Process};

use super::Bpm;
use crate::root::Name;
use crate::{Error, Step};

/// Reads and checks a job's file.
pub(super) fn read(path: &Path, job: &str) -> Result<Config, Step> {
    let mut bytes = Vec::new();
    // One more than is allowed, which is then refused.
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(Step::file("read", path))?;
    let config = Config::parse(&bytes).map_err(|source| Step::Parse {
        path: path.to_owned(),
        source,
    })?;
    config.check(job)?;
    Ok(config)
}

impl Bpm {
    /// The process as its job wants it.
    pub(super) fn wanted(&self, name: &Name) -> Result<Process, Error> {
        let file = self.root.configuration(name.job());
        let config = read(&file, name.job()).map_err(Error::Configuration)?;
        let found = config.process(name.process()).cloned();
        found.ok_or_else(|| Error::NoProcess {
            process: name.process().to_owned(),
            file,
        })
    }
}
