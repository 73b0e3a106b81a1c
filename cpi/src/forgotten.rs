//! Machines that their director never got to know, because it died while they were made.
//!
//! ```text
//! create_vm's process outlives its director ─► a machine whose id nobody was told
//! the same address is wanted again ─► its holder: told who it is ─► refused, as always
//!                                                 never told     ─► removed, then made
//! ```
//!
//! Every director says who a machine is (`set_vm_metadata`) as soon as it has its id. And it gives an
//! address away only if it knows of nobody who has it. So a holder that was never told is nobody's.

use std::time::{Duration, Instant};

use warren_garden_client::Client;
use warren_wire_garden::container::Properties;

use crate::place::Places;
use crate::vm::{self, Mark};
use crate::{Error, method};

/// How long a maker that is still at work is waited for.
const MAKER: Duration = Duration::from_secs(60);
/// How long it may take until Garden tells of a container whose address is taken already.
const UNTOLD: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Frees an address if a forgotten machine has it; that machine's id, or `None` if somebody has a right
/// to it.
pub(crate) fn free(places: &Places, garden: &Client, ip: &str) -> Result<Option<String>, Error> {
    let begun = Instant::now();
    let holder = loop {
        if let Some(holder) = holder(garden, ip)? {
            break holder;
        }
        if begun.elapsed() > UNTOLD {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    };
    if !is_forgotten(garden, &holder)? {
        return Ok(None);
    }
    // Its maker may be about to end well, with nobody to tell.
    let mark = loop {
        match Mark::take(places, &holder)? {
            Some(mark) => break mark,
            None if begun.elapsed() > MAKER => return Ok(None),
            None => std::thread::sleep(LOOK),
        }
    };
    if !is_forgotten(garden, &holder)? {
        mark.remove()?;
        return Ok(None);
    }
    vm::remove(places, garden, &holder)?;
    mark.remove()?;
    Ok(Some(holder))
}

/// The machine that has an address.
fn holder(garden: &Client, ip: &str) -> Result<Option<String>, Error> {
    let step = "look for who has the address";
    let handles = garden
        .list(&Properties::new())
        .map_err(Error::garden(step, ip))?;
    for handle in handles {
        match garden.info(&handle) {
            Ok(info) if info.container_ip == ip => return Ok(Some(handle)),
            // Gone meanwhile, or without an answer: another's affair.
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a machine is one of a CPI, and no director has ever told who it is.
fn is_forgotten(garden: &Client, cid: &str) -> Result<bool, Error> {
    let properties = match garden.properties(cid) {
        Ok(properties) => properties,
        Err(error) if error.is_unknown_container() => return Ok(false),
        Err(error) => return Err(Error::garden("read the properties of", cid)(error)),
    };
    let told = properties
        .keys()
        .any(|key| key.starts_with("bosh.") && key != method::AGENT);
    Ok(properties.contains_key(method::AGENT) && !told)
}
