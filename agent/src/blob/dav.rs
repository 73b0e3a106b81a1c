//! A WebDAV blobstore: options `endpoint`, `user`, `password`, `tls.cert.ca`.
//!
//! A blob is at `<endpoint>/<xx>/<id>`, where `xx` is the first byte of the id's SHA-1 in
//! hexadecimal.

use std::path::Path;

use serde_json::Value;
use warren_wire_agent::base64;
use warren_wire_agent::method::arguments::Headers;
use warren_wire_agent::settings::Blobstore;

use super::BlobError;
use super::http::Client;
use crate::digest;

struct Remote {
    client: Client,
    url: String,
    authorization: Option<String>,
}

/// The certificate of the authority that a blobstore's options name.
pub(super) fn authority(blobstore: &Blobstore) -> Option<&str> {
    let tls = blobstore.options.get("tls")?;
    let ca = tls.pointer("/cert/ca")?.as_str()?;
    (!ca.trim().is_empty()).then_some(ca)
}

fn remote(blobstore: &Blobstore, id: &str) -> Result<Remote, BlobError> {
    let text = |option: &str| {
        blobstore
            .options
            .get(option)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let endpoint = text("endpoint").trim_end_matches('/');
    if endpoint.is_empty() {
        return Err(BlobError::Option {
            provider: "dav",
            option: "endpoint",
        });
    }
    let client = match authority(blobstore) {
        Some(ca) => Client::trusting(ca),
        None => Client::system(),
    }?;
    let (user, password) = (text("user"), text("password"));
    let authorization = (!user.is_empty()).then(|| {
        format!(
            "Basic {}",
            base64::encode(format!("{user}:{password}").as_bytes())
        )
    });
    let hash = digest::sha1_hex(id);
    let url = format!("{endpoint}/{}/{id}", &hash[..2]);
    Ok(Remote {
        client,
        url,
        authorization,
    })
}

pub(super) fn get(blobstore: &Blobstore, id: &str, to: &Path) -> Result<(), BlobError> {
    let remote = remote(blobstore, id)?;
    let none = Headers::new();
    Ok(remote
        .client
        .get(&remote.url, &none, remote.authorization.as_deref(), to)?)
}

pub(super) fn put(blobstore: &Blobstore, id: &str, file: &Path) -> Result<(), BlobError> {
    let remote = remote(blobstore, id)?;
    let none = Headers::new();
    Ok(remote
        .client
        .put(&remote.url, &none, remote.authorization.as_deref(), file)?)
}
