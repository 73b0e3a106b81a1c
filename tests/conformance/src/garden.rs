//! A Garden server with nothing else on its machine, and containers in it.

mod container;
mod server;

pub use container::{Container, Ran, Sink, shell};
pub use server::{Server, ServerBuilder};
