//! Jobs of the engine over a real database, a real directory of blobs, a CPI that is a shell script,
//! and a real nats-server where agents are asked.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod aliases;
mod archives;
mod artifacts;
mod checks;
mod cpis;
mod deployed;
mod director;
mod dynamic_disks;
mod exports;
mod history;
mod machines;
mod releases;
mod scene;
mod scheduled;
mod server;
mod snapshots;
mod stemcells;
mod swaps;
