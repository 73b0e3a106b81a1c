//! Whole directory trees: removing, measuring, copying.

mod beneath;
mod copy;
mod remove;
mod usage;

pub(crate) use beneath::{empty_beneath, remove_beneath};
pub(crate) use copy::{Method, copy};
pub(crate) use remove::remove;
pub(crate) use usage::usage;
