//! The control groups of a container.
//!
//! ```text
//! PARENT                    given as a Place, in every hierarchy
//! └─ NAME/                  the limits, the device filter; belongs to the server
//!    └─ init/               root of the container's cgroup namespace; delegated to its root user;
//!                           shows the limits
//! ```
//!
//! | question | module |
//! |---|---|
//! | Where is a group, told so that another process finds it? | [`Place`] |
//! | Make, limit, filter | [`make`] |
//! | What is used, which limits hold? | [`metrics`] |
//! | Kill all inside and remove, without a shim | [`destroy()`] |

mod destroy;
pub mod make;
pub mod metrics;
mod place;

pub use destroy::{DestroyError, destroy};
pub use make::Groups;
pub use metrics::Metrics;
pub use place::{Place, PlaceError, V1Place};
