//! A CPI, and what it was found to be able to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use warren_wire_cpi::{Call, ErrorKind, Request, Response, Version};

use crate::methods::Info;
use crate::{Error, calls, process};

/// How long a CPI that says that it may help is left alone between tries: what it works with is being
/// started again, say.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// Whether a call may be made twice for one.
fn is_repeatable(call: &Call) -> bool {
    matches!(
        call,
        Call::HasVm { .. }
            | Call::HasDisk { .. }
            | Call::DeleteVm { .. }
            | Call::DeleteDisk { .. }
            | Call::DeleteStemcell { .. }
            | Call::SetVmMetadata { .. }
            | Call::SetDiskMetadata { .. }
            | Call::AttachDisk { .. }
            | Call::DetachDisk { .. }
            | Call::GetDisks { .. }
    )
}

/// Where lines about calls go: the task's CPI log.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// How a CPI is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program with its arguments.
    pub command: Vec<PathBuf>,
    /// Who asks.
    pub director_uuid: String,
    /// Added to every call's context, from a CPI config.
    pub properties: Map<String, Value>,
    /// The latest version of the contract to use.
    pub preferred_version: Version,
}

/// A CPI. Clones share what was found out; cheap.
#[derive(Clone)]
pub struct Cpi {
    settings: Arc<Settings>,
    info: Arc<OnceCell<Info>>,
    requests: Arc<AtomicU32>,
    log: Log,
}

impl Cpi {
    /// A CPI that nobody has asked yet.
    #[must_use]
    pub fn new(settings: Settings, log: Log) -> Self {
        Self {
            settings: Arc::new(settings),
            info: Arc::new(OnceCell::new()),
            requests: Arc::new(AtomicU32::new(std::process::id())),
            log,
        }
    }

    /// Another CPI of the same director, with what a CPI config says of it.
    #[must_use]
    pub fn another(&self, program: PathBuf, properties: Map<String, Value>) -> Self {
        let settings = Settings {
            command: vec![program],
            director_uuid: self.settings.director_uuid.clone(),
            properties,
            preferred_version: self.settings.preferred_version,
        };
        // Whoever calls it says where its lines go.
        Self::new(settings, Arc::new(|_| ()))
    }

    /// Where lines about its calls go.
    #[must_use]
    pub fn log(&self) -> Log {
        Arc::clone(&self.log)
    }

    /// The same CPI with another log.
    #[must_use]
    pub fn with_log(&self, log: Log) -> Self {
        Self {
            log,
            ..self.clone()
        }
    }

    /// What the CPI can; asked once.
    ///
    /// # Errors
    /// As [`Cpi::call`], and [`Error::Version`].
    pub async fn info(&self) -> Result<&Info, Error> {
        self.info.get_or_try_init(|| self.ask_info()).await
    }

    async fn ask_info(&self) -> Result<Info, Error> {
        let answer = match self.send(&Call::Info, None, None, Map::new()).await {
            Err(error) if error.kind() == Some(ErrorKind::NotImplemented) => {
                return Err(Error::Version {
                    found: "a CPI without info".to_owned(),
                });
            }
            answer => answer?,
        };
        let reported = answer.get("api_version").and_then(Value::as_u64);
        let version = reported
            .and_then(|version| Version::try_from(version).ok())
            .filter(|version| *version >= 2)
            .ok_or_else(|| Error::Version {
                found: reported.map_or_else(|| "none".to_owned(), |version| version.to_string()),
            })?;
        let formats = answer
            .get("stemcell_formats")
            .and_then(Value::as_array)
            .map(|list| {
                list.iter()
                    .filter_map(Value::as_str)
                    .map(ToOwned::to_owned)
                    .collect()
            });
        Ok(Info {
            api_version: version.min(self.settings.preferred_version),
            stemcell_formats: formats,
        })
    }

    /// Makes a call for a machine made of a stemcell with this version of the agent's interface.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn call(&self, call: &Call, stemcell_api: Option<i64>) -> Result<Value, Error> {
        self.call_with(call, stemcell_api, Map::new()).await
    }

    /// As [`call`](Self::call), with more in the call's context.
    pub(crate) async fn call_with(
        &self,
        call: &Call,
        stemcell_api: Option<i64>,
        said: Map<String, Value>,
    ) -> Result<Value, Error> {
        let version = self.info().await?.api_version;
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self
                .send(call, Some(version), stemcell_api, said.clone())
                .await;
            match answer {
                Err(error)
                    if error.ok_to_retry() && !error.is_unsupported() && is_repeatable(call) =>
                {
                    let Some(pause) = pauses.next() else {
                        return Err(error);
                    };
                    (self.log)(&format!("{error}: tried again"));
                    calls::again(call.method(), *pause);
                    tokio::time::sleep(*pause).await;
                }
                answer => return answer,
            }
        }
    }

    /// Makes a call and tells of it.
    async fn send(
        &self,
        call: &Call,
        version: Option<Version>,
        stemcell_api: Option<i64>,
        said: Map<String, Value>,
    ) -> Result<Value, Error> {
        let begun = std::time::Instant::now();
        // As stock's look, which CPIs have in their logs; ours have the request's id beside it.
        let number = self
            .requests
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(2_654_435_761)
            % 1_000_000;
        let request_id = format!("cpi-{number:06}");
        calls::asked(call, &request_id);
        let answer = self
            .exchange(call, version, (stemcell_api, said), &request_id)
            .await;
        calls::answered(call.method(), &request_id, begun.elapsed(), &answer);
        answer
    }

    async fn exchange(
        &self,
        call: &Call,
        version: Option<Version>,
        (stemcell_api, said): (Option<i64>, Map<String, Value>),
        request_id: &str,
    ) -> Result<Value, Error> {
        let mut context = Map::new();
        context.insert("director_uuid".into(), json!(self.settings.director_uuid));
        context.insert("request_id".into(), json!(request_id));
        context.extend(self.settings.properties.clone());
        context.extend(said);
        if let Some(api) = stemcell_api {
            context.insert("vm".into(), json!({"stemcell": {"api_version": api}}));
        }
        let method = call.method();
        let request = Request {
            method: method.to_owned(),
            arguments: call.arguments(),
            context,
            api_version: version,
        };
        let begun = std::time::Instant::now();
        let response = process::run(&self.settings.command, &request).await;
        let took = begun.elapsed().as_millis();
        let said = match &response {
            Ok(process::Answer { said, .. }) => said.as_str(),
            Err(_) => "",
        };
        let outcome = if response.is_ok() {
            "answered"
        } else {
            "failed"
        };
        (self.log)(&format!(
            "[{request_id}] {method} {outcome} in {took} ms\n{said}"
        ));
        let answer = response?;
        let wrong = |reason: String| Error::Response {
            method,
            request_id: request_id.to_owned(),
            reason,
        };
        if answer.is_cut {
            let most = process::MOST >> 20;
            return Err(wrong(format!("it is longer than {most} MiB")));
        }
        let response: Response = serde_json::from_slice(&answer.output).map_err(|error| {
            let said: String = answer.said.chars().rev().take(2000).collect();
            let said: String = said.chars().rev().collect();
            wrong(format!("{error}; exit {}; it said: {said}", answer.exit))
        })?;
        if !response.log.is_empty() {
            (self.log)(&response.log);
        }
        match response.error {
            None => Ok(response.result),
            Some(error) => Err(Error::Refused {
                kind: ErrorKind::of(&error.kind, &error.message),
                name: error.kind,
                message: error.message,
                method,
                request_id: request_id.to_owned(),
                ok_to_retry: error.ok_to_retry,
            }),
        }
    }
}
