//! One request on its way through an endpoint, and what endpoints have in common.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use warren_director_store::deployments::{self, Deployment};
use warren_director_store::instances::{self, Instance};

use crate::Api;
use crate::failure::Failure;
use crate::query::Query;
use crate::scopes::Rights;

/// The longest text that is taken: manifests and configs are far smaller.
pub(crate) const LONGEST_TEXT: usize = 32 << 20;

/// A request whose sender may make it.
pub(crate) struct Call {
    pub api: Arc<Api>,
    /// The user's name; empty for nobody.
    pub user: String,
    /// What logs call this request.
    pub request_id: Arc<str>,
    pub rights: Rights,
    pub params: Vec<(&'static str, String)>,
    pub query: Query,
    pub headers: HeaderMap,
    /// Behind a lock only because a body cannot be shared, and a request is.
    body: Mutex<Body>,
    /// The deployment that the path names.
    pub deployment: Option<Deployment>,
}

impl Call {
    /// A request of nobody yet, for nothing yet.
    pub(crate) fn new(api: Arc<Api>, headers: HeaderMap, body: Body) -> Self {
        Self {
            api,
            user: String::new(),
            request_id: Arc::from(""),
            rights: Rights::default(),
            params: Vec::new(),
            query: Query::default(),
            headers,
            body: Mutex::new(body),
            deployment: None,
        }
    }

    /// The body, once.
    pub(crate) fn take_body(&mut self) -> Body {
        std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// What stands for `:name` in the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        let mut all = self.params.iter();
        all.find(|(other, _)| *other == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// The deployment that the path names.
    pub(crate) fn deployment(&self) -> Result<&Deployment, Failure> {
        self.deployment
            .as_ref()
            .ok_or_else(|| Failure::no_deployment(self.param("deployment")))
    }

    /// The body as text.
    pub(crate) async fn text(&mut self) -> Result<String, Failure> {
        let body = self.take_body();
        let bytes = to_bytes(body, LONGEST_TEXT).await.map_err(|_| {
            Failure::Text(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The request's body cannot be read, or has more than {LONGEST_TEXT} bytes"),
            )
        })?;
        String::from_utf8(bytes.into())
            .map_err(|_| Failure::bad(40_000, "The request's body is not UTF-8"))
    }

    /// The body as a JSON document.
    pub(crate) async fn json(&mut self) -> Result<Value, Failure> {
        let text = self.text().await?;
        let document = serde_json::from_str(&text).map_err(|error| {
            Failure::bad(
                710_001,
                format!("Incorrect JSON structure of the request's body: {error}"),
            )
        })?;
        match has_nul(&document) {
            true => Err(Failure::nul("body")),
            false => Ok(document),
        }
    }

    /// The body as a JSON object with these keys.
    pub(crate) async fn object<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let document = self.json().await?;
        // An array would be taken for the values in their order.
        if !document.is_object() {
            return Err(Failure::bad(40_000, "JSON object expected"));
        }
        serde_json::from_value(document).map_err(|error| {
            let text = format!("The request's body has a value of another type: {error}");
            Failure::bad(40_000, text)
        })
    }

    /// The client's name for what it does.
    pub(crate) fn context_id(&self) -> Result<String, Failure> {
        let value = self.headers.get("x-bosh-context-id");
        let text = value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match text.len() {
            0..=64 => Ok(text.to_owned()),
            length => Err(Failure::bad(
                70_010,
                format!(
                    "X-Bosh-Context-Id cannot be more than 64 characters in length, got {length}"
                ),
            )),
        }
    }

    /// The instance of the deployment that `:job` and `:id` name; the id is a number or an id.
    pub(crate) async fn instance(&self) -> Result<Instance, Failure> {
        let deployment = self.deployment()?;
        let (job, id) = (self.param("job"), self.param("id"));
        let all = self.instances().await?;
        let mut all = all.into_iter();
        all.find(|one| one.job == job && is_called(one, id))
            .ok_or_else(|| no_instance(&deployment.name, job, id))
    }

    /// The instances of the deployment but those that only compile.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, Failure> {
        let deployment = self.deployment()?;
        let mut all = instances::of_deployment(self.api.store.pool(), deployment.id).await?;
        all.retain(|one| !*one.compilation);
        Ok(all)
    }
}

/// Whether a text of a document has a character that PostgreSQL does not keep.
fn has_nul(document: &Value) -> bool {
    match document {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Whether an id, or a number, names an instance of its group.
pub(crate) fn is_called(instance: &Instance, id: &str) -> bool {
    instance.uuid == id || (is_index(id) && instance.index_number.to_string() == id)
}

/// Whether a text is a number of an instance.
pub(crate) fn is_index(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn no_instance(deployment: &str, job: &str, id: &str) -> Failure {
    Failure::missing(
        70_001,
        format!("Instance '{job}/{id}' in deployment '{deployment}' doesn't exist"),
    )
}

/// Names of teams, as a column has them.
pub(crate) fn teams(column: &str) -> Vec<String> {
    serde_json::from_str(column).unwrap_or_default()
}

/// Reads the deployment that a path names.
pub(crate) async fn deployment(api: &Api, name: &str) -> Result<Option<Deployment>, Failure> {
    Ok(deployments::find(api.store.pool(), name).await?)
}
