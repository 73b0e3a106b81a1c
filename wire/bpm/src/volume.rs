//! A volume on the command line of `bpm run`: `PATH[:OPTION[,OPTION]...]`.

use crate::config::Volume;

/// Text that is no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Not of the form.
    #[error("invalid volume definition (format: <path>[:<options>]): {0}")]
    Definition(String),
    /// An unknown option.
    #[error("invalid volume option: {0}")]
    Option(String),
}

/// Reads a volume.
///
/// # Errors
/// [`VolumeError`].
pub fn parse(text: &str) -> Result<Volume, VolumeError> {
    let mut parts = text.split(':');
    let path = parts.next().filter(|path| !path.is_empty());
    let options = parts.next();
    let (Some(path), None) = (path, parts.next()) else {
        return Err(VolumeError::Definition(text.to_owned()));
    };
    let mut volume = Volume {
        path: path.to_owned(),
        ..Volume::default()
    };
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        match option {
            "writable" => volume.writable = true,
            "mount_only" => volume.mount_only = true,
            "allow_executions" => volume.allow_executions = true,
            "shared" => volume.shared = true,
            other => return Err(VolumeError::Option(other.to_owned())),
        }
    }
    Ok(volume)
}
