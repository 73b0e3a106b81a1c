//! The pool of containers' addresses where none was given.
//!
//! `STATE/pool` holds the one that was chosen, as text: a server that starts again goes on with it,
//! as its own containers' networks would be in the way of choosing it again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use warren_container_network::address::Subnet;
use warren_container_network::link::Rtnetlink;
use warren_container_network::{host, pool};
use warren_wire_garden::Error;

use super::error;
use crate::log::Log;

const FILE: &str = "pool";

/// The pool of an earlier start, or one that overlaps nothing in the calling thread's network
/// namespace; `usual` if there is none such.
///
/// # Errors
/// What cannot be read, written or asked.
pub(super) fn find(state: &Path, usual: Subnet, log: &Log) -> Result<Subnet, Error> {
    let path = state.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let read = text.trim().parse();
            return read.map_err(|_| {
                let path = path.display();
                Error::Plain(format!("{path} holds no pool of addresses: {text:?}"))
            });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error::step("read the pool of addresses")(error)),
    }
    let mut links = Rtnetlink::open().map_err(error::step("look at the networks of this host"))?;
    let seen = host::networks(&mut links);
    let seen = seen.map_err(error::step("look at the networks of this host"))?;
    let chosen = pool::choose(&seen).unwrap_or(usual);
    let text = chosen.to_string();
    // Half of a text could be another pool.
    let beside = state.join("pool.tmp");
    fs::write(&beside, &text)
        .and_then(|()| fs::rename(&beside, &path))
        .map_err(error::step("write down the pool of addresses"))?;
    log.info("chose a pool of addresses", &[("pool", &text)]);
    Ok(chosen)
}
