//! HTTP/1.1 by hand, as much as the Garden wire needs.
//!
//! By hand because four calls answer with a head and then take the raw socket for something else
//! (see `warren_wire_garden::hijack`), which the usual server libraries hand over only after a 101.
//!
//! | module | what it does |
//! |---|---|
//! | [`head`] | a request's head out of bytes that came in any pieces; how its body is framed |
//! | [`chunked`] | the chunked transfer coding, read from bytes that came in any pieces |
//! | [`answer`] | what a call answers, and its head in bytes |
//! | [`body`] | a request's body, read as it is asked for |
//! | [`connection`] | one connection: heads, bodies, answers, keep-alive, time limits |
//! | [`ending`] | how the other side of a connection goes |
//! | [`listen`] | sockets: unix, TCP, TLS |
//! | [`places`] | how many connections there are at once |
//! | [`tls`] | server certificate, client certificates |
//!
//! # State machine of a connection
//!
//! ```text
//!          head                     call                       kept alive
//! Idle ─────────► Reading its body ─────► Answering ──────────────────────► Idle
//!   │ time, end       │ broken                │ close, HTTP/1.0,   │ takes over
//!   ▼                 ▼                       ▼ body not read      ▼
//! closed       400, lingering close    lingering close       the call's own protocol
//! ```
//!
//! A lingering close sends the end, then reads and throws away what the client is still sending,
//! so that the kernel does not reset the connection before the answer was read.

pub mod answer;
pub mod body;
pub mod chunked;
pub mod connection;
pub mod ending;
pub mod head;
pub mod listen;
pub mod places;
#[cfg(test)]
mod tests;
pub mod tls;
