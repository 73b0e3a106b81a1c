//! Where disks are, by id.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::DiskError;
use crate::agent::Agent;
use crate::files;

fn stored(agent: &Agent) -> Result<BTreeMap<String, Value>, DiskError> {
    let bytes = files::read_if_there(&agent.paths.disk_hints())?;
    // A file that is no such list is as good as none; the director sends hints again.
    Ok(bytes
        .and_then(|bytes| warren_wire_agent::decode(&bytes).ok())
        .unwrap_or_default())
}

/// All hints; those of the settings go first.
///
/// # Errors
/// [`DiskError`].
pub fn all(agent: &Agent) -> Result<BTreeMap<String, Value>, DiskError> {
    let mut hints = stored(agent)?;
    hints.extend(agent.settings.settings().disks.persistent);
    Ok(hints)
}

/// Keeps a hint.
///
/// # Errors
/// [`DiskError`].
pub fn add(agent: &Agent, cid: &str, hint: Value) -> Result<(), DiskError> {
    let mut hints = stored(agent)?;
    hints.insert(cid.to_owned(), hint);
    Ok(files::write_json(&agent.paths.disk_hints(), &hints, 0o600)?)
}

/// Forgets a hint.
///
/// # Errors
/// [`DiskError`].
pub fn remove(agent: &Agent, cid: &str) -> Result<(), DiskError> {
    let mut hints = stored(agent)?;
    if hints.remove(cid).is_some() {
        files::write_json(&agent.paths.disk_hints(), &hints, 0o600)?;
    }
    Ok(())
}

/// Where a disk is.
///
/// # Errors
/// [`DiskError::Unknown`], [`DiskError::Hint`].
pub fn find(agent: &Agent, cid: &str) -> Result<PathBuf, DiskError> {
    let all = all(agent)?;
    let hint = all
        .get(cid)
        .ok_or_else(|| DiskError::Unknown(cid.to_owned()))?;
    path(agent, cid, hint)
}

/// What a hint says: a text, or an object with a `path`.
///
/// # Errors
/// [`DiskError::Hint`].
pub fn path(agent: &Agent, cid: &str, hint: &Value) -> Result<PathBuf, DiskError> {
    let of_object = || {
        let entries = hint.as_object()?;
        let found = entries
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("path"));
        found.and_then(|(_, value)| value.as_str())
    };
    let text = hint
        .as_str()
        .or_else(of_object)
        .filter(|text| text.starts_with('/'));
    let text = text.ok_or_else(|| DiskError::Hint(cid.to_owned()))?;
    // `..` would lead out of the root.
    if text.split('/').any(|part| part == "..") {
        return Err(DiskError::Hint(cid.to_owned()));
    }
    Ok(agent.paths.within(text))
}
