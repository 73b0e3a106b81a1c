//! The error object, its types, its status codes, and the texts that clients
//! match on.
//!
//! ```json
//! {"Type":"ContainerNotFoundError","Message":"unknown handle: x","Handle":"x","ProcessID":"","Binary":""}
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An error as it travels.
///
/// Written, it carries a type that clients branch on; read, a type nobody knows
/// is a plain error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No container has this handle.
    #[error("unknown handle: {handle}")]
    ContainerNotFound {
        /// The handle asked for.
        handle: String,
    },
    /// The container has no such process.
    #[error("unknown process: {process_id}")]
    ProcessNotFound {
        /// The process asked for.
        process_id: String,
    },
    /// The program to run is not there.
    #[error("{0}")]
    ExecutableNotFound(String),
    /// The server cannot do it now, but may later.
    #[error("{0}")]
    ServiceUnavailable(String),
    /// The server is in a state it cannot leave by itself.
    #[error("{0}")]
    Unrecoverable(String),
    /// Anything else.
    #[error("{0}")]
    Plain(String),
}

impl Error {
    /// A plain error with this text.
    pub fn plain(message: impl Into<String>) -> Self {
        Self::Plain(message.into())
    }

    /// Another container has this handle.
    #[must_use]
    pub fn handle_in_use(handle: &str) -> Self {
        Self::Plain(format!("Handle '{handle}' already in use"))
    }

    /// Another process of the container has, or had, this id.
    #[must_use]
    pub fn process_id_in_use(id: &str) -> Self {
        Self::Plain(format!("process ID '{id}' already in use"))
    }

    /// The container has no such property.
    #[must_use]
    pub fn no_such_property(key: &str) -> Self {
        Self::Plain(format!("property does not exist: {key}"))
    }

    /// The container has no such user.
    #[must_use]
    pub fn no_such_user(user: &str) -> Self {
        Self::Plain(format!(
            "unable to find user {user}: no matching entries in passwd file"
        ))
    }

    /// The status code of an answer with this error.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::ContainerNotFound { .. } | Self::ProcessNotFound { .. } => 404,
            Self::ExecutableNotFound(_)
            | Self::ServiceUnavailable(_)
            | Self::Unrecoverable(_)
            | Self::Plain(_) => 500,
        }
    }

    /// The `Type` of the object; empty for a plain error.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::ContainerNotFound { .. } => "ContainerNotFoundError",
            Self::ProcessNotFound { .. } => "ProcessNotFoundError",
            Self::ExecutableNotFound(_) => "ExecutableNotFoundError",
            Self::ServiceUnavailable(_) => "ServiceUnavailableError",
            Self::Unrecoverable(_) => "UnrecoverableError",
            Self::Plain(_) => "",
        }
    }

    /// The same text without a type, as entries of bulk answers have it.
    #[must_use]
    pub fn into_untyped(self) -> Self {
        Self::Plain(self.to_string())
    }

    /// What a client makes of an answer that is not 2xx: the error object, or
    /// the body as it is when it is none. At most 1 KiB of a foreign body is
    /// kept.
    #[must_use]
    pub fn from_body(status: u16, body: &[u8]) -> Self {
        if let Ok(error) = crate::json::decode::<Self>(body) {
            return error;
        }
        let shown = &body[..body.len().min(1024)];
        let text = String::from_utf8_lossy(shown);
        Self::Plain(format!(
            "bad response: status {status}: {}",
            text.trim_end()
        ))
    }
}

/// Texts without a variable part that clients or tests match on.
pub mod text {
    /// The limit of containers is reached.
    pub const MAX_CONTAINERS: &str = "max containers reached";
    /// The server was told to make no privileged containers.
    pub const PRIVILEGED_DISABLED: &str = "privileged container creation is disabled";
    /// `image.uri` and `rootfs` were both given.
    pub const TWO_IMAGES: &str = "Cannot provide both Image.URI and RootFSPath";
    /// A second destroy while the first is running.
    pub const BEING_DESTROYED: &str = "container already being destroyed";
    /// Start of every failure to unpack into a container.
    pub const STREAMING_IN: &str = "error streaming in";
    /// The program was searched in vain.
    pub const NOT_IN_PATH: &str = "executable file not found in $PATH";
    /// No host port is left.
    pub const PORTS_EXHAUSTED: &str = "port pool is exhausted";
    /// An image was asked for but nothing can fetch it.
    pub const NO_IMAGE_PLUGIN: &str = "no image plugin configured";
    /// A container may not have the gateway's address.
    pub const IP_IS_GATEWAY: &str = "a container IP must not equal the gateway IP";
}

/// The object on the wire.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Object {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Message")]
    message: String,
    #[serde(rename = "Handle")]
    handle: String,
    #[serde(rename = "ProcessID")]
    process_id: String,
    #[serde(rename = "Binary")]
    binary: String,
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object {
            kind: self.type_name().to_owned(),
            message: self.to_string(),
            ..Object::default()
        };
        match self {
            Self::ContainerNotFound { handle } => object.handle.clone_from(handle),
            Self::ProcessNotFound { process_id } => object.process_id.clone_from(process_id),
            _ => {}
        }
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Object::deserialize(deserializer)?;
        Ok(match object.kind.as_str() {
            "ContainerNotFoundError" => Self::ContainerNotFound {
                handle: object.handle,
            },
            "ProcessNotFoundError" => Self::ProcessNotFound {
                process_id: object.process_id,
            },
            "ExecutableNotFoundError" => Self::ExecutableNotFound(object.message),
            "ServiceUnavailableError" => Self::ServiceUnavailable(object.message),
            "UnrecoverableError" => Self::Unrecoverable(object.message),
            _ => Self::Plain(object.message),
        })
    }
}
