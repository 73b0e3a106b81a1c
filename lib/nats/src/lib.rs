//! A NATS client: the protocol's codec, and a connection that is made again for ever.
//!
//! One thread owns the connection; whoever publishes only queues. Nothing the server says ends the
//! client: an authorization error is as much a reason to try again as a refused connection, since
//! users may be added to a server after the machines that will log in as them have booted.
//!
//! | module | what it holds |
//! |---|---|
//! | [`codec`] | what goes over the wire (pure) |
//! | [`url`](mod@url) | `nats://user:password@host:port` |
//! | [`der`] | the common name in a certificate (pure) |
//! | [`tls`] | PEM to a TLS configuration; checks the server's name twice |
//! | [`backoff`] | how long to wait between attempts (pure) |
//! | [`client`] | the handle; [`Events`] |
//!
//! # Delivery
//!
//! A message that was published is kept until the server has answered a `PING` sent after it, and
//! is sent again on the next connection otherwise: at least once, as long as the process lives and
//! the queue ([`client::QUEUE_LIMIT`]) does not overflow.
//!
//! Source: the public protocol documentation of NATS (docs.nats.io, "Client Protocol").

pub mod backoff;
pub mod client;
pub mod codec;
mod connection;
pub mod der;
mod failure;
mod link;
pub mod tls;
pub mod url;

pub use client::{Client, Event, Events, Kind, Message, Options, PublishError};
pub use tls::{Tls, TlsError};
pub use url::{ServerUrl, UrlError};
