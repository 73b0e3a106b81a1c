//! NATS: a round trip as the director, over TLS with its certificate.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use warren_lib_nats::{Client, Event, Events, Message, Options, ServerUrl, Tls};

use super::{Found, Scene, said};
use crate::{Level, Record};

/// For TLS with certificates of both sides, on a machine that does much else or is emulated.
const CONNECTING: Duration = Duration::from_secs(6);
/// For one round trip. Both together are less than what a check may take.
const ANSWERING: Duration = Duration::from_secs(3);

pub(super) fn round_trip(scene: &Scene) -> Result<Found, String> {
    let service = || scene.service("nats");
    match connects(&scene.inner, &scene.record) {
        Ok(url) => Ok(Found::Good(format!("{url} answers; {}", service()?))),
        Err(cause) => Err(format!(
            "{cause}; {}",
            service().unwrap_or_else(|cause| cause)
        )),
    }
}

/// A round trip to the NATS of a director's level; its address.
pub(crate) fn connects(inside: &Level, record: &Record) -> Result<String, String> {
    let address = record.director().ok_or("the director has no address yet")?;
    let text = |name: &str| {
        let path = inside.here(&format!("vcap/store/director/certs/{name}"));
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let url = format!("nats://{address}:4222");
    let options = Options {
        servers: vec![ServerUrl::parse(&url).map_err(|error| said(&error))?],
        tls: Some(Tls {
            ca: text("nats-ca.crt")?,
            certificate: text("nats-director.crt")?,
            private_key: text("nats-director.key")?,
            common_name: None,
        }),
        name: "warren status".to_owned(),
        subjects: Vec::new(),
        ping_interval: ANSWERING,
    };
    let heard = Arc::new(LastFailure::default());
    let mut client =
        Client::start(options, Arc::clone(&heard) as _).map_err(|error| said(&error))?;
    let connected = client.wait_connected(CONNECTING);
    let answered = connected && client.flush(ANSWERING);
    client.close();
    if answered {
        return Ok(url);
    }
    let patience = if connected { ANSWERING } else { CONNECTING };
    let why = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
    Err(format!(
        "{url} does not answer within {} s{}",
        patience.as_secs(),
        why.as_deref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default()
    ))
}

/// Why the last attempt failed.
#[derive(Default)]
struct LastFailure(Mutex<Option<String>>);

impl Events for LastFailure {
    fn message(&self, _: Message) {}

    fn event(&self, event: &Event) {
        if let Event::Failed { reason, .. } = event {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        }
    }
}
