//! Certificates that everything in this VM is to trust.

use crate::files::{self, FileError};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::process::{ToolError, tool};
use crate::say;

const PREFIX: &str = "bosh-trusted-cert-";
const END: &str = "-----END CERTIFICATE-----";
const TRIES: usize = 3;

/// Certificates could not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The tool.
    #[error("cannot bring the trusted certificates into force")]
    Tool(#[source] ToolError),
}

/// Replaces the certificates that a director had trusted by these, in PEM.
///
/// # Errors
/// [`CertificateError`].
pub fn trust(paths: &Paths, pem: &str) -> Result<(), CertificateError> {
    let place = paths.ca_certificates();
    let wanted: Vec<(String, String)> = split(pem)
        .into_iter()
        .enumerate()
        .map(|(at, text)| (format!("{PREFIX}{}.crt", at + 1), text))
        .collect();
    let mut changed = false;
    for name in files::names(&place)?
        .iter()
        .filter(|name| name.starts_with(PREFIX))
    {
        if !wanted.iter().any(|(wanted, _)| wanted == name) {
            files::remove(&place.join(name))?;
            changed = true;
        }
    }
    for (name, text) in wanted {
        let path = place.join(name);
        if files::read_if_there(&path)?.as_deref() != Some(text.as_bytes()) {
            files::write(&path, text.as_bytes(), 0o644, Owner::ROOT)?;
            changed = true;
        }
    }
    if !changed {
        return Ok(());
    }
    if !paths.is_system() {
        say!("certificates", "another root's bundle is not made");
        return Ok(());
    }
    let mut tried = 0;
    loop {
        tried += 1;
        match tool("update-ca-certificates", &["-f"]) {
            Err(_) if tried < TRIES => {}
            done => return done.map(drop).map_err(CertificateError::Tool),
        }
    }
}

/// One text for each certificate.
fn split(pem: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some(at) = rest.find(END) {
        let (one, after) = rest.split_at(at + END.len());
        found.push(format!("{}\n", one.trim()));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn one_file_for_each() {
        let one = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----";
        assert_eq!(
            split(&format!("{one}\n\n{one}")),
            [format!("{one}\n"), format!("{one}\n")]
        );
        assert!(split("").is_empty());
    }
}
