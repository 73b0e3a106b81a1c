//! One repository of one registry: asking, being asked who one is, asking again.

mod upload;

use std::sync::Mutex;

use serde::Deserialize;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::MOST_BYTES;

use crate::auth::bearer;
use crate::challenge::Challenge;
use crate::http::{Answer, Client, Headers, document, shown};
use crate::retry::retried;
use crate::{Credentials, Error, Settings};

pub(crate) use upload::Content;

/// Where one repository is, and who asks for it.
#[derive(Debug)]
pub(crate) struct Repository {
    client: Client,
    registry: String,
    scheme: &'static str,
    repository: String,
    credentials: Option<Credentials>,
    pub(crate) tries: u32,
    authorization: Mutex<Option<Secret>>,
}

/// A header that is not to be seen.
#[derive(Clone, PartialEq, Eq)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// How registries tell what is wrong.
#[derive(Deserialize)]
struct Complaints {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Repository {
    /// Finds out how the registry is spoken to. One that may be insecure is still asked with
    /// encryption first.
    pub(crate) fn new(
        registry: &str,
        repository: &str,
        credentials: Option<&Credentials>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let is_insecure = settings.is_insecure(registry);
        let client = Client::new(settings, is_insecure)?;
        let mut scheme = "https";
        if is_insecure {
            let url = format!("https://{registry}/v2/");
            if client.get(&url, Headers::default()).is_err() {
                scheme = "http";
            }
        }
        Ok(Self {
            client,
            registry: registry.to_owned(),
            scheme,
            repository: repository.to_owned(),
            credentials: credentials.cloned(),
            tries: settings.tries,
            authorization: Mutex::new(None),
        })
    }

    /// `manifests/REFERENCE` and `blobs/DIGEST` of it.
    pub(crate) fn url(&self, kind: &str, name: &str) -> String {
        format!(
            "{}://{}/v2/{}/{kind}/{name}",
            self.scheme, self.registry, self.repository
        )
    }

    /// A document as a whole, with its media type; checked if its digest is known.
    pub(crate) fn document(
        &self,
        url: &str,
        accept: Option<&str>,
        expected: Option<Digest>,
    ) -> Result<(Vec<u8>, String), Error> {
        retried(self.tries, || {
            let answer = self.get(url, accept, 0)?;
            let kind = answer.headers().get("content-type");
            let kind = kind.and_then(|kind| kind.to_str().ok());
            let kind = kind.unwrap_or_default().to_owned();
            let bytes = document(answer, url, MOST_BYTES)?;
            let actual = Digest::of(&bytes);
            match expected {
                Some(expected) if expected != actual => Err(Error::Digest {
                    url: shown(url),
                    expected,
                    actual,
                }),
                _ => Ok((bytes, kind)),
            }
        })
    }

    /// Bytes from `from` on; an answer with status 200 or 206.
    pub(crate) fn get(&self, url: &str, accept: Option<&str>, from: u64) -> Result<Answer, Error> {
        let known = self.known();
        let answer = self.ask(url, accept, from, known.as_ref())?;
        if answer.status().as_u16() != 401 {
            return self.checked(answer, url);
        }
        // Not known yet, or a token that is too old.
        let fresh = self.authenticate(&answer, url)?;
        let answer = self.ask(url, accept, from, Some(&fresh))?;
        *self
            .authorization
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fresh);
        self.checked(answer, url)
    }

    fn known(&self) -> Option<Secret> {
        let known = self.authorization.lock();
        known
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn ask(
        &self,
        url: &str,
        accept: Option<&str>,
        from: u64,
        secret: Option<&Secret>,
    ) -> Result<Answer, Error> {
        let headers = Headers {
            accept,
            authorization: secret.map(|secret| secret.0.as_str()),
            from,
        };
        self.client.get(url, headers)
    }

    fn authenticate(&self, answer: &Answer, url: &str) -> Result<Secret, Error> {
        let headers = answer.headers().get_all("www-authenticate");
        let challenge = Challenge::find(headers.iter().filter_map(|value| value.to_str().ok()));
        let header = match (challenge, &self.credentials) {
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope,
                }),
                credentials,
            ) => bearer(
                &self.client,
                &self.registry,
                &self.repository,
                (&realm, service.as_deref(), scope.as_deref()),
                credentials.as_ref(),
            )?,
            (Some(Challenge::Basic), Some(credentials)) => credentials.basic(),
            (Some(Challenge::Basic), None) => {
                return Err(Error::NotFound { url: shown(url) });
            }
            (None, _) => {
                return Err(Error::Challenge {
                    registry: self.registry.clone(),
                    how: "in a way that is not known",
                });
            }
        };
        Ok(Secret(header))
    }

    fn checked(&self, answer: Answer, url: &str) -> Result<Answer, Error> {
        let status = answer.status().as_u16();
        match status {
            200 | 206 => Ok(answer),
            401 if self.credentials.is_some() => Err(Error::Unauthorized {
                registry: self.registry.clone(),
            }),
            401 | 403 | 404 => Err(Error::NotFound { url: shown(url) }),
            _ => Err(Error::Status {
                url: shown(url),
                status,
                message: complaint(answer),
            }),
        }
    }
}

/// What the registry says is wrong, bounded and in one line.
fn complaint(answer: Answer) -> String {
    let bytes = document(answer, "", 64 * 1024).unwrap_or_default();
    let complaints = serde_json::from_slice::<Complaints>(&bytes);
    let Some(first) = complaints
        .ok()
        .and_then(|all| all.errors.into_iter().next())
    else {
        return String::new();
    };
    let text: String = format!(": {} {}", first.code, first.message)
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(300)
        .collect();
    text.trim_end().to_owned()
}
