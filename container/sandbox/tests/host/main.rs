//! Sandboxes on the running kernel: what a program in one finds, on every rung, inside containers and
//! as another user. Needs root, `setpriv` (Debian: util-linux) and `ruby`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod life;
mod places;
mod scene;
