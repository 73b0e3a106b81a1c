//! A director whose users have tokens: over TLS, with a token server (UAA) on the same port.
//!
//! The token server gives access tokens that are good for few requests and refresh tokens that are
//! good once, so that nothing works that does not renew and keep them.

use std::collections::HashMap;
use std::io::BufReader;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::{
    Answer, Asked, Ran, Server, WARREN, json, read_request, started, status, told, write_answer,
};

/// What it knows.
#[derive(Default)]
struct State {
    /// For how many requests each is good.
    access: HashMap<String, u32>,
    refresh: Vec<String>,
    given: u32,
    /// For how many the next ones are.
    lasts: u32,
    asked: Vec<String>,
}

struct Tokens {
    port: u16,
    authority: String,
    state: Arc<Mutex<State>>,
    home: tempfile::TempDir,
}

/// `{"user_name":"admin","scope":["openid","bosh.admin"]}` as the middle of a token.
const CLAIMS: &str = "eyJ1c2VyX25hbWUiOiJhZG1pbiIsInNjb3BlIjpbIm9wZW5pZCIsImJvc2guYWRtaW4iXX0";

impl State {
    fn give(&mut self, has_refresh: bool) -> Answer {
        self.given += 1;
        let access = format!("access-{}", self.given);
        self.access.insert(access.clone(), self.lasts);
        let mut document = serde_json::json!({"token_type": "bearer", "access_token": access,
            "expires_in": 43199, "scope": "bosh.admin", "jti": "x"});
        if has_refresh {
            let refresh = format!("e30.{CLAIMS}.{}", self.given);
            document["refresh_token"] = refresh.clone().into();
            self.refresh = vec![refresh];
        }
        json(&document.to_string())
    }

    fn token(&mut self, asked: &Asked) -> Answer {
        let form = String::from_utf8(asked.body.clone()).unwrap();
        let of: HashMap<&str, &str> = form
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        // base64 of `ci:secret` and of `bosh_cli:`
        let (ci, users) = ("Basic Y2k6c2VjcmV0", "Basic Ym9zaF9jbGk6");
        let who = asked.headers["authorization"].as_str();
        let refused = status(
            401,
            r#"{"error":"unauthorized","error_description":"Bad credentials"}"#,
        );
        match (of["grant_type"], who) {
            ("client_credentials", who) if who == ci => self.give(false),
            ("password", who) if who == users => {
                match of.get("username") == Some(&"admin") && of.get("password") == Some(&"p%26ss")
                {
                    true => self.give(true),
                    false => refused,
                }
            }
            ("refresh_token", who) if who == users => {
                let is_good = self
                    .refresh
                    .iter()
                    .any(|token| of["refresh_token"] == token);
                match is_good {
                    true => self.give(true),
                    false => status(401, r#"{"error":"invalid_token"}"#),
                }
            }
            _ => refused,
        }
    }

    fn answer(&mut self, asked: &Asked, port: u16) -> Answer {
        self.asked.push(asked.line.clone());
        let is_json = asked
            .headers
            .get("accept")
            .is_some_and(|kind| kind == "application/json");
        match asked.line.as_str() {
            "GET /info" => {
                let info = format!(
                    r#"{{"name":"lab","uuid":"u","version":"1","user":null,"user_authentication":
                    {{"type":"uaa","options":{{"url":"https://127.0.0.1:{port}/uaa","urls":[]}}}}}}"#
                );
                return json(&info);
            }
            "GET /uaa/login" if is_json => {
                return json(
                    r#"{"app":{},"prompts":{"passcode":["password","Temporary code"],
                    "username":["text","Email"],"password":["password","Password"]}}"#,
                );
            }
            "POST /uaa/oauth/token" if is_json => return self.token(asked),
            _ => {}
        }
        let token = asked
            .headers
            .get("authorization")
            .and_then(|one| one.strip_prefix("bearer "));
        let left = token.and_then(|token| self.access.get_mut(token));
        let Some(left) = left.filter(|left| **left > 0) else {
            return status(401, "Not authorized\n");
        };
        *left -= 1;
        match asked.line.as_str() {
            "GET /locks" => json("[]"),
            "DELETE /vms/v1" => started(7),
            "GET /tasks/7" => json(r#"{"id":7,"state":"done"}"#),
            line if line.starts_with("GET /tasks/7/output") => status(204, ""),
            _ => status(404, ""),
        }
    }
}

impl Tokens {
    fn new(lasts: u32) -> Self {
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let authority = certificate.pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = config.with_single_cert(vec![certificate.der().clone()], private);
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State {
            lasts,
            ..State::default()
        }));
        let its = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, state) = (Arc::clone(&config), Arc::clone(&its));
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
                    let Some(asked) = read_request(&mut stream) else {
                        return;
                    };
                    let answer = state.lock().unwrap().answer(&asked, port);
                    // A client that has gone got what it wanted.
                    let _ = write_answer(stream.get_mut(), &asked, &answer);
                });
            }
        });
        Self {
            port,
            authority,
            state,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn run(&self, words: &[&str], who: &[(&str, &str)], input: &str) -> Ran {
        let mut command = std::process::Command::new(WARREN);
        command
            .args(["--tty"])
            .args(words)
            .env_clear()
            .env("HOME", self.home.path());
        command.env(
            "BOSH_ENVIRONMENT",
            format!("https://127.0.0.1:{}", self.port),
        );
        command
            .env("BOSH_CA_CERT", &self.authority)
            .envs(who.iter().copied());
        let output = told(&mut command, input);
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&format!("https://127.0.0.1:{}", self.port), "DIRECTOR")
        };
        Ran {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.home.path().join(".bosh/config")).unwrap_or_default()
    }

    /// How often it was asked for a token.
    fn times(&self) -> usize {
        let state = self.state.lock().unwrap();
        state
            .asked
            .iter()
            .filter(|line| line.ends_with("/oauth/token"))
            .count()
    }
}

const CI: [(&str, &str); 2] = [("BOSH_CLIENT", "ci"), ("BOSH_CLIENT_SECRET", "secret")];

#[test]
fn a_client_gives_its_secret_for_a_token_and_keeps_nothing() {
    let tokens = Tokens::new(100);
    let ran = tokens.run(&["locks"], &CI, "");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.out
            .starts_with("Using environment 'DIRECTOR' as client 'ci'\n"),
        "{ran:?}"
    );
    assert_eq!(tokens.times(), 1);
    let ran = tokens.run(&["log-in"], &CI, "");
    assert!(
        ran.out.contains("Successfully authenticated with UAA"),
        "{ran:?}"
    );
    assert_eq!(tokens.config(), "");
    let ran = tokens.run(
        &["locks"],
        &[("BOSH_CLIENT", "ci"), ("BOSH_CLIENT_SECRET", "no")],
        "",
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("Requesting token via client credentials grant:\n")
            && ran
                .err
                .contains("status code '401' response 'unauthorized Bad credentials'"),
        "{ran:?}"
    );
    assert!(
        !ran.err.contains("no'") && !ran.err.contains("Basic"),
        "{ran:?}"
    );
}

#[test]
fn a_user_logs_in_once_and_each_run_keeps_the_next_token() {
    let tokens = Tokens::new(100);
    // Email, password, no temporary code.
    let ran = tokens.run(&["log-in"], &[], "admin\nwrong\n\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("Failed to authenticate with UAA"),
        "{ran:?}"
    );
    assert_eq!(tokens.config(), "");
    let ran = tokens.run(&["log-in"], &[], "admin\np&ss\n\n");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.err, "Email (): Password (): Temporary code (): ");
    assert!(
        ran.out.contains("Successfully authenticated with UAA"),
        "{ran:?}"
    );
    let path = tokens.home.path().join(".bosh/config");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!tokens.config().contains("p&ss") && !tokens.config().contains("access-"));
    for _ in 0..3 {
        let before = tokens.config();
        let ran = tokens.run(&["locks"], &[], "");
        assert_eq!(ran.code, 0, "{ran:#?}");
        let who = "Using environment 'DIRECTOR' as user 'admin' (openid, bosh.admin)\n";
        assert!(ran.out.starts_with(who), "{ran:?}");
        assert_ne!(tokens.config(), before, "the new refresh token is not kept");
    }
    let ran = tokens.run(&["log-out"], &[], "");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        !tokens.config().contains("refresh_token"),
        "{}",
        tokens.config()
    );
}

#[test]
fn a_token_that_is_refused_is_renewed() {
    // Each is good for one request: a task takes several.
    let tokens = Tokens::new(1);
    let ran = tokens.run(&["-n", "delete-vm", "v1"], &CI, "");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(tokens.times() > 1);
    let state = tokens.state.lock().unwrap();
    let deleted = state
        .asked
        .iter()
        .filter(|line| *line == "DELETE /vms/v1")
        .count();
    assert_eq!(deleted, 1, "{:#?}", state.asked);
}

#[test]
fn nobody_is_let_in_for_ever() {
    // No token is any good: that is told, and not tried again and again.
    let tokens = Tokens::new(0);
    let ran = tokens.run(&["-n", "delete-vm", "v1"], &CI, "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("status code '401'"), "{ran:?}");
    assert!(ran.err.contains("give both with --client"), "{ran:?}");
    assert_eq!(tokens.times(), 2);
    // Who has no token at all is told the same.
    let ran = tokens.run(&["locks"], &[], "");
    assert!(
        ran.out.contains("as anonymous user") && ran.err.contains("'401'"),
        "{ran:?}"
    );
}

#[test]
fn a_user_of_the_director_itself_is_kept_by_name() {
    let server = Server::new();
    let with_user = crate::server::INFO.replace("\"user\":null", "\"user\":\"admin\"");
    // Nobody asks, then the user does.
    server.says("GET /info", json(&with_user));
    let mut command = server.command(&[
        "log-in",
        "--tty",
        "--client",
        "admin",
        "--client-secret",
        "x",
    ]);
    let ran = server.ran(command.output().unwrap());
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.out.contains("Logged in to 'DIRECTOR'"), "{ran:?}");
    server.says("GET /locks", json("[]"));
    let ran = server.ran(server.command(&["locks", "--tty"]).output().unwrap());
    assert!(
        ran.out
            .starts_with("Using environment 'DIRECTOR' as client 'admin'\n"),
        "{ran:?}"
    );
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.headers["authorization"], "Basic YWRtaW46eA==");
}
