//! One run of a verb: which director, as whom, and what is written meanwhile.

use std::cell::OnceCell;
use std::fs;
use std::io::Write;
use std::sync::Arc;

use warren_director_client::config_file::{ConfigFile, Environment};
use warren_director_client::info::Info;
use warren_director_client::reporter::{Piece, Reporter};
use warren_director_client::rest;
use warren_director_client::tasks::{Output, Task};
use warren_director_client::uaa::Claims;
use warren_director_client::{Credentials, Director, Keep, Settings, Target};
use warren_environment::Access;

use super::common::{Common, set};
use super::console::{Console, Mode};
use super::problem::Problem;
use crate::failure::Failure;
use crate::output::Format;
use crate::verb::nested;

/// Whose token it is, as far as it says.
pub fn owner(token: &str) -> String {
    match Claims::of(token) {
        Some(claims) if claims.scope.is_empty() => format!("user '{}'", claims.user_name),
        Some(claims) => format!("user '{}' ({})", claims.user_name, claims.scope.join(", ")),
        None => "'?'".to_owned(),
    }
}

/// A run.
pub struct Session<'a> {
    pub console: Console,
    pub common: &'a Common,
    /// Whether a task's first line comes right behind what is there.
    is_close: bool,
    /// What this run's requests are called in the director's and the agents' logs.
    request: OnceCell<String>,
}

/// Says how to find a failed run in the logs.
pub fn tell_request(id: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "In the director's log: request_id={id}");
}

impl<'a> Session<'a> {
    pub fn new(console: Console, common: &'a Common) -> Self {
        Self {
            console,
            common,
            is_close: false,
            request: OnceCell::new(),
        }
    }

    /// The id of this run's requests, if how it ended is to be looked for in the director's log: where that
    /// failed itself, and at `BOSH_LOG_LEVEL=debug`. Elsewhere people see what the stock command line says.
    pub fn request_to_tell(&self, result: &Result<u8, Problem>) -> Option<String> {
        let is_asked = || set("LOG_LEVEL").is_some_and(|level| level.eq_ignore_ascii_case("debug"));
        let problem = result.as_ref().err()?;
        let id = self.request.get()?;
        (problem.is_of_director() || is_asked()).then(|| id.clone())
    }

    pub fn config(&self) -> Result<ConfigFile, Problem> {
        Ok(ConfigFile::read(&self.common.config_path())?)
    }

    /// What is known of the director that is meant: flags, then the environment, then the file.
    pub fn environment(&self, given: Option<&str>) -> Result<Environment, Problem> {
        let name = given.map(str::to_owned);
        let name = name.or_else(|| self.common.environment.clone());
        let name = name.or_else(|| set("ENVIRONMENT"));
        // This machine's own, if nobody named one.
        if let (None, Some(access)) = (&name, nested::local()) {
            return Ok(Environment {
                url: access.url,
                ca_cert: Some(access.authority),
                username: Some(access.user),
                password: Some(access.password),
                ..Environment::default()
            });
        }
        let name = name.ok_or_else(|| {
            Problem::text("Expected non-empty Director URL").step(
                "Name the director with --environment, WARREN_ENVIRONMENT or BOSH_ENVIRONMENT",
            )
        })?;
        let mut found = self.config()?.find(&name).unwrap_or_else(|| Environment {
            url: name.clone(),
            ..Environment::default()
        });
        if let Some(given) = self.common.ca_cert.clone().or_else(|| set("CA_CERT")) {
            found.ca_cert = Some(match given.contains("-----BEGIN") {
                true => given,
                false => fs::read_to_string(&given).map_err(|error| {
                    Problem::text(error.to_string())
                        .step(format!("Reading CA certificate '{given}'"))
                })?,
            });
        }
        Ok(found)
    }

    pub fn anonymous(&self, environment: &Environment) -> Result<Director, Problem> {
        // Also where it was named by what `env` says. Another one may have the same address meanwhile, and has
        // another authority.
        let authority = environment.ca_cert.as_deref().map(str::trim);
        let is_own =
            |own: &Access| own.url == environment.url && authority == Some(own.authority.trim());
        if nested::local().as_ref().is_some_and(is_own) {
            nested::awake().map_err(Problem::of)?;
        }
        Ok(Director::anonymous(&Settings {
            target: Target::parse(&environment.url)?,
            authorities: environment.ca_cert.clone(),
            is_local: nested::local().is_some_and(|own| own.url == environment.url),
        })?)
    }

    /// The director, with who we are; says so.
    pub fn director(&mut self) -> Result<Director, Problem> {
        let (director, _, line) = self.quiet_director()?;
        self.console.first_line(&line);
        Ok(director)
    }

    /// The same without a word.
    pub fn quiet_director(&self) -> Result<(Director, Info, String), Problem> {
        let environment = self.environment(None)?;
        let anonymous = self.anonymous(&environment)?;
        if let Some(id) = anonymous.request_id() {
            // All of a run have one.
            let _known = self.request.set(id.to_owned());
        }
        let info = anonymous.info()?;
        let client = self.common.client.clone().or_else(|| set("CLIENT"));
        let secret = self
            .common
            .client_secret
            .clone()
            .or_else(|| set("CLIENT_SECRET"));
        let tokens = info.token_server();
        let mut keep = None;
        let (credentials, who) = match (client, &environment) {
            (Some(name), _) => {
                let who = format!("client '{name}'");
                let password = secret.unwrap_or_default();
                (Credentials::User { name, password }, who)
            }
            (
                None,
                Environment {
                    refresh_token: Some(token),
                    ..
                },
            ) if tokens.is_some() => {
                keep = Some(self.keeper(&environment.url));
                (Credentials::Refresh(token.clone()), owner(token))
            }
            (
                None,
                Environment {
                    username: Some(name),
                    password,
                    ..
                },
            ) => {
                let who = format!("client '{name}'");
                let (name, password) = (name.clone(), password.clone().unwrap_or_default());
                (Credentials::User { name, password }, who)
            }
            (None, _) => (Credentials::Nobody, "anonymous user".to_owned()),
        };
        let line = format!("Using environment '{}' as {who}", environment.url);
        let director = anonymous.signed_in_keeping(credentials, tokens, keep);
        Ok((director, info, line))
    }

    /// Puts each new refresh token of an environment into the file: the old one may be good no more.
    fn keeper(&self, url: &str) -> Keep {
        let (path, url) = (self.common.config_path(), url.to_owned());
        Arc::new(move |token| {
            let kept = ConfigFile::read(&path).and_then(|mut config| {
                let Some(mut found) = config.find(&url) else {
                    return Ok(());
                };
                found.refresh_token = Some(token.to_owned());
                config.set(&found);
                config.write()
            });
            if let Err(error) = kept {
                let text = Problem::from(error).to_string();
                // The request goes on; the next run has to log in.
                let _ = writeln!(std::io::stderr(), "The new token is not kept: {text}");
            }
        })
    }

    /// This machine's own environment, unless another director is named.
    pub fn own(&self) -> Option<Access> {
        let named = self.common.environment.clone();
        let named = named.or_else(|| set("ENVIRONMENT"));
        nested::local().filter(|own| named.is_none_or(|name| name == own.url))
    }

    /// The same, also of one that has no director yet.
    pub fn has_own(&self) -> bool {
        let is_named = self.common.environment.is_some() || set("ENVIRONMENT").is_some();
        self.own().is_some() || (!is_named && nested::is_made())
    }

    /// A verb of this machine's own environment instead.
    pub fn environment_verb(
        &mut self,
        run: impl FnOnce(&std::path::Path, Format) -> Result<u8, Failure>,
    ) -> Result<u8, Problem> {
        let format = match self.console.mode() {
            Mode::Json => Format::Json,
            _ => Format::Human,
        };
        let code = run(&nested::usual(), format).map_err(Problem::of)?;
        self.console.hush();
        Ok(code)
    }

    /// The deployment that is meant.
    pub fn deployment_name(&self) -> Option<String> {
        self.common.deployment.clone().or_else(|| set("DEPLOYMENT"))
    }

    /// The deployment that is meant; says so.
    pub fn deployment(&mut self) -> Result<String, Problem> {
        let name = self.deployment_name().ok_or_else(|| {
            Problem::text("Expected non-empty deployment name")
                .step("Name the deployment with --deployment, WARREN_DEPLOYMENT or BOSH_DEPLOYMENT")
        })?;
        self.console.line(&format!("Using deployment '{name}'"));
        Ok(name)
    }

    /// The next task's text follows without an empty line.
    pub fn keep_close(&mut self) {
        self.is_close = true;
    }

    /// Shows a task's events until it ends, well or not.
    pub fn watch(&mut self, director: &Director, id: u64) -> Result<Task, Problem> {
        let (mut reporter, first) = Reporter::new(id);
        if !std::mem::take(&mut self.is_close) {
            self.console.piece(&Piece::Line("\n".to_owned()));
        }
        self.console.piece(&first);
        let mut has_events = false;
        let task = director.follow(id, Output::Event, &mut |bytes| {
            for piece in reporter.push(bytes) {
                has_events = true;
                self.console.piece(&piece);
            }
        })?;
        for piece in reporter.finish(&task.state) {
            self.console.piece(&piece);
        }
        if has_events && self.console.mode() == Mode::Pipe {
            self.console.raw(b"\n");
        }
        Ok(task)
    }

    /// Has the director look for problems of a deployment; those that it finds.
    pub fn scan(
        &mut self,
        director: &Director,
        deployment: &str,
    ) -> Result<Vec<rest::Problem>, Problem> {
        let id = director.scan(deployment)?;
        self.wait(director, id)?;
        Ok(director.problems(deployment)?)
    }

    /// Follows a deletion. What is not there any more is deleted, however that came to be: an error
    /// is one only if `is_there` finds the thing.
    pub fn delete(
        &mut self,
        director: &Director,
        started: Result<u64, warren_director_client::Error>,
        is_there: impl FnOnce(&Director) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let started = started.map_err(Problem::from);
        let Err(problem) = started.and_then(|id| self.wait(director, id)) else {
            return Ok(());
        };
        match is_there(director) {
            Ok(false) => Ok(()),
            _ => Err(problem),
        }
    }

    /// Shows a task's events until it ends; one that did not succeed is an error.
    pub fn wait(&mut self, director: &Director, id: u64) -> Result<Task, Problem> {
        let task = self.watch(director, id)?;
        task.succeeded()?;
        Ok(task)
    }
}
