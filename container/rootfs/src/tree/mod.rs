//! Whole directory trees of images: copying, giving to others, removing and looking below a root.

mod beneath;
mod copy;
mod shift;

pub(crate) use beneath::{empty_beneath, open_beneath, remove_beneath};
pub(crate) use copy::{Method, copy};
pub(crate) use shift::shift;
