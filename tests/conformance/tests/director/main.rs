//! A whole BOSH: a director, its bus, its CPI and a Garden server, all of them real, and machines
//! whose agents, supervisors and jobs are real as well.
//!
//! | what is promised | tests |
//! |---|---|
//! | a release becomes running jobs that know each other, and goes again without a trace | `life` |
//! | nothing is done where nothing changed; what changed is updated, and nothing else | `life` |
//! | a canary that fails stops a deploy | `failures` |
//! | a director that is killed in the middle goes on with its work | `failures` |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failures;
mod life;
mod release;
mod scene;
