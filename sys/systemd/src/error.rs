//! What can go wrong between systemd and us.

use std::io;
use std::path::PathBuf;

use crate::message::Malformed;

/// A call to systemd failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("cannot reach systemd at {}: is it pid 1 here, and are we root?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not let us in.
    #[error("systemd refused the authentication: {0:?}")]
    Refused(String),
    /// The conversation broke.
    #[error("cannot talk to systemd about {call}")]
    Io {
        /// The call.
        call: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It said something that is no D-Bus.
    #[error("systemd's answer to {call} cannot be understood")]
    Malformed {
        /// The call.
        call: &'static str,
        /// What is wrong with it.
        source: Malformed,
    },
    /// It said no.
    #[error("systemd refused {call}: {text} ({name})")]
    Call {
        /// The call.
        call: &'static str,
        /// The error's name, such as `org.freedesktop.systemd1.NoSuchUnit`.
        name: String,
        /// What it said.
        text: String,
    },
    /// A unit did not get there in time.
    #[error("the unit {unit} is {state} and does not become {wanted}")]
    State {
        /// Which.
        unit: String,
        /// How it is.
        state: String,
        /// How it should be.
        wanted: &'static str,
    },
}

impl Error {
    /// Whether systemd knows no such unit.
    #[must_use]
    pub fn is_no_such_unit(&self) -> bool {
        matches!(self, Self::Call { name, .. } if name == "org.freedesktop.systemd1.NoSuchUnit")
    }

    /// Whether systemd no longer has the object of a unit that it knew a moment ago.
    #[must_use]
    pub fn is_no_such_object(&self) -> bool {
        let Self::Call { name, .. } = self else {
            return false;
        };
        name == "org.freedesktop.DBus.Error.UnknownObject" || self.is_no_such_unit()
    }
}
