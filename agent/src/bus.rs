//! NATS: requests in, answers, heartbeats and alerts out.
//!
//! A new certificate is taken without a gap: the new connection is made and subscribed before the
//! old one is closed, and a request that came over both is answered once. So no message is lost on
//! which a director would wait for 45 seconds.
//!
//! ```text
//! one link ── change ──► two links ── new one connected ──► one link (the new one)
//!                             └────── not within the limit ──► one link (the old one)
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use warren_lib_nats::{Client, Event, Events, Kind, Message, Options, ServerUrl, Tls};
use warren_wire_agent::envelope::{MAX_PAYLOAD, Request};
use warren_wire_agent::settings::Effective;
use warren_wire_agent::subject;

use crate::agent::{Uplink, UplinkError};
use crate::dispatch::Dispatcher;
use crate::firewall::Guard;
use crate::hope::Hope;
use crate::say;

/// How long a server may take to let a new certificate in.
const CHANGE: Duration = Duration::from_secs(60);
/// How many answered requests are remembered.
const REMEMBERED: usize = 1024;
/// How often a server is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// How often a failure that stays the same is told.
const TELL: Duration = Duration::from_secs(30);

/// The bus.
pub struct Bus {
    agent_id: String,
    link: Mutex<Arc<Client>>,
    /// Servers that the firewall protects.
    urls: Mutex<Vec<String>>,
    inbox: Arc<Inbox>,
}

/// What comes in, over whichever link.
struct Inbox {
    dispatcher: Dispatcher,
    guard: Arc<Guard>,
    hope: Mutex<Hope>,
    bus: Mutex<std::sync::Weak<Bus>>,
    seen: Mutex<VecDeque<String>>,
}

/// One link's own.
struct Link {
    inbox: Arc<Inbox>,
    last: Mutex<Option<(String, Instant)>>,
}

impl Bus {
    /// Begins to connect, for ever.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn start(
        agent_id: &str,
        to: &Effective,
        dispatcher: Dispatcher,
        guard: Arc<Guard>,
        hope: Hope,
    ) -> Result<Arc<Self>, UplinkError> {
        let inbox = Arc::new(Inbox {
            dispatcher,
            guard,
            hope: Mutex::new(hope),
            bus: Mutex::new(std::sync::Weak::new()),
            seen: Mutex::default(),
        });
        let link = Arc::new(client(agent_id, to, &inbox)?);
        let agent_id = agent_id.to_owned();
        let bus = Arc::new(Self {
            agent_id,
            link: Mutex::new(link),
            urls: Mutex::new(urls_of(to)),
            inbox,
        });
        *bus.inbox.bus.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&bus);
        Ok(bus)
    }

    fn link(&self) -> Arc<Client> {
        Arc::clone(&self.link.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a connection.
    #[must_use]
    pub fn wait_connected(&self, limit: Duration) -> bool {
        self.link().wait_connected(limit)
    }

    /// Waits until the server has all that was published.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        self.link().flush(limit)
    }
}

impl Uplink for Bus {
    fn publish(&self, subject: &str, payload: &[u8]) -> Result<(), UplinkError> {
        Ok(self.link().publish(subject, payload)?)
    }

    fn change(&self, to: &Effective) -> Result<(), UplinkError> {
        let before = self
            .urls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let after = urls_of(to);
        if after == before {
            return self.go_over(to);
        }
        // Both are protected while it is open which it will be.
        let guard = &self.inbox.guard;
        guard.set_urls([before.clone(), after.clone()].concat());
        let outcome = self.go_over(to);
        let now = if outcome.is_ok() { after } else { before };
        guard.set_urls(now.clone());
        *self.urls.lock().unwrap_or_else(PoisonError::into_inner) = now;
        outcome
    }
}

fn urls_of(to: &Effective) -> Vec<String> {
    to.urls.iter().map(|url| url.0.clone()).collect()
}

impl Bus {
    /// Makes the new link, and then lets the old one go.
    fn go_over(&self, to: &Effective) -> Result<(), UplinkError> {
        let new = Arc::new(client(&self.agent_id, to, &self.inbox)?);
        if !new.wait_connected(CHANGE) {
            let limit = format!("no connection within {} s", CHANGE.as_secs());
            return Err(UplinkError::Refused(limit));
        }
        let old = {
            let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *link, new)
        };
        // Answers that are under way over the old one get through before it ends.
        let _ = old.flush(Duration::from_secs(2));
        Ok(())
    }
}

fn client(agent_id: &str, to: &Effective, inbox: &Arc<Inbox>) -> Result<Client, UplinkError> {
    let mut servers = Vec::new();
    for url in &to.urls {
        let server = ServerUrl::parse(&url.0);
        servers.push(server.map_err(|error| UplinkError::Settings(error.to_string()))?);
    }
    if servers.is_empty() {
        return Err(UplinkError::Settings("they name no server".to_owned()));
    }
    let tls = (!to.cert.ca.is_empty()).then(|| Tls {
        ca: to.cert.ca.clone(),
        certificate: to.cert.certificate.clone(),
        private_key: to.cert.private_key.0.clone(),
        common_name: Some(subject::is_server_common_name),
    });
    if let Some(tls) = &tls {
        // Said now rather than at each attempt.
        let checked = tls.config();
        checked.map_err(|error| UplinkError::Settings(warren_lib_errchain::chain(&error)))?;
    }
    let options = Options {
        servers,
        tls,
        name: agent_id.to_owned(),
        subjects: vec![subject::requests(agent_id)],
        ping_interval: PING,
    };
    let link = Link {
        inbox: Arc::clone(inbox),
        last: Mutex::default(),
    };
    Client::start(options, Arc::new(link)).map_err(UplinkError::Start)
}

impl Events for Link {
    fn message(&self, message: Message) {
        let request = match Request::decode(&message.payload) {
            Ok(request) => request,
            // Nobody said where an answer would go.
            Err(error) => {
                return say!(
                    "bus",
                    "dropped a message: {}",
                    warren_lib_errchain::chain(&error)
                );
            }
        };
        let to = request.reply_to.clone();
        if self.inbox.is_known(&to) {
            return;
        }
        let bus = self
            .inbox
            .bus
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let respond = move |response: warren_wire_agent::envelope::Response| {
            if to.is_empty() {
                return;
            }
            let Some(bus) = bus.upgrade() else { return };
            let sent = response
                .encode(MAX_PAYLOAD)
                .map_err(|error| warren_lib_errchain::chain(&error))
                .and_then(|bytes| {
                    let sent = bus.publish(&to, &bytes);
                    sent.map_err(|error| warren_lib_errchain::chain(&error))
                });
            if let Err(why) = sent {
                say!("bus", "an answer could not be sent: {why}");
            }
        };
        self.inbox
            .dispatcher
            .dispatch(request, &message.payload, Box::new(respond));
    }

    fn event(&self, event: &Event) {
        match event {
            Event::Connected { server, failures } => {
                say!("bus", "connected to {server} after {failures} failures");
                self.inbox.hope().settle();
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Event::Failed {
                server,
                reason,
                kind,
                ..
            } => {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                let is_known = last
                    .as_ref()
                    .is_some_and(|(known, told)| known == reason && told.elapsed() < TELL);
                if !is_known {
                    say!(
                        "bus",
                        "no connection to {server}, trying for ever: {reason}"
                    );
                    *last = Some((reason.clone(), Instant::now()));
                }
                if let Some(time) = self.inbox.hopeless(*kind) {
                    say!(
                        "bus",
                        "FATAL: {server} has not let this agent in for {} s: {reason}; trying for ever, but the \
                         settings' mbus and certificate have to go with the server's users and certificate",
                        time.as_secs()
                    );
                }
            }
            Event::Complaint(text) => say!("bus", "the server complains: {text}"),
        }
    }

    fn before_connect(&self, _server: &ServerUrl) {
        self.inbox.guard.before_connect();
    }
}

impl Inbox {
    fn hope(&self) -> MutexGuard<'_, Hope> {
        self.hope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a failure: how long the agent has been refused, if that is to be said now.
    fn hopeless(&self, kind: Kind) -> Option<Duration> {
        match kind {
            Kind::Refusal => self.hope().refused(Instant::now()),
            // It is about to come, and may know more then.
            Kind::Absence => {
                self.hope().revive();
                None
            }
            Kind::Trouble => None,
        }
    }

    /// Whether a request came before, over another link.
    fn is_known(&self, reply_to: &str) -> bool {
        if reply_to.is_empty() {
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.iter().any(|known| known == reply_to) {
            return true;
        }
        if seen.len() >= REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(reply_to.to_owned());
        false
    }
}
