//! The name server as a process, in a network namespace of its own, over real sockets.
//!
//! | what is promised | tests |
//! |---|---|
//! | names of records, aliases, addresses; at once when they change | `own` |
//! | the C library finds them through `/etc/resolv.conf` | `library` |
//! | other names are asked of others, with their times to live, failures and long answers | `others` |
//! | no rights; steps aside; survives kills; leaves nothing | `keeping` |
//! | hostile packets and connections change nothing | `hostile` |
//! | answers come fast | `speed` |
#![expect(clippy::unwrap_used, reason = "a test's failure is told by its panic")]

mod hostile;
mod keeping;
mod library;
mod others;
mod own;
mod recursor;
mod speed;
mod wire;
mod world;
