//! `warren log-in`: to a director with users of its own, or to its token server (UAA).
//!
//! Of a user the refresh token is kept, of a client nothing: it gives its secret with each verb.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use warren_director_client::config_file::Environment;
use warren_director_client::uaa::TokenServer;
use warren_director_client::{Credentials, Director};

use super::common::set;
use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

/// Asks for something that does not show.
fn hidden(session: &mut Session<'_>, question: &str) -> Result<String, Problem> {
    let input = std::io::stdin();
    let kept = tcgetattr(&input).ok();
    if let Some(kept) = &kept {
        let mut silent = kept.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent)?;
    }
    let answer = session.console.ask(question);
    if let Some(kept) = &kept {
        tcsetattr(&input, OptionalActions::Flush, kept)?;
    }
    answer
}

/// Who is given by flags or the environment.
fn given(session: &Session<'_>) -> (Option<String>, Option<String>) {
    let common = session.common;
    let client = common.client.clone().or_else(|| set("CLIENT"));
    let secret = common.client_secret.clone().or_else(|| set("CLIENT_SECRET"));
    (client, secret)
}

/// To the director itself.
fn basic(
    session: &mut Session<'_>,
    anonymous: &Director,
    found: &mut Environment,
) -> Result<String, Problem> {
    let (client, secret) = given(session);
    let is_asked = session.common.is_asked();
    let name = match client {
        Some(name) => name,
        None if is_asked => session.console.ask("Username (): ")?,
        None => return Err(Problem::text("Expected a user: give --client")),
    };
    let password = match secret {
        Some(secret) => secret,
        None if is_asked => hidden(session, "Password (): ")?,
        None => return Err(Problem::text("Expected a password: give --client-secret")),
    };
    let credentials = Credentials::User { name: name.clone(), password: password.clone() };
    let info = anonymous.signed_in(credentials, None).info()?;
    if info.user.is_none() {
        let text = format!("Failed to log in to '{}': user or password is wrong", found.url);
        return Err(Problem::text(text));
    }
    found.username = Some(name);
    found.password = Some(password);
    found.refresh_token = None;
    Ok(format!("Logged in to '{}'", found.url))
}

/// To its token server; whether there is something to keep.
fn with_tokens(
    session: &mut Session<'_>,
    server: &TokenServer,
    found: &mut Environment,
) -> Result<bool, Problem> {
    let failed = |error: warren_director_client::Error| {
        Problem::from(error).step("Failed to authenticate with UAA")
    };
    if let (Some(client), secret) = given(session) {
        server.client(&client, &secret.unwrap_or_default()).map_err(failed)?;
        return Ok(false);
    }
    if !session.common.is_asked() {
        return Err(Problem::text("Expected a client: give --client and --client-secret"));
    }
    let mut answers = Vec::new();
    for prompt in server.prompts()? {
        let question = format!("{} (): ", prompt.label);
        let answer = match prompt.is_secret {
            true => hidden(session, &question)?,
            false => session.console.ask(&question)?,
        };
        if !answer.is_empty() {
            answers.push((prompt.key, answer));
        }
    }
    let tokens = server.user(&answers).map_err(failed)?;
    let refresh = tokens.refresh_token.filter(|token| !token.is_empty());
    let text = "The token server gave no refresh token: nothing can be kept";
    found.refresh_token = Some(refresh.ok_or_else(|| Problem::text(text))?);
    found.username = None;
    found.password = None;
    Ok(true)
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut found = session.environment(None)?;
        let anonymous = session.anonymous(&found)?;
        let info = anonymous.info()?;
        let (is_kept, text) = match info.token_server() {
            Some(at) => {
                let server = anonymous.token_server(at);
                let is_kept = with_tokens(session, &server, &mut found)?;
                (is_kept, "Successfully authenticated with UAA".to_owned())
            }
            None => (true, basic(session, &anonymous, &mut found)?),
        };
        if is_kept {
            let mut config = session.config()?;
            config.set(&found);
            config.write()?;
        }
        session.console.line(&text);
        Ok(0)
    }
}
