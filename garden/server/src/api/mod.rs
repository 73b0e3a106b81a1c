//! Garden's API: one file for each kind of call, which decodes, calls the gardener, and encodes.
//!
//! Nothing here knows how anything is done, and nothing is logged but method, path without query,
//! status, time and the client's trace id.

mod attach;
mod bulk;
mod capacity;
mod create;
mod destroy;
mod grace_time;
mod info;
mod limits;
mod list;
mod metrics;
mod net_in;
mod net_out;
mod output;
mod ping;
mod properties;
mod run;
mod stop;
mod stream_in;
mod stream_out;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::json::{self, Empty};
use warren_wire_garden::route::{self, Found, Route};

use crate::gardener::{Gardener, InUse};
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::connection::Handler;
use crate::http::head::Head;
use crate::process::attachments::Attachments;

/// Most bytes of a JSON body.
const MOST_JSON: usize = 16 << 20;

/// The header by which clients follow a request.
const TRACE: &str = "x-vcap-request-id";

/// Answers Garden's calls.
pub struct Api {
    gardener: Arc<Gardener>,
    attachments: Arc<Attachments>,
}

/// One call.
struct Call<'a> {
    /// The container's handle, where the path has one.
    handle: String,
    found: &'a Found,
    query: &'a str,
}

impl Api {
    /// An API in front of a gardener.
    #[must_use]
    pub fn new(gardener: Arc<Gardener>) -> Self {
        Self {
            gardener,
            attachments: Arc::default(),
        }
    }

    /// The server ends; see [`Attachments::end`].
    pub fn end(&self) {
        self.attachments.end();
    }

    async fn dispatch(&self, head: &Head, body: &mut Body<'_>) -> Answer {
        let (path, query) = route::split_target(&head.target);
        let found = match route::find(&head.method, path) {
            // Without a body there is nothing to take over or to stream.
            Ok(found)
                if head.method == "HEAD"
                    && (found.route.takes_over() || found.route == Route::StreamOut) =>
            {
                return Answer::text(405, "Method Not Allowed")
                    .with_header("Allow", "GET".to_owned());
            }
            Ok(found) => found,
            Err(none) => {
                let answer = Answer::text(none.status(), &none.to_string());
                return match none {
                    route::NoRoute::MethodNotAllowed { allow } => {
                        answer.with_header("Allow", allow)
                    }
                    route::NoRoute::NotFound => answer,
                };
            }
        };
        let call = Call {
            handle: found.params.get("handle").unwrap_or_default().to_owned(),
            found: &found,
            query,
        };
        let outcome = match found.route {
            Route::Ping => ping::answer(self).await,
            Route::Capacity => capacity::answer(self).await,
            Route::List => list::answer(self, &call),
            Route::Create => create::answer(self, body).await,
            Route::Info => info::answer(self, &call).await,
            Route::BulkInfo => bulk::info(self, &call).await,
            Route::BulkMetrics => bulk::metrics(self, &call).await,
            Route::Destroy => destroy::answer(self, &call).await,
            Route::Stop => stop::answer(self, &call, body).await,
            Route::StreamIn => stream_in::answer(self, &call, body).await,
            Route::StreamOut => stream_out::answer(self, &call).await,
            Route::CurrentBandwidthLimits => limits::bandwidth(self, &call),
            Route::CurrentCPULimits => limits::cpu(self, &call).await,
            Route::CurrentDiskLimits => limits::disk(self, &call),
            Route::CurrentMemoryLimits => limits::memory(self, &call).await,
            Route::NetIn => net_in::answer(self, &call, body).await,
            Route::NetOut => net_out::one(self, &call, body).await,
            Route::BulkNetOut => net_out::several(self, &call, body).await,
            Route::Stdout => output::stdout(self, &call),
            Route::Stderr => output::stderr(self, &call),
            Route::Run => run::answer(self, &call, body).await,
            Route::Attach => attach::answer(self, &call).await,
            Route::SetGraceTime => grace_time::answer(self, &call, body).await,
            Route::Properties => properties::all(self, &call).await,
            Route::Property => properties::get(self, &call).await,
            Route::SetProperty => properties::set(self, &call, body).await,
            Route::RemoveProperty => properties::remove(self, &call).await,
            Route::Metrics => metrics::answer(self, &call).await,
        };
        let answer = outcome.unwrap_or_else(|error| {
            // An error of a few bytes always has a JSON form.
            let text = json::encode(&error).unwrap_or_default();
            let name = found.route.entry().name;
            let trace = head.header(TRACE).unwrap_or_default();
            // What the caller got wrong is the caller's to tell; the text may quote its words.
            self.gardener.log().info(
                "request failed",
                &[
                    ("call", name),
                    ("handle", &call.handle),
                    ("type", error.type_name()),
                    ("trace", trace),
                ],
            );
            Answer::with_status(error.status(), text)
        });
        match head.header(TRACE) {
            Some(trace) => answer.with_header("X-Vcap-Request-Id", trace.to_owned()),
            None => answer,
        }
    }

    /// Calls the gardener on a blocking thread.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Gardener) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let gardener = Arc::clone(&self.gardener);
        blocking(move || work(&gardener)).await?
    }

    /// The same on behalf of a container, which is in use meanwhile.
    async fn call_on<T: Send + 'static>(
        &self,
        call: &Call<'_>,
        work: impl FnOnce(&Gardener, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let in_use = self.enter(call)?;
        self.call(move |gardener| work(gardener, &in_use.container.handle))
            .await
    }

    fn enter(&self, call: &Call<'_>) -> Result<InUse, Error> {
        self.gardener.enter(&call.handle)
    }
}

/// Work that takes its time, on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Plain(format!("the server broke down over this: {error}")))
}

/// Reads a JSON body.
async fn read<T: DeserializeOwned>(body: &mut Body<'_>) -> Result<T, Error> {
    let bytes = body.whole(MOST_JSON).await;
    let bytes = bytes.map_err(|error| Error::Plain(chain(&error)))?;
    json::decode(&bytes).map_err(|error| Error::Plain(format!("request body: {}", chain(&error))))
}

/// Writes a JSON answer.
fn write<T: Serialize>(value: &T) -> Result<Answer, Error> {
    let bytes = json::encode(value);
    bytes
        .map(Answer::json)
        .map_err(|error| Error::Plain(chain(&error)))
}

/// The answer of calls that have nothing to say.
fn nothing() -> Result<Answer, Error> {
    write(&Empty {})
}

impl Handler for Api {
    fn answer<'a>(
        &'a self,
        head: &'a Head,
        body: &'a mut Body<'_>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.dispatch(head, body))
    }
}
