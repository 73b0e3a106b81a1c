//! One run of a verb: which director, as whom, and what is written meanwhile.

use std::fs;

use warren_director_client::config_file::{ConfigFile, Environment};
use warren_director_client::info::Info;
use warren_director_client::reporter::{Piece, Reporter};
use warren_director_client::tasks::{Output, Task};
use warren_director_client::{Credentials, Director, Settings, Target};

use super::common::{Common, set};
use super::console::{Console, Mode};
use super::problem::Problem;

/// A run.
pub struct Session<'a> {
    pub console: Console,
    pub common: &'a Common,
    /// Whether a task's first line comes right behind what is there.
    is_close: bool,
}

impl<'a> Session<'a> {
    pub fn new(console: Console, common: &'a Common) -> Self {
        Self {
            console,
            common,
            is_close: false,
        }
    }

    pub fn config(&self) -> Result<ConfigFile, Problem> {
        Ok(ConfigFile::read(&self.common.config_path())?)
    }

    /// What is known of the director that is meant: flags, then the environment, then the file.
    pub fn environment(&self, given: Option<&str>) -> Result<Environment, Problem> {
        let name = given.map(str::to_owned);
        let name = name.or_else(|| self.common.environment.clone());
        let name = name.or_else(|| set("ENVIRONMENT")).ok_or_else(|| {
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
        Ok(Director::anonymous(&Settings {
            target: Target::parse(&environment.url)?,
            authorities: environment.ca_cert.clone(),
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
        let info = anonymous.info()?;
        let client = self.common.client.clone().or_else(|| set("CLIENT"));
        let secret = self
            .common
            .client_secret
            .clone()
            .or_else(|| set("CLIENT_SECRET"));
        let (credentials, who) = match (client, &environment) {
            (Some(name), _) => {
                let who = format!("as client '{name}'");
                let password = secret.unwrap_or_default();
                (Credentials::User { name, password }, who)
            }
            (
                None,
                Environment {
                    refresh_token: Some(token),
                    ..
                },
            ) if info.token_server().is_some() => (
                Credentials::Refresh(token.clone()),
                "as user '?'".to_owned(),
            ),
            (
                None,
                Environment {
                    username: Some(name),
                    password,
                    ..
                },
            ) => {
                let who = format!("as user '{name}'");
                let (name, password) = (name.clone(), password.clone().unwrap_or_default());
                (Credentials::User { name, password }, who)
            }
            (None, _) => (Credentials::Nobody, "as anonymous user".to_owned()),
        };
        let line = format!("Using environment '{}' {who}", environment.url);
        Ok((
            anonymous.signed_in(credentials, info.token_server()),
            info,
            line,
        ))
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

    /// The same; a task that did not succeed is an error.
    pub fn wait(&mut self, director: &Director, id: u64) -> Result<Task, Problem> {
        let task = self.watch(director, id)?;
        task.succeeded()?;
        Ok(task)
    }
}
