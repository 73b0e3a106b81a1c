//! Fingerprints: what an archive is known by before it is made.
//!
//! ```text
//! hex(sha256( "v2" NAME DIGEST MODE  NAME DIGEST MODE ... EXTRA ))     without separators
//!   names sorted as bytes │ sha256:HEX of the content, of a link its target
//!   100755, 100644, symlink, or nothing for scripts of packages and licences
//!   EXTRA: names of a package's dependencies, sorted, between commas
//! ```
//!
//! Source: `bosh-cli`, package `release/resource`; must stay exact, since directors and blobstores
//! know archives by it.

use super::Error;
use super::error::file;
use super::member::{Content, Member};
use crate::hash::{sha256, sha256_of_file};

/// The fingerprint of an archive of these members.
pub(super) fn fingerprint(members: &[Member], dependencies: &[String]) -> Result<String, Error> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = b"v2".to_vec();
    for member in sorted {
        let (digest, mode) = match &member.content {
            Content::Directory => continue,
            Content::Symlink(target) => (sha256(target), "symlink"),
            Content::File => {
                let digest = sha256_of_file(&member.from).map_err(file("read", &member.from))?;
                let mode = if member.is_executable {
                    "100755"
                } else {
                    "100644"
                };
                (digest, mode)
            }
        };
        text.extend(&member.name);
        text.extend(digest.as_bytes());
        if member.counts_mode {
            text.extend(mode.as_bytes());
        }
    }
    let mut dependencies = dependencies.to_vec();
    dependencies.sort();
    text.extend(dependencies.join(",").as_bytes());
    let digest = sha256(&text);
    Ok(digest.trim_start_matches("sha256:").to_owned())
}
