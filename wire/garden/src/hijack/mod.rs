//! The process protocol: what follows on the socket after run and attach.
//!
//! # Heads
//!
//! Stock clients take the raw socket after the answer's head, but only when the
//! head looks like that of an answer with more to come: HTTP/1.1, 2xx, no
//! `Connection: close`, and `Transfer-Encoding: chunked` or a `Content-Length`.
//! So the head says `chunked` ([`response_head`]), and what follows is **not**
//! chunked. 101 is refused by clients.
//!
//! # Control socket (run, attach)
//!
//! JSON objects both ways, one per line when written, with or without anything
//! between them when read ([`Decoder`]). All have the shape of [`Payload`].
//!
//! ```text
//! server                                   client
//!   {"process_id":"p","stream_id":"7"}  →
//!                                          opens /attaches/7/stdout, /stderr as wanted
//!                                       ←  {"process_id":"p","source":0,"data":"..."}   stdin
//!                                       ←  {"process_id":"p","source":0}                end of stdin
//!                                       ←  {"process_id":"p","tty":{...}}               resize
//!                                       ←  {"process_id":"p","signal":0|1}              TERM, KILL
//!   {"process_id":"p","exit_status":N}  →  or {"process_id":"p","error":"..."}
//!   (closes)
//! ```
//!
//! # Output sockets
//!
//! Raw bytes after the head, until the server closes.
//!
//! # Binary input
//!
//! `data` is text, so bytes that are not UTF-8 cannot travel in it. A client
//! that has such bytes sends them in `data_base64` too; a server that knows the
//! field takes it in place of `data`, a stock server ignores it and takes the
//! text with U+FFFD for what is no UTF-8.

mod decoder;
mod head;
mod message;
mod payload;
#[cfg(test)]
mod tests;

pub use decoder::{DEFAULT_LIMIT, DecodeError, Decoder};
pub use head::{Head, HeadError, MAX_HEAD, parse_response_head, request_head, response_head};
pub use message::{BadInput, ClientMessage, ServerMessage};
pub use payload::{Payload, Source};
