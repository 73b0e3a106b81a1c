//! From a request to an endpoint and back: who asks, which route, whether they may.
//!
//! The head of a request decides all three, so that nobody sends gigabytes to be told that they may
//! not: the body is asked for by the endpoint.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use crate::call::{self, Call};
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::query::{Query, segments};
use crate::route::Route;
use crate::scopes::{Need, Rights, wanted};
use crate::{Api, auth, endpoints};

struct Server {
    api: Arc<Api>,
    routes: Vec<Route>,
    metrics: Arc<Metrics>,
}

/// All endpoints of a director.
pub fn router(api: Api) -> Router {
    let metrics = Arc::new(Metrics::default());
    let mut routes = endpoints::all();
    routes.push(crate::metrics::health());
    if api.metrics {
        routes.push(crate::metrics::route(&metrics));
    }
    let server = Server {
        api: Arc::new(api),
        routes,
        metrics,
    };
    Router::new().fallback(answer).with_state(Arc::new(server))
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let (pattern, mut response) = match server.dispatch(request).await {
        (pattern, Ok(response)) => (pattern, response),
        (pattern, Err(failure)) => (pattern, failure.into_response()),
    };
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let method = known(&method);
    server
        .metrics
        .record(method, pattern, response.status().as_u16(), begun.elapsed());
    response
}

/// A method's name; anybody can make up others, which must not become rows of their own.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

impl Server {
    /// The pattern of the route, and the answer.
    async fn dispatch(&self, request: Request) -> (&'static str, Result<Response, Failure>) {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let kind = head.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let method = match head.method {
            Method::HEAD => Method::GET,
            ref other => other.clone(),
        };
        let segments = segments(path);
        let found = self.routes.iter().find_map(|route| {
            let fits = route.method == method && route.takes.takes(kind);
            fits.then(|| route.matches(&segments))
                .flatten()
                .map(|params| (route, params))
        });
        let user = auth::user(&head.headers, &self.api.users);
        let is_open = found
            .as_ref()
            .is_some_and(|(route, _)| route.need == Need::Nobody);
        if user.is_none() && !is_open {
            return ("-", Err(Failure::NotAuthenticated(path.to_owned())));
        }
        let Some((route, params)) = found else {
            return ("-", Err(Failure::NoEndpoint(path.to_owned())));
        };
        let scopes = user.map(|user| user.scopes.as_slice()).unwrap_or_default();
        let name = user.map(|user| user.name.clone()).unwrap_or_default();
        let rights = Rights::new(scopes, &self.api.info.uuid);
        let mut call = Call::new(Arc::clone(&self.api), head.headers, body);
        (call.user, call.rights, call.params) = (name, rights, params);
        call.query = Query::parse(head.uri.query().unwrap_or_default());
        let answer = match self.check(&mut call, route.need).await {
            Ok(()) => (route.answer)(call).await,
            Err(failure) => Err(failure),
        };
        (route.pattern, answer)
    }

    /// Whether the sender may, and the deployment that the path names.
    async fn check(&self, call: &mut Call, need: Need) -> Result<(), Failure> {
        let mut teams = Vec::new();
        if matches!(need, Need::DeploymentAdmin | Need::DeploymentRead) {
            let name = call.param("deployment").to_owned();
            let Some(deployment) = call::deployment(&self.api, &name).await? else {
                return Err(Failure::no_deployment(&name));
            };
            teams = call::teams(&deployment.teams);
            call.deployment = Some(deployment);
        }
        match call.rights.meet(need, &teams) {
            true => Ok(()),
            // Nothing of the body was read, and nothing will be.
            false => Err(Failure::forbidden(&wanted(
                need,
                &self.api.info.uuid,
                &teams,
            ))),
        }
    }
}
