//! The director's connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;
use warren_lib_nats::{Client, Event, Events, Message, ServerUrl, Tls};
use warren_lib_telemetry::context;
use warren_wire_agent::envelope::{PROTOCOL, Request, Response};
use warren_wire_agent::subject;

use crate::redact::without_signatures;
use crate::{Agent, Error, calls};

/// Where the bus is, and as whom to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Servers, tried in turn.
    pub servers: Vec<ServerUrl>,
    /// The director's certificate.
    pub tls: Option<Tls>,
    /// This process: answers come to `director.PROCESS.>`.
    pub process: String,
}

/// The director's connection, made again for ever. Clones are the same one.
#[derive(Clone)]
pub struct Bus {
    client: Arc<Client>,
    inbox: Arc<Inbox>,
    process: Arc<str>,
    requests: Arc<AtomicU64>,
}

/// Who waits for which answer.
#[derive(Default)]
struct Inbox {
    waiting: Mutex<HashMap<String, oneshot::Sender<Response>>>,
    trouble: Mutex<String>,
}

impl Events for Inbox {
    fn message(&self, message: Message) {
        let Some((_, request)) = message.subject.rsplit_once('.') else {
            return;
        };
        let waiting = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(request);
        // An answer that is not understood is none: the caller's time runs out and says so.
        if let (Some(waiting), Ok(response)) = (waiting, Response::decode(&message.payload)) {
            let _ = waiting.send(response);
        }
    }

    fn event(&self, event: &Event) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Connected { .. } => trouble.clear(),
            Event::Failed { server, reason, .. } => *trouble = format!("{server}: {reason}"),
            Event::Complaint(text) => trouble.clone_from(text),
        }
    }
}

impl Bus {
    /// Begins to connect.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(options: Options) -> Result<Self, Error> {
        let inbox = Arc::new(Inbox::default());
        let client = Client::start(
            warren_lib_nats::Options {
                servers: options.servers,
                tls: options.tls,
                name: format!("director {}", options.process),
                subjects: vec![format!("director.{}.>", options.process)],
                ping_interval: Duration::from_secs(5),
            },
            Arc::clone(&inbox) as Arc<dyn Events>,
        )
        .map_err(Error::Start)?;
        Ok(Self {
            client: Arc::new(client),
            inbox,
            process: options.process.into(),
            requests: Arc::new(AtomicU64::new(0)),
        })
    }

    /// The agent called `id`.
    #[must_use]
    pub fn agent(&self, id: &str) -> Agent {
        Agent::new(self.clone(), id)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// [`Error::Disconnected`] with the reason of the last failure.
    pub async fn connected(&self, patience: Duration) -> Result<(), Error> {
        let wait = async {
            while !self.client.is_connected() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(patience, wait)
            .await
            .map_err(|_| Error::Disconnected {
                reason: self
                    .inbox
                    .trouble
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
            })
    }

    /// Whether there is a connection now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// The longest message that it carries, bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Says something to whoever listens.
    ///
    /// # Errors
    /// [`Error::Publish`].
    pub fn publish(&self, to: &str, payload: &[u8]) -> Result<(), Error> {
        self.client
            .publish(to, payload)
            .map_err(|source| Error::Publish {
                agent: to.to_owned(),
                method: String::new(),
                source,
            })
    }

    /// Asks an agent, waits for its answer, and tells of it.
    pub(crate) async fn ask(
        &self,
        agent: &str,
        method: &str,
        arguments: Vec<Value>,
        patience: Duration,
    ) -> Result<Value, Error> {
        let begun = Instant::now();
        calls::asked(agent, method, &arguments);
        let answer = self.send(agent, method, arguments, patience).await;
        calls::answered(agent, method, begun.elapsed(), &answer);
        answer
    }

    /// Asks an agent and waits for its answer.
    async fn send(
        &self,
        agent: &str,
        method: &str,
        arguments: Vec<Value>,
        patience: Duration,
    ) -> Result<Value, Error> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        // An agent's log names what it answers to, and so the request that it was asked for.
        let about = context::current().request;
        let id = match about.is_empty() {
            true => format!("{:08x}-{number:08x}", std::process::id()),
            false => format!("{about}-{number:08x}"),
        };
        let request = Request {
            protocol: PROTOCOL,
            method: method.to_owned(),
            arguments,
            reply_to: format!("director.{}.{agent}.{id}", self.process),
        };
        let answered = |value: &str| Error::Answer {
            agent: agent.to_owned(),
            method: method.to_owned(),
            value: value.to_owned(),
        };
        let payload = request
            .encode()
            .map_err(|error| answered(&error.to_string()))?;
        let (sender, receiver) = oneshot::channel();
        self.inbox
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), sender);
        let waiting = Forget {
            inbox: &self.inbox,
            id: &id,
        };
        self.client
            .publish(&subject::requests(agent), &payload)
            .map_err(|source| Error::Publish {
                agent: agent.to_owned(),
                method: method.to_owned(),
                source,
            })?;
        let answer = timeout(patience, receiver).await;
        drop(waiting);
        match answer {
            Ok(Ok(Response::Value(value))) => Ok(value),
            Ok(Ok(Response::Exception(message))) => Err(Error::Exception {
                agent: agent.to_owned(),
                method: method.to_owned(),
                message: without_signatures(&message),
            }),
            // The sender is only dropped with the answer, or when nobody waits.
            Ok(Err(_)) | Err(_) => Err(Error::Timeout {
                agent: agent.to_owned(),
                method: method.to_owned(),
                after: patience,
            }),
        }
    }

    /// Tells an agent something that it does not answer.
    pub(crate) fn tell(
        &self,
        agent: &str,
        method: &str,
        arguments: Vec<Value>,
    ) -> Result<(), Error> {
        let request = Request {
            protocol: PROTOCOL,
            method: method.to_owned(),
            arguments,
            reply_to: format!("director.{}.{agent}.ignored", self.process),
        };
        let payload = request.encode().map_err(|error| Error::Answer {
            agent: agent.to_owned(),
            method: method.to_owned(),
            value: error.to_string(),
        })?;
        self.client
            .publish(&subject::requests(agent), &payload)
            .map_err(|source| Error::Publish {
                agent: agent.to_owned(),
                method: method.to_owned(),
                source,
            })
    }
}

/// Forgets who waits, also when the waiting is given up in between.
struct Forget<'a> {
    inbox: &'a Inbox,
    id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inbox
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(self.id);
    }
}
