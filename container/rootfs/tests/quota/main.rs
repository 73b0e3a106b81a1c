//! Limits by project quotas, on file systems made for it.
//!
//! These need a kernel with project quotas, XFS and loop devices, and `mkfs.ext4` and `mkfs.xfs`, so
//! they are ignored by default and run in the virtual machine: `quota --ignored --skip worker`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

#[path = "../common/mod.rs"]
mod common;
mod crashes;
mod limits;
mod projects;
mod scene;
