//! Release directories, tarballs and stemcells on real file systems, beside `tar`, `git` and an
//! implementation of the fingerprint's rules in another language.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod blobs;
mod create;
mod fingerprints;
mod scene;
mod stemcells;
mod tarballs;
mod vendor;
