//! Containers' networks on the running kernel, with real packets, in network namespaces of the
//! tests' own.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod leaving;
mod lifecycle;
mod net_out;
mod traffic;
mod world;
