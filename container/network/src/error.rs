//! What [`Network`](crate::Network) can answer instead.

use crate::apply::{self, StepError};
use crate::plan::Foreign;
use crate::{netout, port, state, subnet};

/// A container's network could not be made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No container of that handle has a network.
    #[error("container {handle:?} has no network")]
    Unknown {
        /// The handle.
        handle: String,
    },
    /// The container has a network, and it is not the one asked for.
    #[error("container {handle:?} has a network already, made for {request:?}")]
    Exists {
        /// The handle.
        handle: String,
        /// The network it asked for.
        request: String,
    },
    /// Two handles have the same short name; destroy one or choose another handle.
    #[error("handles {handle:?} and {other:?} have the same short name {id}")]
    SameId {
        /// The new handle.
        handle: String,
        /// The one that exists.
        other: String,
        /// The name.
        id: String,
    },
    /// No address to be had.
    #[error(transparent)]
    Subnet(#[from] subnet::Error),
    /// No port to be had.
    #[error(transparent)]
    Port(#[from] port::Error),
    /// There is no address at which a mapped port could be reached; see
    /// [`Settings::external`](crate::Settings::external).
    #[error("ports cannot be mapped: no external address of the host is known")]
    NoExternal,
    /// A rule that cannot be.
    #[error(transparent)]
    NetOut(#[from] netout::Error),
    /// The state directory.
    #[error("the network state of {handle:?} cannot be kept")]
    State {
        /// The container.
        handle: String,
        /// Why.
        source: state::Error,
    },
    /// The state directory as a whole.
    #[error("the network state cannot be opened")]
    Open(#[source] state::Error),
    /// A link's name is taken.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// The kernel could not be asked.
    #[error("the network of {handle:?} cannot be looked at")]
    Observe {
        /// The container.
        handle: String,
        /// Why.
        source: Box<apply::Error>,
    },
    /// The kernel refused a step.
    #[error("the network of {handle:?} cannot be changed")]
    Step {
        /// The container.
        handle: String,
        /// Why.
        source: Box<StepError>,
    },
    /// The kernel refused the rules of all containers.
    #[error("the firewall rules cannot be loaded")]
    Rules(#[source] Box<apply::Error>),
    /// Set-up failed, and what it had made could not be removed either. The record stays, so
    /// that destroying the container tries again.
    #[error("the network of {handle:?} is half made and could not be removed ({removal})")]
    HalfMade {
        /// The container.
        handle: String,
        /// Why set-up failed.
        source: Box<Error>,
        /// Why removal failed.
        removal: Box<Error>,
    },
}
