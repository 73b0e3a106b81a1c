//! Requests that carry something, or only ask whether something is there. They are not redirected:
//! registries answer uploads themselves.

use std::fs::File;
use std::path::Path;

use super::{Answer, Client, parsed, shown};
use crate::Error;

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    /// `HEAD`: nothing, and nothing comes back.
    Head,
    /// `POST` of nothing.
    Post,
    /// `PUT` of bytes, with their media type.
    Put(&'a [u8], &'a str),
    /// `PUT` of a file, all of it.
    PutFile(&'a Path),
}

impl Client {
    /// Sends; any status is an answer.
    pub(crate) fn send(
        &self,
        url: &str,
        authorization: Option<&str>,
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        let uri = parsed(url)?;
        let authority = match (uri.host(), uri.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let special = match uri.scheme_str() {
            Some("https") => self.special(&authority)?,
            _ => None,
        };
        let agent = special.as_ref().map_or(&self.agent, |own| &own.agent);
        let authorize = |value: &str| ("authorization", value.to_owned());
        let header = authorization.map(authorize);
        let sent = match body {
            Body::Head => {
                let mut request = agent.head(&uri);
                if let Some((key, value)) = header {
                    request = request.header(key, value);
                }
                request.call()
            }
            Body::Post => {
                let mut request = agent.post(&uri);
                if let Some((key, value)) = header {
                    request = request.header(key, value);
                }
                request.send_empty()
            }
            Body::Put(bytes, kind) => {
                let mut request = agent.put(&uri).header("content-type", kind);
                if let Some((key, value)) = header {
                    request = request.header(key, value);
                }
                request.send(bytes)
            }
            Body::PutFile(path) => {
                let local = |source| Error::Local {
                    path: path.to_owned(),
                    source,
                };
                let file = File::open(path).map_err(local)?;
                let length = file.metadata().map_err(local)?.len();
                let mut request = agent
                    .put(&uri)
                    .header("content-type", "application/octet-stream")
                    .header("content-length", length.to_string());
                if let Some((key, value)) = header {
                    request = request.header(key, value);
                }
                request.send(file)
            }
        };
        sent.map_err(|error| Error::Transport {
            url: shown(url),
            source: Box::new(error),
        })
    }
}
