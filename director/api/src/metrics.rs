//! Whether the director lives, and how it does, for machines.
//!
//! ```text
//! GET /healthz       at the API's port: 200 if the database answers
//! GET /metrics       gauges out of the rows, and what all processes of the director have counted
//! GET /api_metrics   requests by method and path
//! ```
//!
//! The last two are at the API's port for whoever may look, and at a port of their own without a
//! password, which only the director's own machine reaches. Names of gauges and the two paths are
//! stock's, and so is that port (9091), but there it is a process of its own behind mutual TLS.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get as at;
use warren_director_store::configs::{self, Filter};
use warren_director_store::{Store, attributes, ips, tasks};
use warren_lib_telemetry::metrics::{Counter, Snapshot, Timing};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::cloud_config::{self, CloudConfig, CloudOptions, NetworkKind};
use warren_wire_manifest::yaml::Value;

use crate::Api;
use crate::answer::empty;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

/// What begins the names of all metrics about requests.
const HTTP: &str = "http_server_";

static REQUESTS: Counter = Counter::new(
    "http_server_requests_total",
    "The total number of HTTP requests handled by the director.",
);
static DURATIONS: Timing = Timing::new(
    "http_server_request_duration_seconds",
    "The HTTP response duration of the director.",
);

/// Counts an answer; `path` is the pattern of a route, of which there are few.
pub(crate) fn record(method: &'static str, path: &'static str, status: u16, time: Duration) {
    let code = status.to_string();
    REQUESTS.count(&[("code", &code), ("method", method), ("path", path)]);
    DURATIONS.observe(&[("method", method), ("path", path)], time);
}

/// `GET /healthz`: 200 if the database answers.
pub(crate) fn health() -> Route {
    get("/healthz", Need::Nobody, healthz)
}

async fn healthz(call: Call) -> Result<Response, Failure> {
    tasks::find(call.api.store.pool(), 0).await?;
    Ok(empty(StatusCode::OK))
}

type Snapshots = Pin<Box<dyn Future<Output = Snapshot> + Send>>;

/// What the processes of a director have counted, asked for at each scrape.
#[derive(Clone)]
pub struct Counted(Arc<dyn Fn() -> Snapshots + Send + Sync>);

impl Counted {
    /// Asked for by calling this.
    pub fn new(ask: impl Fn() -> Snapshots + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

/// Both at the API's port, for whoever may look.
pub(crate) fn routes() -> [Route; 2] {
    [
        get("/metrics", Need::Read, |call| async move {
            director(&call.api).await
        }),
        get("/api_metrics", Need::Read, |call| async move {
            Ok(requests(&call.api).await)
        }),
    ]
}

/// Serves both to anybody.
pub fn metrics_router(api: Api) -> Router {
    let api = Arc::new(api);
    let same = Arc::clone(&api);
    let all = move || async move { director(&same).await.into_response() };
    Router::new().route("/metrics", at(all)).route(
        "/api_metrics",
        at(move || async move { requests(&api).await }),
    )
}

async fn director(api: &Api) -> Result<Response, Failure> {
    let mut all = gauges(&api.store, &api.cloud).await?;
    let mut counted = (api.counted.0)().await;
    counted.retain(|name| !name.starts_with(HTTP));
    all.merge(counted);
    Ok(text(&all))
}

async fn requests(api: &Api) -> Response {
    let mut all = (api.counted.0)().await;
    all.retain(|name| name.starts_with(HTTP));
    text(&all)
}

fn text(all: &Snapshot) -> Response {
    let mut response = all.text().into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    response
}

/// What the rows say.
async fn gauges(store: &Store, cloud: &CloudOptions) -> Result<Snapshot, Failure> {
    let pool = store.pool();
    let mut all = Snapshot::default();
    let paused = attributes::get(pool, attributes::RESURRECTION_PAUSED).await?;
    let is = |yes: bool| f64::from(u8::from(yes));
    all.set(
        "bosh_resurrection_enabled",
        "Is resurrection enabled? 0 for disabled, 1 for enabled",
        &[],
        is(paused.as_deref() != Some("true")),
    );
    let deploy = configs::list(pool, &newest("deploy")).await?;
    all.set(
        "bosh_deploy_config_enabled",
        "Is a config of type deploy uploaded? 0 for no, 1 for yes",
        &[],
        is(!deploy.is_empty()),
    );
    let mut gauge = |name: &str, help: &str, labels: &[(&'static str, &str)], count: u128| {
        // Counts beyond 2^53 of anything are addresses of IPv6, of which nobody counts the last.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        all.set(name, help, labels, count as f64);
    };
    for (state, kind, count) in tasks::count_by_kind(pool).await? {
        let count = u128::from(count.unsigned_abs());
        let labels = [("state", state.as_str()), ("type", kind.as_str())];
        // Only these two are stock's; the others are under a name of our own.
        let waits = matches!(state.as_str(), "processing" | "queued");
        if waits {
            gauge("bosh_tasks_total", "Number of BOSH tasks", &labels, count);
        }
        gauge(
            "bosh_director_tasks",
            "Tasks by state and type",
            &labels,
            count,
        );
    }
    let used = ips::list(pool).await?;
    for (name, size) in pools(store, cloud).await? {
        let taken = used
            .iter()
            .filter(|ip| ip.network_name == name && !*ip.static_address)
            .count();
        let free = size.saturating_sub(taken as u128);
        let label = name.to_lowercase().replace(['-', ' '], "_");
        let labels = [("name", label.as_str())];
        gauge(
            "bosh_networks_dynamic_ips_total",
            "Size of network pool for all dynamically allocated IPs",
            &labels,
            size,
        );
        gauge(
            "bosh_networks_dynamic_free_ips_total",
            "Number of dynamical free IPs left per network",
            &labels,
            free,
        );
    }
    Ok(all)
}

fn newest(kind: &str) -> Filter<'_> {
    Filter {
        kind: Some(kind),
        name: None,
        limit: Some(1),
    }
}

/// Manual networks, and how many addresses each has for those who ask for none in particular. A cloud
/// config that cannot be read as it is, because of placeholders, has none.
async fn pools(store: &Store, options: &CloudOptions) -> Result<Vec<(String, u128)>, Failure> {
    let all = configs::list(store.pool(), &newest("cloud")).await?;
    let read = || {
        let values: Vec<Value> = all
            .iter()
            .map(|config| read_manifest(&config.content, "config").map(Value::Map))
            .collect::<Result<_, _>>()
            .ok()?;
        let merged = cloud_config::merged(&values).ok()?;
        CloudConfig::parse(&merged, options).ok()
    };
    let networks = read().map(|cloud| cloud.networks).unwrap_or_default();
    Ok(networks
        .into_iter()
        .filter_map(|network| match network.kind {
            NetworkKind::Manual { subnets, .. } => Some((network.name, subnets)),
            _ => None,
        })
        .map(|(name, subnets)| {
            let size = subnets.iter().map(|subnet| {
                let all = subnet.range.map_or(0, |range| range.range().count());
                let kept = subnet.restricted.iter().chain(&subnet.static_ips);
                let kept: u128 = kept.map(|one| one.range().count()).sum();
                all.saturating_sub(kept)
            });
            (name, size.sum())
        })
        .collect())
}
