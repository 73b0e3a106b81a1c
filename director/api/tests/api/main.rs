//! The API over real TLS connections, with curl as the client, on SQLite and on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod access;
mod clean_up;
mod configs;
mod every;
mod output;
mod recorded;
mod refused;
mod rows;
mod scene;
mod tasks;
mod telemetry;
mod uploads;
mod work;
