//! A whole director whose roles are processes of their own on one home, with a real nats-server, a CPI
//! that is a shell script, and SQLite or a real PostgreSQL.
//!
//! | what is promised | tests |
//! |---|---|
//! | roles that start at once make one director of an empty home, and each may be killed | `apart` |
//! | a task whose worker is killed is taken up again, with what was uploaded for it | `apart`, `postgres` |
//! | role and database are made before anything connects; a database may come and go | `postgres` |
//! | what nobody needs is cleared away when it is due, by one task however many schedulers | `scheduler` |
//! | agents that missed the names are told of them | `names` |
//! | when its certificates end, and each of its starts | `told` |
//! | one request can be followed through all processes, and no line has a secret | `telemetry` |

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apart;
mod names;
mod postgres;
mod scene;
mod scheduler;
mod telemetry;
mod told;
