//! What a service tells of its work: log lines, metrics, and the request that both are about.
//!
//! ```text
//! context::within(Context { request, task }, work)      once, where a request comes in
//!    └─ log::line(Level::Info, "cpi_call", &[...])      anywhere below: carries request and task
//!    └─ CALLS.observe(&[("method", ...)], took)         counted, whoever asked
//!           └─ context.listener                         hears it too, and `log::detail`: a task's own log
//! metrics::snapshot()                                   what is served to Prometheus
//! ```
//!
//! Fields are chosen by whoever writes a line: names, numbers, durations. Arguments and bodies of
//! requests are never among them, for they carry secrets.

pub mod context;
pub mod log;
pub mod metrics;

pub use context::{Context, Listener};
pub use log::{Format, Level};
