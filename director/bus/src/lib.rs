//! The bus between a director and its agents.
//!
//! Agents listen at `agent.ID` of a NATS server and answer at the subject that a request names. Every
//! agent has a user of its own, known by its certificate, which may hear and say nothing but its own:
//! [`Users`] writes them for the server and makes it read them before a machine is made. [`Bus`] is
//! the director's connection, [`Agent`] the calls.
//!
//! Source: reference of the agent's protocol, sections 1 to 4.

mod agent;
mod bus;
mod calls;
mod error;
mod process;
mod redact;
mod users;

pub use agent::{Agent, Begun, Cancelled, Waiting};
pub use bus::{Bus, Options};
pub use error::Error;
pub use users::{Known, Users};
pub use warren_lib_nats::{ServerUrl, Tls, UrlError};
