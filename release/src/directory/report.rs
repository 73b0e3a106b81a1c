//! What happens while a release is made, for whoever watches.

use super::Stage;

/// What an archive is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A job.
    Job,
    /// A package.
    Package,
    /// The licence.
    License,
}

impl Kind {
    /// In messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Job => "job",
            Kind::Package => "package",
            Kind::License => "license",
        }
    }
}

/// Something begins or is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// An archive is put into an index.
    Adding {
        /// Of what.
        kind: Kind,
        /// Its name.
        name: &'a str,
        /// Its fingerprint.
        fingerprint: &'a str,
    },
    /// It is in the index.
    Added {
        /// Of what.
        kind: Kind,
        /// Its name.
        name: &'a str,
        /// Its fingerprint.
        fingerprint: &'a str,
    },
    /// A release is in its index.
    Released {
        /// Whose.
        stage: Stage,
        /// Its name.
        name: &'a str,
        /// Its version.
        version: &'a str,
    },
    /// A blob or archive is brought from the blobstore.
    Downloading {
        /// Its path or name.
        what: &'a str,
    },
    /// It is there.
    Downloaded {
        /// Its path or name.
        what: &'a str,
    },
    /// A blob or archive is put into the blobstore.
    Uploading {
        /// Its path or name.
        what: &'a str,
    },
    /// It is there.
    Uploaded {
        /// Its path or name.
        what: &'a str,
        /// Its name in the blobstore.
        id: &'a str,
    },
    /// A file below `blobs/` that is in no list was removed.
    Removed {
        /// Its path.
        what: &'a str,
    },
}

/// Takes what happens.
pub type Reporter<'a> = &'a mut dyn FnMut(Event<'_>);
