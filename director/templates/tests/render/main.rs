//! Templates rendered by real Ruby.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod corpus;
mod hostile;
mod scene;
