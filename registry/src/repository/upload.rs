//! Putting blobs and manifests into a repository.
//!
//! ```text
//! HEAD blobs/DIGEST ─ there ─► done
//!        │ POST blobs/uploads/ ─► location ─► PUT location?digest=DIGEST
//! PUT manifests/REFERENCE
//! ```
//!
//! Source: OCI distribution specification 1.1, "Push".

use std::path::Path;

use ureq::http::Uri;
use warren_container_rootfs::layer::Digest;

use super::{Repository, Secret};
use crate::Error;
use crate::http::{Answer, Body, Headers, shown};

impl Repository {
    /// Whether it can be spoken to at all; says best what is wrong where it cannot.
    pub(crate) fn greet(&self) -> Result<(), Error> {
        let url = format!("{}://{}/v2/", self.scheme, self.registry);
        self.client.get(&url, Headers::default()).map(|_| ())
    }

    /// Makes sure of a blob.
    pub(crate) fn put_blob(&self, digest: &Digest, content: Content<'_>) -> Result<(), Error> {
        let url = self.url("blobs", &digest.to_string());
        if self.send(&url, Body::Head)?.status().is_success() {
            return Ok(());
        }
        let start = self.url("blobs", "uploads/");
        let answer = self.accepted(self.send(&start, Body::Post)?, &start)?;
        let location = answer.headers().get("location");
        let location = location.and_then(|to| to.to_str().ok()).unwrap_or_default();
        let to = self.place(location).ok_or_else(|| Error::Redirect {
            url: shown(&start),
            how: "to nowhere",
        })?;
        let sign = if to.contains('?') { '&' } else { '?' };
        let to = format!("{to}{sign}digest={digest}");
        let body = match content {
            Content::Bytes(bytes) => Body::Put(bytes, "application/octet-stream"),
            Content::File(path) => Body::PutFile(path),
        };
        self.accepted(self.send(&to, body)?, &to).map(|_| ())
    }

    /// Puts a manifest under a name.
    pub(crate) fn put_manifest(&self, name: &str, kind: &str, bytes: &[u8]) -> Result<(), Error> {
        let url = self.url("manifests", name);
        let answer = self.send(&url, Body::Put(bytes, kind))?;
        self.accepted(answer, &url).map(|_| ())
    }

    /// Where an upload goes: what the registry says, as long as it is the registry itself, since
    /// who may write there goes along.
    fn place(&self, location: &str) -> Option<String> {
        let own = format!("{}://{}", self.scheme, self.registry);
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(format!("{own}{location}"));
        }
        let uri: Uri = location.parse().ok()?;
        let is_own = uri
            .authority()
            .is_some_and(|there| there.as_str() == self.registry);
        let is_safe = uri.scheme_str() == Some("https") || self.scheme == "http";
        (is_own && is_safe).then(|| location.to_owned())
    }

    fn send(&self, url: &str, body: Body<'_>) -> Result<Answer, Error> {
        let known = self.known();
        let header = |secret: &Secret| secret.0.clone();
        let value = known.as_ref().map(header);
        let answer = self.client.send(url, value.as_deref(), body)?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        // Not known yet, or for reading alone, or too old.
        let fresh = self.authenticate(&answer, url)?;
        let answer = self.client.send(url, Some(&fresh.0), body)?;
        *self
            .authorization
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fresh);
        Ok(answer)
    }

    fn accepted(&self, answer: Answer, url: &str) -> Result<Answer, Error> {
        match answer.status().as_u16() {
            201 | 202 => Ok(answer),
            _ => self.checked(answer, url),
        }
    }
}

/// A blob's bytes.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    /// Held in memory.
    Bytes(&'a [u8]),
    /// A file's.
    File(&'a Path),
}
