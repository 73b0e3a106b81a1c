//! The thread of a connection: makes it, keeps it, makes it again.
//!
//! ```text
//! wait ─► before_connect ─► open ─► introduce ─► serve ─► give_back ─► wait ...
//! ```

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::backoff;
use crate::client::{Event, Events, Options, Shared};
use crate::failure::{Failure, chain};
use crate::link::Link;
use crate::url::ServerUrl;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &Options, shared: &Shared, events: &dyn Events) {
    let mut failures = 0;
    let mut first_failure = None;
    // The address of a local differs in every process and thread: chance enough.
    let mut chance = std::ptr::from_ref(&failures) as usize as u64 ^ u64::from(std::process::id());
    let mut servers = options.servers.iter().cycle();
    while !shared.lock().closing {
        let Some(server) = servers.next() else { break };
        events.before_connect(server);
        let mut was_connected = false;
        let failure = session(
            options,
            server,
            shared,
            events,
            failures,
            &mut was_connected,
        );
        {
            let mut state = shared.lock();
            state.connected = false;
            if state.closing {
                break;
            }
        }
        shared.changed();
        if was_connected {
            (failures, first_failure) = (0, None);
        }
        failures += 1;
        let since = first_failure.get_or_insert_with(Instant::now).elapsed();
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let retry_in = backoff::wait(failures, since, chance >> 16);
        events.event(&Event::Failed {
            server: server.to_string(),
            reason: chain(&failure),
            kind: failure.kind(),
            retry_in,
        });
        if !shared.pause(retry_in) {
            break;
        }
    }
    let mut state = shared.lock();
    state.connected = false;
    state.closing = true;
    state.closed = true;
    drop(state);
    shared.changed();
}

fn session(
    options: &Options,
    server: &ServerUrl,
    shared: &Shared,
    events: &dyn Events,
    failures: u32,
    was_connected: &mut bool,
) -> Failure {
    let mut link = match open(options, server) {
        Ok(link) => link,
        Err(failure) => return failure,
    };
    let outcome = match link.introduce(options, server, events) {
        Ok(()) => {
            *was_connected = true;
            link.tell_limit(shared);
            shared.lock().connected = true;
            shared.changed();
            let server = server.to_string();
            events.event(&Event::Connected { server, failures });
            link.serve(options, shared, events)
        }
        Err(failure) => failure,
    };
    link.give_back(shared);
    outcome
}

fn open(options: &Options, server: &ServerUrl) -> Result<Link, Failure> {
    let tls = options
        .tls
        .as_ref()
        .map(crate::tls::Tls::config)
        .transpose()?;
    let addresses: Vec<_> = (&*server.host, server.port)
        .to_socket_addrs()
        .map_err(Failure::Resolve)?
        .collect();
    let mut last = Failure::NoAddress;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(tcp) => return Link::begin(tcp, tls, server),
            Err(error) => last = Failure::Connect(error),
        }
    }
    Err(last)
}
