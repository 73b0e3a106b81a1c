//! Who we are: a user with a password, or a token of a token server (UAA).
//!
//! A token is asked for when it is first needed, and again shortly before it runs out or when the
//! director does not take it any more. Token servers may take a refresh token only once, so that
//! each new one is given to whoever keeps it before the token that came with it is used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Error;
use crate::uaa::{TokenServer, Tokens, basic};

/// So long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// How to prove who we are.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Nobody,
    /// HTTP basic, or a client of the token server where the director has one.
    User {
        /// User or client.
        name: String,
        /// Password or secret.
        password: String,
    },
    /// A token that the token server exchanges for others.
    Refresh(String),
}

/// Keeps a refresh token.
pub type Keep = Arc<dyn Fn(&str) + Send + Sync>;

/// The header that goes with each request.
#[derive(Clone, Default)]
pub(crate) struct Authorization {
    credentials: Credentials,
    tokens: Option<TokenServer>,
    keep: Option<Keep>,
    held: Arc<Mutex<Held>>,
}

/// What the token server gave.
#[derive(Default)]
struct Held {
    header: Option<String>,
    until: Option<Instant>,
    refresh: Option<String>,
}

impl Authorization {
    pub(crate) fn new(
        credentials: Credentials,
        tokens: Option<TokenServer>,
        keep: Option<Keep>,
    ) -> Self {
        Self {
            credentials,
            tokens,
            keep,
            held: Arc::default(),
        }
    }

    /// The header's value.
    pub(crate) fn header(&self) -> Result<Option<String>, Error> {
        match (&self.credentials, &self.tokens) {
            (Credentials::Nobody, _) => Ok(None),
            (Credentials::User { name, password }, None) => Ok(Some(basic(name, password))),
            (Credentials::Refresh(_), None) => Ok(None),
            (credentials, Some(server)) => {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                let is_over = held.until.is_some_and(|until| Instant::now() >= until);
                if held.header.is_none() || is_over {
                    self.renew(&mut held, server, credentials)?;
                }
                Ok(held.header.clone())
            }
        }
    }

    fn renew(
        &self,
        held: &mut Held,
        server: &TokenServer,
        credentials: &Credentials,
    ) -> Result<(), Error> {
        let given: Tokens = match credentials {
            Credentials::User { name, password } => server.client(name, password)?,
            Credentials::Refresh(first) => {
                server.refresh(held.refresh.as_ref().unwrap_or(first))?
            }
            Credentials::Nobody => return Ok(()),
        };
        if matches!(credentials, Credentials::Refresh(_))
            && let Some(refresh) = given.refresh_token.filter(|token| !token.is_empty())
        {
            if let Some(keep) = &self.keep {
                keep(&refresh);
            }
            held.refresh = Some(refresh);
        }
        let lasts = given.expires_in.map(Duration::from_secs);
        let lasts = lasts.map(|lasts| lasts.saturating_sub(MARGIN));
        held.until = lasts.and_then(|lasts| Instant::now().checked_add(lasts));
        held.header = Some(format!("{} {}", given.token_type, given.access_token));
        Ok(())
    }

    /// Forgets a token; whether another may be better.
    pub(crate) fn forget(&self) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.header.take().is_some()
    }
}
