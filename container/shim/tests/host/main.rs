//! The depot and shims with the real engine, as root.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::expect_used, reason = "tests")]

mod crashes;
mod external;
mod life;
mod measure;
mod processes;
mod streams;
mod terminals;
mod world;
