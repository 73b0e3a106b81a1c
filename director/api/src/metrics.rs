//! Whether the director lives, and how it does, for machines: `/healthz` and `/metrics`, without a
//! password.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use warren_director_store::tasks;

use crate::answer::empty;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

/// Upper bounds of the classes of durations, in milliseconds.
const BOUNDS: [u64; 7] = [5, 20, 100, 500, 2_000, 10_000, 60_000];

#[derive(Default)]
struct Requests {
    count: u64,
    /// Nanoseconds.
    time: u128,
    classes: [u64; BOUNDS.len()],
}

/// Requests by method, route and status since the start. Routes are patterns, so there are few.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<(&'static str, &'static str, u16), Requests>>);

impl Metrics {
    /// Counts an answer.
    pub(crate) fn record(
        &self,
        method: &'static str,
        route: &'static str,
        status: u16,
        time: Duration,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = all.entry((method, route, status)).or_default();
        requests.count += 1;
        requests.time += time.as_nanos();
        for (class, bound) in requests.classes.iter_mut().zip(BOUNDS) {
            *class += u64::from(time <= Duration::from_millis(bound));
        }
    }

    /// Prometheus' text format.
    fn text(&self, tasks: &[(String, i64)]) -> String {
        let mut out = String::new();
        out.push_str(
            "# HELP bosh_director_tasks Tasks by state.\n# TYPE bosh_director_tasks gauge\n",
        );
        for (state, count) in tasks {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "bosh_director_tasks{{state=\"{state}\"}} {count}");
        }
        out.push_str(
            "# HELP bosh_director_http_request_duration_seconds Answers by method, route and status.\n\
             # TYPE bosh_director_http_request_duration_seconds histogram\n",
        );
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, route, status), requests) in all.iter() {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let name = "bosh_director_http_request_duration_seconds";
            for (class, bound) in requests.classes.iter().zip(BOUNDS) {
                let seconds = Duration::from_millis(bound).as_secs_f64();
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{seconds}\"}} {class}");
            }
            let _ = writeln!(
                out,
                "{name}_bucket{{{labels},le=\"+Inf\"}} {}",
                requests.count
            );
            let time = u64::try_from(requests.time).unwrap_or(u64::MAX);
            let seconds = Duration::from_nanos(time).as_secs_f64();
            let _ = writeln!(out, "{name}_sum{{{labels}}} {seconds}");
            let _ = writeln!(out, "{name}_count{{{labels}}} {}", requests.count);
        }
        out
    }
}

/// `GET /metrics`.
pub(crate) fn route(metrics: &Arc<Metrics>) -> Route {
    let metrics = Arc::clone(metrics);
    get("/metrics", Need::Nobody, move |call: Call| {
        let metrics = Arc::clone(&metrics);
        async move {
            let tasks = tasks::count_by_state(call.api.store.pool()).await?;
            let mut response = Response::new(Body::from(metrics.text(&tasks)));
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/plain; version=0.0.4"),
            );
            Ok(response)
        }
    })
}

/// `GET /healthz`: 200 if the database answers.
pub(crate) fn health() -> Route {
    get("/healthz", Need::Nobody, healthz)
}

async fn healthz(call: Call) -> Result<Response, Failure> {
    tasks::find(call.api.store.pool(), 0).await?;
    Ok(empty(StatusCode::OK))
}
