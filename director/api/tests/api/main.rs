//! The API over real TLS connections, with curl as the client, on SQLite and on a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod access;
mod configs;
mod output;
mod postgres;
mod recorded;
mod rows;
mod scene;
mod tasks;
mod uploads;
