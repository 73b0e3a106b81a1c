//! Certificates for one registry: those it is trusted by, and those it knows us by.
//!
//! ```text
//! /etc/docker/certs.d/            or another directory
//!   HOST[:PORT]/                  the registry, exactly as it is spoken to
//!     *.crt                       roots to trust (PEM), beside those of the system
//!     NAME.cert, NAME.key         what we show when we are asked who we are (PEM)
//! ```
//!
//! Source: Docker's documentation, "Verify repository client with certificates". Only one client
//! certificate may be there. The host of a token server or of a redirection has its own directory,
//! so that no one is shown what is meant for another.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey};

use crate::Error;

/// What a registry's directory holds.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// Roots.
    pub trusted: Vec<Certificate<'static>>,
    /// What we show.
    pub own: Option<ClientCert>,
}

/// The directory for this `host[:port]`, if there is one.
pub(crate) fn directory(all: &Path, authority: &str) -> Option<PathBuf> {
    // It may be what a server redirects to.
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let is_name = authority.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if all.as_os_str().is_empty() || !is_name || !authority.bytes().all(is_good) {
        return None;
    }
    let directory = all.join(authority);
    directory.is_dir().then_some(directory)
}

impl Certificates {
    /// Reads such a directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        let listed = std::fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let listed = listed.map_err(|error| failed(directory, error))?;
        let mut paths: Vec<PathBuf> = listed.iter().map(std::fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            match path.extension().and_then(OsStr::to_str) {
                Some("crt") => found.trusted.extend(certificates(&path)?),
                Some("cert") if found.own.is_some() => {
                    return Err(failed(directory, "it has more than one client certificate"));
                }
                Some("cert") => {
                    let key = key(&path.with_extension("key"))?;
                    let chain = certificates(&path)?;
                    found.own = Some(ClientCert::new_with_certs(&chain, key));
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The certificates in a file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let found = items(path)?.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    Ok(found.collect())
}

fn key(path: &Path) -> Result<PrivateKey<'static>, Error> {
    let key = items(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| failed(path, "there is no private key in it"))
}

fn items(path: &Path) -> Result<Vec<PemItem<'static>>, Error> {
    let pem = std::fs::read(path).map_err(|error| failed(path, error))?;
    let items = ureq::tls::parse_pem(&pem).collect::<Result<Vec<_>, _>>();
    items.map_err(|error| failed(path, error))
}

fn failed(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Certificates {
        path: path.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::directory;

    #[test]
    fn no_authority_leads_elsewhere() {
        let top = tempfile::tempdir().unwrap();
        let all = top.path().join("certs.d");
        std::fs::create_dir_all(all.join("example:5000")).unwrap();
        let found = directory(&all, "example:5000");
        assert_eq!(found, Some(all.join("example:5000")));
        for other in ["", ".", "..", "../certs.d", "example", "a/../example:5000"] {
            assert_eq!(directory(&all, other), None, "{other}");
        }
        assert_eq!(directory(Path::new(""), "tmp"), None);
    }
}
