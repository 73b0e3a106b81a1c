//! Certificates of agents, from the authority that the bus trusts.

use serde_json::{Map, Value, json};
use warren_director_variables::{Identity, Purpose, identity};
use warren_wire_agent::subject;

use crate::Error;
use crate::config::Nats;

/// How long a certificate is good, in days.
const DAYS: i64 = 730;

/// `mbus.cert` of an agent's environment or settings: its first certificate, or its lasting one.
///
/// # Errors
/// An authority that cannot be used.
pub fn of_agent(nats: &Nats, agent_id: &str, bootstrap: bool) -> Result<Map<String, Value>, Error> {
    let authority = Identity {
        certificate: nats.client_ca.clone(),
        key: nats.client_ca_key.clone(),
    };
    let made = identity(
        &subject::common_name(agent_id, bootstrap),
        &Purpose::Client,
        Some(&authority),
        warren_director_store::now(),
        DAYS,
    )
    .map_err(|error| Error::other(format!("make the certificate of agent {agent_id}"), error))?;
    let object = json!({
        "ca": nats.server_ca,
        "certificate": made.certificate,
        "private_key": made.key,
    });
    match object {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}
