//! The job supervisor: monit files in, processes up, monit's HTTP interface out.
//!
//! [`Supervisor::start`] reads a control file as monit does and begins; [`Handle`] asks it from the
//! same process, and its HTTP interface from others. Its design is in `docs/design/supervisor.md`,
//! what clients may count on in `docs/contract/monit.md`.
//!
//! ```no_run
//! use warren_supervisor::{Options, Supervisor};
//!
//! let supervisor = Supervisor::start(Options::default())?;
//! let handle = supervisor.handle();
//! handle.start("redis")?;
//! println!("{}", handle.snapshot().job_state("vcap"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod date;
mod engine;
mod error;
pub mod fleet;
mod groups;
mod handle;
pub mod http;
mod log;
pub mod monitrc;
mod pattern;
pub mod procfs;
mod state;
mod teller;
mod users;
pub mod view;

pub use self::error::{Error, Refused};
pub use self::fleet::{Command, Event};
pub use self::groups::Grouping;
pub use self::handle::{CONTROL_FILE, Handle, Http, Options, SETTLE, STATE_FILE, Supervisor};
pub use self::teller::OnEvent;
pub use self::view::{ServiceState, Snapshot, Status};
