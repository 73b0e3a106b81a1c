//! `warren log-in`.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use warren_director_client::Credentials;

use super::common::set;

/// Asks for a password that does not show.
fn hidden(session: &mut Session<'_>) -> Result<String, Problem> {
    let input = std::io::stdin();
    let kept = tcgetattr(&input).ok();
    if let Some(kept) = &kept {
        let mut silent = kept.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent)?;
    }
    let answer = session.console.ask("Password (): ");
    if let Some(kept) = &kept {
        tcsetattr(&input, OptionalActions::Flush, kept)?;
    }
    answer
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut found = session.environment(None)?;
        let anonymous = session.anonymous(&found)?;
        let info = anonymous.info()?;
        let (credentials, name, password) = {
            let common = session.common;
            let client = common.client.clone().or_else(|| set("CLIENT"));
            let secret = common.client_secret.clone().or_else(|| set("CLIENT_SECRET"));
            if info.token_server().is_some() {
                return Err(Problem::text(
                    "This director has a token server: give --client and --client-secret with each verb",
                ));
            }
            let name = match client {
                Some(name) => name,
                None if session.common.is_asked() => session.console.ask("Username (): ")?,
                None => return Err(Problem::text("Expected a user: give --client")),
            };
            let password = match secret {
                Some(secret) => secret,
                None if session.common.is_asked() => hidden(session)?,
                None => return Err(Problem::text("Expected a password: give --client-secret")),
            };
            let credentials = Credentials::User { name: name.clone(), password: password.clone() };
            (credentials, name, password)
        };
        let info = anonymous.signed_in(credentials, None).info()?;
        if info.user.is_none() {
            return Err(Problem::text(format!(
                "Failed to log in to '{}': user or password is wrong",
                found.url
            )));
        }
        found.username = Some(name);
        found.password = Some(password);
        let mut config = session.config()?;
        config.set(&found);
        config.write()?;
        session.console.line(&format!("Logged in to '{}'", found.url));
        Ok(0)
    }
}
