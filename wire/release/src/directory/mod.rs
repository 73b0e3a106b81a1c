//! Files of a release directory.
//!
//! | file | type |
//! |---|---|
//! | `config/final.yml`, `config/private.yml` | [`Config`] |
//! | `config/blobs.yml` | [`Blobs`] |
//! | `.dev_builds/*/*/index.yml`, `.final_builds/*/*/index.yml` | [`Builds`] |
//! | `dev_releases/*/index.yml`, `releases/*/index.yml` | [`Releases`] |

mod blobs;
mod builds;
mod config;
mod releases;

pub use blobs::{Blob, Blobs, is_inside};
pub use builds::{Build, Builds};
pub use config::{Blobstore, Config, InvalidConfig};
pub use releases::Releases;

/// How an index begins.
fn head(is_empty: bool) -> String {
    let head = match is_empty {
        true => "builds: {}\n",
        false => "builds:\n",
    };
    head.to_owned()
}
