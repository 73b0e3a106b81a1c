//! The director's HTTP API, as the stock client speaks it.
//!
//! A request is checked, rows are read or written, and where work is to be done a task is enqueued
//! and the client redirected to it; the engine, which is another crate, does the work. The two share
//! nothing but rows ([`warren_director_store::work::Work`]) and the files of tasks' output.
//!
//! ```text
//! request ─► serve: who? which route? may they? ─► endpoints/… ─► rows, 302 to a task, or an answer
//!             auth    route                scopes     one file for each group of endpoints
//! ```
//!
//! What clients may rely on, and where it differs from stock: `docs/contract/director-api.md`.

mod answer;
mod api;
mod auth;
mod body;
mod call;
pub mod clock;
mod endpoints;
mod enqueue;
mod failure;
mod metrics;
pub mod multipart;
pub mod query;
pub mod range;
mod route;
mod ruby;
mod scopes;
mod serve;
mod upload;

pub use api::{Api, Certificate, Features, Info, User};
pub use endpoints::{Endpoint, endpoints};
pub use metrics::{Counted, metrics_router};
pub use serve::router;
