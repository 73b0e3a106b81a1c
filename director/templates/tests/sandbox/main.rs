//! Hostile job templates in `warren sandbox`, as a director starts its workers. Needs root, `setpriv` and
//! `unshare` (Debian: util-linux) and `ruby`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod alone;
mod bounded;
#[path = "../render/scene.rs"]
#[expect(dead_code, reason = "shared with the tests without a sandbox")]
mod scene;
mod workers;
