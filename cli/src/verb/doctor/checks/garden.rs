//! Whether a Garden server answers where `warren container` looks for one.

use std::time::Duration;

use warren_garden_client::{Client, Error};
use warren_lib_errchain::chain;
use warren_wire_garden::container::Capacity;

use super::{Facts, Finding};
use crate::verb::container::usual_client;

/// How long the server may take before it counts as one that does not answer.
const PATIENCE: Duration = Duration::from_millis(500);

pub fn answers(_: &Facts) -> Finding {
    let client = match usual_client() {
        Ok(client) => client,
        Err(failure) => {
            return Finding::warn(
                format!("no server can be asked: {}", failure.message),
                "set WARREN_GARDEN_CA_CERT, WARREN_GARDEN_CLIENT_CERT and WARREN_GARDEN_CLIENT_KEY \
                 to readable files, or to nothing",
            );
        }
    };
    let target = client.target().to_string();
    let (tell, told) = std::sync::mpsc::channel();
    // It may hang for as long as it likes; the thread ends with the program.
    std::thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = tell.send(ask(&client));
    });
    match told.recv_timeout(PATIENCE) {
        Ok(answer) => judge(&target, answer),
        Err(_) => Finding::warn(
            format!("something at {target} takes connections and does not answer"),
            "see its log; name another with GAOL_TARGET or WARREN_GARDEN",
        ),
    }
}

fn ask(client: &Client) -> Result<Capacity, Error> {
    client.ping()?;
    client.capacity()
}

fn judge(target: &str, answer: Result<Capacity, Error>) -> Finding {
    match answer {
        Ok(capacity) => Finding::pass(format!(
            "a server answers at {target}: room for {} containers, {} MiB of memory",
            capacity.max_containers,
            capacity.memory_in_bytes >> 20
        )),
        Err(Error::Connect { .. }) => Finding::pass(format!("no server at {target}")),
        Err(error) => Finding::warn(
            format!("what is at {target} is no Garden server: {}", chain(&error)),
            "stop it, or name another with GAOL_TARGET or WARREN_GARDEN",
        ),
    }
}
