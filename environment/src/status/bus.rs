//! NATS: a round trip as the director, over TLS with its certificate.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use warren_lib_nats::{Client, Event, Events, Message, Options, ServerUrl, Tls};

use super::{Found, Scene, said};

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn round_trip(scene: &Scene) -> Result<Found, String> {
    let address = scene
        .record
        .director()
        .ok_or("the director has no address yet")?;
    let text = |name: &str| {
        let path = scene
            .inner
            .here(&format!("vcap/store/director/certs/{name}"));
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
        ping_interval: PATIENCE,
    };
    struct Nobody;
    impl Events for Nobody {
        fn message(&self, _: Message) {}
        fn event(&self, _: &Event) {}
    }
    let mut client = Client::start(options, Arc::new(Nobody)).map_err(|error| said(&error))?;
    let answered = client.wait_connected(PATIENCE) && client.flush(PATIENCE);
    client.close();
    match answered {
        true => Ok(Found::Good(format!(
            "{url} answers; {}",
            scene.service("nats")?
        ))),
        false => Err(format!(
            "{url} does not answer within {} s; {}",
            PATIENCE.as_secs(),
            scene.service("nats").unwrap_or_else(|cause| cause)
        )),
    }
}
