//! The harness against the running kernel. Needs root.

mod actors;
mod leaks;
mod nesting;
mod network;
mod sandboxes;
