//! Ways to make root file systems that most machines lack something for.

use crate::crates::pass;

#[test]
fn fuse_overlayfs_and_reflinks() {
    pass("warren-container-rootfs-rungs", &["--ignored"], 3);
}
