//! One layer of an image: from a stream of bytes to a directory.
//!
//! ```text
//! blob ─► sha256 (blob digest) ─► gzip │ zstd │ as it is ─► sha256 (diff id) ─► tar ─► directory
//! └──────────────── thread ──────────────────────────────────────┘ └── calling thread ──┘
//! ```
//!
//! The layer's directory holds only what this layer says. What it takes away from the layers below
//! is in the directory in overlayfs's form, where the file system can hold that
//! ([`Markers`]), and always in [`Hidden`], for drivers that copy.

mod beneath;
mod compression;
mod digest;
mod hidden;
mod marker;
mod path;
mod stream;
mod unpack;

pub use beneath::{EntryError, Operation};
pub use compression::Compression;
pub use digest::{Digest, InvalidDigest};
pub use hidden::Hidden;
pub use marker::{Markers, XattrNamespace};
pub use path::InvalidPath;
pub use unpack::{Dropped, Error, Expected, Limits, Unpacked, unpack};

pub(crate) use digest::{DigestOfMany, Hasher};
pub(crate) use marker::is_overlay_attribute;
pub(crate) use path::components;
