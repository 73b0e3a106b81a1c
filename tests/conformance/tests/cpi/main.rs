//! The CPI over its wire: `warren cpi` as a director calls it, a process for each call, beside a
//! real Garden server.
//!
//! | what is promised | tests |
//! |---|---|
//! | recorded calls of a stock director get the recorded answers | `recorded` |
//! | a machine has its address, settings, agent and limits; everything goes with it | `machines` |
//! | light stemcells come out of a registry, by digest | `light` |
//! | disks: files and directories; seen at once in a running machine; grown, copied | `disks` |
//! | errors have the kinds that directors know, and leave nothing | `failures` |
//! | requests that are none and arguments that cannot be are told so | `refused` |
//! | what is to be tried before a director is there | `page` |
//! | calls that are killed, and calls at the same time | `crash` |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod disks;
mod failures;
#[path = "../garden/image/layout.rs"]
#[expect(dead_code, reason = "shared; not all of it is needed here")]
mod layout;
mod light;
mod machines;
mod page;
mod recorded;
mod refused;
mod scene;
