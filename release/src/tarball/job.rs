//! A job's archive: its spec, and whether it has what the spec says.

use std::collections::BTreeSet;
use std::io::Read;

use warren_lib_tar::{Kind, Reader};
use warren_wire_release::{JobSpec, yaml::MOST_BYTES};

use super::JobError;
use crate::archive::{Data, Limited, Name, Plain, member_name};

/// Most members of a job.
const MOST_MEMBERS: u64 = 100_000;

/// Reads an archive to the end of its source, whose uncompressed form has at most `limit` bytes.
pub(super) fn read(source: impl Read, name: &str, limit: u64) -> Result<JobSpec, JobError> {
    let plain = Plain::new(source).map_err(JobError::Read)?;
    let mut archive = Reader::new(Limited::new(plain, limit));
    let mut spec = None;
    let mut files = BTreeSet::new();
    let mut members = 0;
    while let Some(entry) = archive.next_entry()? {
        members += 1;
        if members > MOST_MEMBERS {
            return Err(JobError::TooMany {
                limit: MOST_MEMBERS,
            });
        }
        let path = match member_name(&entry.path) {
            Name::Root => continue,
            Name::Below(path) => path,
            Name::Bad(name) => return Err(JobError::Name { name }),
        };
        if entry.kind == Kind::Directory {
            continue;
        }
        if path == "job.MF" && entry.kind == Kind::File {
            let mut bytes = Vec::new();
            let mut data = Data(&mut archive).take(MOST_BYTES as u64 + 1);
            data.read_to_end(&mut bytes).map_err(JobError::Read)?;
            spec = Some(JobSpec::parse(&bytes)?);
        }
        files.insert(path);
    }
    archive.drain()?;
    let spec = spec.ok_or(JobError::NoSpec)?;
    check(&spec, name, &files)?;
    Ok(spec)
}

fn check(spec: &JobSpec, name: &str, files: &BTreeSet<String>) -> Result<(), JobError> {
    if spec.name != name {
        return Err(JobError::OtherName {
            name: spec.name.clone(),
        });
    }
    let mut templates = spec.templates.iter().map(|(from, _)| from);
    if let Some(template) = templates.find(|from| !files.contains(&format!("templates/{from}"))) {
        return Err(JobError::NoTemplate {
            template: template.clone(),
        });
    }
    let is_monit = |path: &String| path == "monit" || path.ends_with(".monit");
    if !files.iter().any(is_monit) {
        return Err(JobError::NoMonit);
    }
    Ok(())
}
