//! Behaviour of whole servers, asked over their public wires.
//!
//! [`garden`] starts `warren serve garden` as a machine of its own would have it ([`machine`]): in a
//! fresh control group and mount namespace, in a network with a neighbour. Tests talk to it as any
//! client does. [`environment`] is what `warren up` makes on such a machine. [`release`] is small and
//! all that directors need to be asked everything. [`firewall`] asks a machine what its processes reach.
//! What each test asserts is a line of the public acceptance suite of Garden, or a rule of its
//! wire that clients depend on.

pub mod environment;
pub mod firewall;
pub mod garden;
pub mod machine;
pub mod release;

/// An error with all its causes, as whoever calls the server is told.
pub fn said(error: impl std::error::Error) -> String {
    warren_lib_errchain::chain(&error)
}
