//! Jobs of the engine over a real database, a real directory of blobs, a CPI that is a shell script,
//! and a real nats-server where agents are asked.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod alerts;
mod aliases;
mod archives;
mod artifacts;
mod binding;
mod boots;
mod checks;
mod compiling;
mod cpis;
mod delivery;
mod deployed;
mod director;
mod disks;
mod dynamic_disks;
mod endings;
mod exports;
mod forgotten;
mod history;
mod machine_properties;
mod machines;
mod made_variables;
mod postgres;
mod provided;
mod recorded;
mod releases;
mod rendered;
mod runtime;
mod scene;
mod scheduled;
mod server;
mod signed;
mod snapshots;
mod stemcells;
mod swaps;
