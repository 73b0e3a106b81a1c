//! Archives into and out of a container's files, as GNU tar would with `--no-same-permissions
//! --no-same-owner --xattrs --xattrs-include='*'`.
//!
//! All of it runs in a process that has the container's root as its own. [`prepare_destination`]
//! needs the container's root user; [`extract()`] and [`archive()`] run with the ids of the user that
//! was asked for, so the kernel itself says what that user may read and write.
//!
//! # Where it differs from GNU tar
//!
//! | GNU tar | here |
//! |---|---|
//! | an existing directory takes the archive's mode and time | it stays as it is, so `./` in an archive does not change `/tmp` |
//! | goes on after an entry that fails, and fails at the end | [`extract()`] stops there; [`archive()`] goes on |
//! | removes a file that exists, and writes | writes beside it, and puts that in its place when it is whole |
//! | follows symbolic links that are there already | not out of the destination, unless that is `/` |
//! | attributes of symbolic links and devices are archived | those of files and directories |

mod archive;
mod beneath;
mod beside;
mod destination;
mod error;
mod extract;
mod made;

pub use archive::archive;
pub use destination::{Owner, prepare_destination};
pub use error::{Error, Step};
pub use extract::extract;
