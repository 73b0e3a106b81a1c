//! Whole directory trees: removing, measuring, copying, giving to others.

mod beneath;
mod copy;
mod remove;
mod shift;
mod usage;

pub(crate) use beneath::{empty_beneath, open_beneath, remove_beneath};
pub(crate) use copy::{Method, copy};
pub(crate) use remove::remove;
pub use remove::remove_all;
pub(crate) use shift::shift;
pub(crate) use usage::usage;
