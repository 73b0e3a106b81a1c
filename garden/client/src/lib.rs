//! A blocking client of the Garden API, over TCP, with or without TLS, or a unix socket.
//!
//! ```no_run
//! use warren_garden_client::{Client, Streams, Target};
//! use warren_wire_garden::{container::ContainerSpec, process::ProcessSpec};
//!
//! let client = Client::new(Target::parse("127.0.0.1:7777"));
//! let handle = client.create(&ContainerSpec::default())?;
//! let program = ProcessSpec { path: "true".to_owned(), ..ProcessSpec::default() };
//! let status = client.run(&handle, &program, Streams::default())?.wait()?;
//! # Ok::<(), warren_garden_client::Error>(())
//! ```
//!
//! | call | connections |
//! |---|---|
//! | all but run and attach | one each, closed after the answer |
//! | run, attach | one to say and hear how the process fares, one more for each output stream that is wanted |
//!
//! A client that goes away changes nothing for the process. Dialling takes 2 s at most; an answer
//! is waited for as long as it takes, as the stock client does.

mod body;
mod client;
mod error;
mod http;
mod process;
mod stream;
mod tls;

pub use body::Body;
pub use client::Client;
pub use error::Error;
pub use process::{Handle, Process, Streams};
pub use stream::Target;
pub use tls::{Identity, Tls, TlsError, TlsProblem};
