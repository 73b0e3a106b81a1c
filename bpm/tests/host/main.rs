//! The process runner with the running kernel, as root: the real executable, real containers.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod descriptors;
mod devices;
mod direct;
mod life;
mod limits;
mod look;
mod recovery;
mod refused;
mod run;
mod scene;
mod volumes;
