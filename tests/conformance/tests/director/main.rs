//! A whole BOSH: a director, its bus, its CPI and a Garden server, all of them real, and machines
//! whose agents, supervisors and jobs are real as well.
//!
//! | what is promised | tests |
//! |---|---|
//! | a release becomes running jobs that know each other, and goes again without a trace | `life` |
//! | nothing is done where nothing changed; what changed is updated, and nothing else | `life` |
//! | a canary that fails stops a deploy | `failures` |
//! | a director that is killed in the middle goes on with its work | `failures` |
//! | Garden or the bus killed, a task cancelled in the middle: the next deploy makes it good | `killed` |
//! | disks get another size with all that is on them, whoever is killed in between | `grow` |
//! | stemcells, properties, states: changed where they must be, one after the other, disks stay | `update` |
//! | processes and machines that end come back; only agents reach monit and the bus | `machines` |
//! | each of several CPIs makes the machines of its zones | `cpis` |
//! | what one director has compiled, another deploys; snapshots hold what disks held | `export` |
//! | a machine takes another's place, which goes later | `swaps` |
//! | addresses that the infrastructure gives are known to names, jobs and people | `dynamic` |
//! | names of instances are found inside machines; killed agents and name servers come back | `dns` |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cpis;
mod dns;
mod dynamic;
mod export;
mod failures;
mod grow;
mod killed;
mod life;
mod machines;
mod scene;
mod swaps;
mod update;

use warren_tests_conformance::release;
