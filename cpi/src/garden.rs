//! The Garden server, as this CPI needs it.

use std::path::PathBuf;

use warren_garden_client::{Client, Target};

use crate::config::Warden;

/// A client of the configured server; nothing is sent yet.
pub(crate) fn client(warden: &Warden) -> Client {
    let address = warden.connectaddress.clone();
    let target = match warden.connectnetwork.as_str() {
        "unix" => Target::Unix(PathBuf::from(address)),
        _ => Target::parse(&format!("tcp://{address}")),
    };
    Client::new(target)
}
