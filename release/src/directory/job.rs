//! A job's directory.

use std::path::Path;

use warren_wire_release::{JobSpec, check_name};

use super::Error;
use super::error::file;
use super::member::{Links, Member};
use super::write::read_if_there;

/// Reads a job's spec and gathers its files.
pub(super) fn read(directory: &Path, name: &str) -> Result<(JobSpec, Vec<Member>), Error> {
    check_name("job", name)?;
    let path = directory.join("spec");
    let Some(bytes) = read_if_there(&path)? else {
        return Err(missing(name, "spec"));
    };
    let spec = JobSpec::parse(&bytes).map_err(|source| Error::Job {
        path: path.clone(),
        source,
    })?;
    if spec.name != name {
        let name = spec.name;
        return Err(Error::OtherName { path, name });
    }
    let mut members = vec![Member::new(b"job.MF".to_vec(), path, Links::Follow)?];
    for optional in ["monit", "properties_schema.json"] {
        let path = directory.join(optional);
        if path.try_exists().map_err(file("look at", &path))? {
            members.push(Member::new(optional.into(), path, Links::Follow)?);
        }
    }
    for (template, _) in &spec.templates {
        let relative = format!("templates/{template}");
        let path = directory.join(&relative);
        if !path.try_exists().map_err(file("look at", &path))? {
            return Err(missing(name, &relative));
        }
        members.push(Member::new(relative.into_bytes(), path, Links::Follow)?);
    }
    Ok((spec, members))
}

fn missing(name: &str, path: &str) -> Error {
    Error::Missing {
        what: "job",
        name: name.to_owned(),
        path: path.into(),
    }
}
