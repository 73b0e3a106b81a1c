//! A Garden server with nothing else on its machine, and containers in it.

mod certificates;
mod container;
mod remains;
mod server;

pub use certificates::Certificates;
pub use container::{Container, Ran, Sink, shell};
pub use remains::Remains;
pub use server::{ADDRESS, Server, ServerBuilder};
