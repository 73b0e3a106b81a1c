//! The whole of it, as whoever has just heard of it does it: `scripts/quickstart` from nothing, with
//! packages of Debian, a director in a container, and a ZooKeeper ensemble that it deploys; then all
//! that an operator does with an ensemble, and all that goes wrong meanwhile.
//!
//! Everything takes place in one environment, because making it takes the most time; so there is one
//! test, of [steps](whole) in order, each of which says how long it took. A [witness] asks all the while
//! whether most nodes live, and writes to them.
//!
//! | what is promised | steps |
//! |---|---|
//! | one command leads from nothing to an ensemble whose errands are content | `whole` |
//! | a deploy does what the manifest changes and nothing else; it may be cancelled, or fail | `deploys` |
//! | a node that is killed comes back | `kills` |
//! | what is killed during a deploy does no harm: another one makes all of it good | `kills` |
//! | data outlives machines | `kills` |
//! | a node may be missing and a majority may not; the errand and a deploy say so | `losses` |
//! | the same holds a level deeper, with PostgreSQL | `whole` |
//! | in the end the machine is as it was found | `whole` |
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deploys;
mod kills;
mod losses;
mod proxy;
mod scene;
mod whole;
mod witness;
mod zookeeper;
