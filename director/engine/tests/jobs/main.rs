//! Jobs of the engine over a real database, a real directory of blobs, a CPI that is a shell script,
//! and a real nats-server where agents are asked.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod archives;
mod artifacts;
mod deployed;
mod machines;
mod releases;
mod scene;
mod server;
mod stemcells;
