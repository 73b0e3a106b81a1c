//! The verbs of a director against a small HTTP server that says what a stock director was recorded
//! to say, or what the reference says it says; what is printed is compared whole.
//!
//! - `server`: the server, its script and what it was asked.
//! - `texts`: what people see.
//! - `requests`, `uploads`: what the director is sent.
//! - `verbs`, `lists`, `machines`: verbs one by one, both ways; `asking`: those that ask the user.
//! - `tokens`: a director with a token server.
//! - `local`: verbs that ask no director.
//! - `own`: which director is meant where nobody names one.
//! - `remote`, `scene`: SSH to a real `sshd`, in namespaces of its own.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod asking;
mod lists;
mod local;
mod machines;
mod own;
mod recovery;
mod remote;
mod requests;
mod scene;
mod server;
#[path = "../support/terminal.rs"]
mod terminal;
mod texts;
mod tokens;
mod uploads;
mod verbs;
