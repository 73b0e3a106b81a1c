//! From a request to an endpoint and back: who asks, which route, whether they may.
//!
//! The head of a request decides all three, so that nobody sends gigabytes to be told that they may
//! not: the body is asked for by the endpoint.
//!
//! Each request has an id, the client's `X-Bosh-Request-Id` or a new one. The answer carries it, and so
//! does whatever is logged for the request, for the task that it makes, and for what that asks of CPI
//! and agents. Of a request nothing else is logged but who asked for what: no query, header or body.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use serde_json::json;
use warren_director_store::uuid;
use warren_lib_telemetry::{Context, Level, context, log};

use crate::call::{self, Call};
use crate::failure::Failure;
use crate::query::{Query, segments};
use crate::route::Route;
use crate::scopes::{Need, Rights, wanted};
use crate::{Api, auth, endpoints};

/// The header of a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-bosh-request-id");

struct Server {
    api: Arc<Api>,
    routes: Vec<Route>,
}

/// All endpoints of a director.
pub fn router(api: Api) -> Router {
    let mut routes = endpoints::all();
    routes.push(crate::metrics::health());
    routes.extend(crate::metrics::routes());
    let server = Server {
        api: Arc::new(api),
        routes,
    };
    Router::new().fallback(answer).with_state(Arc::new(server))
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let given = request.headers().get(REQUEST_ID);
    let given = given.and_then(|value| context::acceptable(value.to_str().ok()?));
    let id: Arc<str> = given.map_or_else(|| uuid::new().into(), Into::into);
    let about = Context {
        request: Arc::clone(&id),
        ..Context::default()
    };
    context::within(about, server.answer(&id, request)).await
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
    /// Answers, and tells of it.
    async fn answer(&self, id: &Arc<str>, request: Request) -> Response {
        let begun = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let user = auth::user(request.headers(), &self.api.users);
        let user = user.map(|user| user.name.clone()).unwrap_or_default();
        let (pattern, mut response) = match self.dispatch(id, request).await {
            (pattern, Ok(response)) => (pattern, response),
            (pattern, Err(failure)) => (pattern, failure.into_response()),
        };
        let headers = response.headers_mut();
        headers.insert(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(REQUEST_ID, id);
        }
        let method = known(&method);
        let (status, took) = (response.status().as_u16(), begun.elapsed());
        crate::metrics::record(method, pattern, status, took);
        let mut fields = vec![
            ("method", json!(method)),
            ("path", json!(path)),
            ("status", json!(status)),
            ("ms", log::milliseconds(took)),
            ("user", json!(user)),
        ];
        // The task that it has made.
        if status == 302
            && let Some(place) = response.headers().get(header::LOCATION)
        {
            fields.push(("location", json!(place.to_str().unwrap_or_default())));
        }
        log::line(Level::Info, "request", &fields);
        response
    }

    /// The pattern of the route, and the answer.
    async fn dispatch(
        &self,
        id: &Arc<str>,
        request: Request,
    ) -> (&'static str, Result<Response, Failure>) {
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
        let query = Query::parse(head.uri.query().unwrap_or_default());
        if segments.iter().any(|part| part.contains('\0')) || query.has('\0') {
            return (route.pattern, Err(Failure::nul("path or query")));
        }
        let scopes = user.map(|user| user.scopes.as_slice()).unwrap_or_default();
        let name = user.map(|user| user.name.clone()).unwrap_or_default();
        let rights = Rights::new(scopes, &self.api.info.uuid);
        let mut call = Call::new(Arc::clone(&self.api), head.headers, body);
        (call.user, call.rights, call.params) = (name, rights, params);
        call.request_id = Arc::clone(id);
        call.query = query;
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
