//! URLs by which agents get and put blobs, so that their machines need no password of the blobstore.
//!
//! ```text
//! signed URLs are wanted, and the stemcell's API version is 3 ── blobstores without user and password,
//! │                                                              a URL in each request
//! └─ otherwise, or the machine was told the password ────────── ids of blobs
//! ```
//!
//! A URL is made when an agent is asked, not when that is planned, so that no queue is too long for it; who
//! is asked again gets another. It is a password itself: it is in no row and in no log. Source: reference of
//! the agent's protocol, section 14.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use warren_director_blobstore::{Method, Signer};
use warren_director_bus::Agent;
use warren_director_store::intents::{self, Kind};
use warren_director_store::now;
use warren_director_store::vms::Vm;

use crate::deliver::Archive;
use crate::fingerprints::of_blobstores;
use crate::{Config, Engine, Error, Task, intent};

/// The API version of stemcells whose agents know signed URLs.
const SINCE: i64 = 3;
/// What blobstores that agents know are told with, and what a URL replaces.
const CREDENTIALS: [&str; 2] = ["user", "password"];
/// How often an agent is asked again whose URLs have gone bad meanwhile.
const TRIES: u32 = 3;

/// How URLs are signed.
#[derive(Debug, Clone)]
pub struct SignedUrls {
    /// Signs.
    pub signer: Signer,
    /// Where agents reach the blobstore: `https://HOST:PORT`.
    pub endpoint: String,
    /// Whether machines that know them are made without a password. Those that were made so get URLs either
    /// way, until they are told the password.
    pub wanted: bool,
    /// For how long a blob can be fetched.
    pub get: Duration,
    /// For how long one can be put: a compilation lies before it.
    pub put: Duration,
}

impl SignedUrls {
    /// For an hour, and for a day.
    #[must_use]
    pub fn new(signer: Signer, endpoint: String, wanted: bool) -> Self {
        Self {
            signer,
            endpoint,
            wanted,
            get: Duration::from_secs(3600),
            put: Duration::from_secs(86_400),
        }
    }

    /// Where a blob is fetched.
    pub fn to_get(&self, blob: &str) -> String {
        self.url(Method::Get, blob, self.get)
    }

    /// Where a blob is put.
    pub fn to_put(&self, blob: &str) -> String {
        self.url(Method::Put, blob, self.put)
    }

    fn url(&self, method: Method, blob: &str, life: Duration) -> String {
        let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        self.signer
            .url(&self.endpoint, method, blob, now(), seconds)
    }

    /// An apply spec with URLs for its packages and, if the blobstore has it, the archive of its jobs. The
    /// latter is ours: stock has no way for what does not fit the bus (see `too_large`).
    fn spec(&self, document: &Value, archive: Option<&Archive>) -> Value {
        let mut document = document.clone();
        let packages = document.get_mut("packages").and_then(Value::as_object_mut);
        for package in packages.into_iter().flat_map(Map::values_mut) {
            let id = package.get("blobstore_id").and_then(Value::as_str);
            if let Some(url) = id.map(|id| self.to_get(id)) {
                package["signed_url"] = json!(url);
            }
        }
        if let Some(archive) = archive.filter(|archive| archive.is_stored) {
            document["rendered_templates_archive"]["signed_url"] = json!(self.to_get(&archive.id));
        }
        document
    }
}

/// The blobstores that a machine of a stemcell of this API version is told.
pub fn blobstores(config: &Config, api_version: Option<i64>) -> Option<Value> {
    let all = config.agent_env.get("blobstores")?;
    let is_wanted = config.signed_urls.as_ref().is_some_and(|urls| urls.wanted);
    Some(match is_wanted && knows(api_version) {
        true => without_credentials(all),
        false => all.clone(),
    })
}

/// How URLs for a machine are signed; `None` if it has the blobstore's password.
pub fn urls<'e>(engine: &'e Engine, vm: &Vm) -> Option<&'e SignedUrls> {
    let urls = engine.config.signed_urls.as_ref()?;
    let all = engine.config.agent_env.get("blobstores");
    let has_none = || {
        let bare = all.map(|all| of_blobstores(&without_credentials(all)));
        bare.is_some() && vm.blobstore_config_sha1 == bare
    };
    (knows(vm.stemcell_api_version) && (urls.wanted || has_none())).then_some(urls)
}

/// Gives an agent an apply spec to `prepare` or `apply`.
///
/// # Errors
/// What the agent says; [`Error::Cancelled`].
pub async fn give_spec(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    method: &str,
    document: &Value,
    archive: Option<&Archive>,
) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    match urls(engine, vm) {
        Some(urls) => {
            let arguments = || vec![urls.spec(document, archive)];
            let answer = ask(task, &agent, method, urls.get, arguments).await;
            let is_stored = archive.is_some_and(|archive| archive.is_stored);
            answer.map_err(|error| match is_stored && wants_password(&error) {
                true => too_large(engine, &error),
                false => error,
            })?;
        }
        None => drop(agent.run(method, vec![document.clone()], task).await?),
    }
    Ok(())
}

/// Whether an agent asked the blobstore by id, without the password that it was not told.
fn wants_password(error: &Error) -> bool {
    matches!(error, Error::Bus(error) if error.says(" 401"))
}

/// Stock's agents know no URL for the archive of jobs.
fn too_large(engine: &Engine, error: &Error) -> Error {
    let message = format!(
        "{}: the instance's rendered templates are more than NATS carries in one message ({} bytes), and this \
         agent cannot get them by a signed URL. Raise max_payload of the NATS server (8MB is what Warren's own \
         has), or make the machine with the blobstore's password, which is without signed URLs",
        error.story(),
        engine.bus.max_payload()
    );
    Error::refused(error.code(), message)
}

/// Asks an agent with URLs that are good for `life`. One that is refused after that is asked again with new
/// ones: it took long until it came to them.
///
/// # Errors
/// What the agent says; [`Error::Cancelled`].
pub async fn ask(
    task: &Task,
    agent: &Agent,
    method: &str,
    life: Duration,
    arguments: impl Fn() -> Vec<Value>,
) -> Result<Value, Error> {
    let mut left = TRIES;
    loop {
        let begun = Instant::now();
        left -= 1;
        match agent.run(method, arguments(), task).await {
            Err(error) if left > 0 && error.says("403") && begun.elapsed() >= life => {
                task.log(&format!(
                    "agent {} came to the blobstore when its URLs were not good any more: {method} is asked \
                     again with new ones",
                    agent.id()
                ));
            }
            done => return Ok(done?),
        }
    }
}

/// Asks an agent for what it puts into the blobstore for an owner (see [`intent`]), with an argument that follows
/// from the URL for that. The result is its answer and the blob's id, which is an intent until the caller has a row
/// of it.
///
/// # Errors
/// What the agent says, when nothing of the blob stays; [`Error::Cancelled`].
pub async fn ask_for_blob(
    engine: &Engine,
    task: &Task,
    (agent, owner): (&Agent, &str),
    method: &str,
    urls: &SignedUrls,
    argument: impl Fn(String) -> Value,
) -> Result<(Value, String), Error> {
    let blob = intent::announce(engine, task, Kind::Blob, "", owner).await?;
    let arguments = || vec![argument(urls.to_put(&blob))];
    let answer = ask(task, agent, method, urls.get.min(urls.put), arguments).await;
    match answer {
        Ok(answer) => Ok((answer, blob)),
        Err(error) => {
            let undone = async {
                engine.blobs.delete(&blob).await?;
                // One that did not say that it has ended may put it there still.
                if matches!(
                    error,
                    Error::Bus(warren_director_bus::Error::Exception { .. })
                ) {
                    intents::delete(engine.store.pool(), &blob).await?;
                }
                Ok::<(), Error>(())
            };
            if let Err(second) = undone.await {
                task.log(&second.story());
            }
            Err(error)
        }
    }
}

fn knows(api_version: Option<i64>) -> bool {
    api_version.is_some_and(|version| version >= SINCE)
}

fn without_credentials(blobstores: &Value) -> Value {
    let mut all = blobstores.clone();
    for one in all.as_array_mut().into_iter().flatten() {
        if let Some(options) = one.get_mut("options").and_then(Value::as_object_mut) {
            options.retain(|key, _| !CREDENTIALS.contains(&key.as_str()));
        }
    }
    all
}
