//! From a request's bytes to an answer, whatever the bytes are.

use std::cell::RefCell;

use serde_json::Value;
use warren_garden_client::Client;
use warren_wire_cpi::{Call, Request, Response, Version};

use crate::place::Places;
use crate::{Config, Error, garden};

/// The highest version of the contract that a caller may speak.
const HIGHEST: Version = 3;

/// The CPI, for one call.
#[derive(Debug)]
pub struct Cpi {
    pub(crate) config: Config,
    pub(crate) garden: Client,
    /// For the task's log.
    notes: RefCell<Vec<String>>,
    places: RefCell<Option<Places>>,
}

impl Cpi {
    /// As configured; nothing is done yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            garden: garden::client(&config.warden),
            config,
            notes: RefCell::default(),
            places: RefCell::default(),
        }
    }

    /// Tells the task's log.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.notes.borrow_mut().push(text.into());
    }

    /// The directories, made when first needed: `info` leaves no trace.
    pub(crate) fn places(&self) -> Result<Places, Error> {
        let mut known = self.places.borrow_mut();
        if let Some(places) = known.as_ref() {
            return Ok(places.clone());
        }
        Ok(known.insert(Places::new(&self.config.actions)?).clone())
    }

    fn call(&self, request: Request) -> Result<Value, Error> {
        // Asking for the version comes before there is one.
        let version = request.api_version.unwrap_or(1);
        if version > HIGHEST {
            return Err(Error::Version {
                method: request.method,
                version,
            });
        }
        let call = Call::parse(&request.method, request.arguments)?;
        self.carry_out(call, version, &request.context)
    }
}

/// Carries out the request in `input`. All that goes wrong is in the answer.
#[must_use]
pub fn answer(config: Result<Config, crate::ConfigError>, input: &[u8]) -> Response {
    let outcome = read(input).and_then(|request| Ok((request, config?)));
    let (result, notes) = match outcome {
        Err(error) => (Err(error), Vec::new()),
        Ok((request, config)) => {
            let cpi = Cpi::new(config);
            let result = cpi.call(request);
            (result, cpi.notes.into_inner())
        }
    };
    let log: String = notes.iter().map(|note| format!("{note}\n")).collect();
    match result {
        Ok(result) => Response {
            result,
            error: None,
            log,
        },
        Err(error) => Response {
            result: Value::Null,
            error: Some(error.to_wire()),
            log,
        },
    }
}

/// Reads a request.
///
/// # Errors
/// [`Error::Request`], in the words of the stock CPI.
pub fn read(input: &[u8]) -> Result<Request, Error> {
    const NO_JSON: Error = Error::Request("Must provide valid JSON payload");
    let value: Value = serde_json::from_slice(input).map_err(|_| NO_JSON)?;
    let Value::Object(mut object) = value else {
        return Err(NO_JSON);
    };
    let method = object
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if method.is_empty() {
        return Err(Error::Request("Must provide 'method' key"));
    }
    if !object.get("arguments").is_some_and(Value::is_array) {
        return Err(Error::Request("Must provide 'arguments' key"));
    }
    // Neither is looked at by more than this: absent, null and odd ones are the same.
    if !object.get("context").is_some_and(Value::is_object) {
        object.remove("context");
    }
    serde_json::from_value(Value::Object(object)).map_err(|_| NO_JSON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config() -> Result<Config, crate::ConfigError> {
        Config::parse(br#"{"Actions":{"Agent":{"Mbus":"nats://x"}}}"#)
    }

    #[test]
    fn info_needs_nothing_but_a_request() {
        let answer = answer(
            config(),
            br#"{"method":"info","arguments":[1],"context":null}"#,
        );
        assert_eq!(answer.error, None);
        assert_eq!(answer.result["api_version"], 2);
        let bad = super::answer(Config::parse(b"{}"), br#"{"method":"info","arguments":[]}"#);
        assert_eq!(
            bad.error.unwrap().message,
            "configuration: Actions.Agent.Mbus must be given"
        );
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
