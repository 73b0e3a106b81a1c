//! Which server is meant, and what to say when a call to it fails.

use std::fmt::Display;
use std::path::PathBuf;

use warren_garden_client::{Client, Error, Identity, Target, Tls, TlsProblem};
use warren_lib_errchain::chain;
use warren_wire_garden as wire;

use crate::failure::{Failure, exit};
use crate::verb::nested;

/// Where a Garden server listens unless told otherwise.
const USUAL: &str = "127.0.0.1:7777";

/// Which server, and how TLS is spoken to it.
#[derive(clap::Args, Debug, Default)]
pub(super) struct ServerArguments {
    /// The Garden server: HOST:PORT, https://HOST:PORT or a socket's path [default: $GAOL_TARGET,
    /// $WARREN_GARDEN or 127.0.0.1:7777]
    #[arg(short, long, global = true, value_name = "TARGET")]
    target: Option<String>,

    /// Speak TLS, and trust servers with a certificate of these (PEM) instead of the system's
    /// [default: $WARREN_GARDEN_CA_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    ca_cert: Option<PathBuf>,

    /// Speak TLS, and show this certificate (PEM) [default: $WARREN_GARDEN_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    client_cert: Option<PathBuf>,

    /// The client certificate's key (PEM) [default: $WARREN_GARDEN_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    client_key: Option<PathBuf>,
}

impl ServerArguments {
    fn has_tls(&self) -> bool {
        self.ca_cert.is_some() || self.client_cert.is_some() || self.client_key.is_some()
    }

    /// Flags count for more than the environment.
    fn tls(&self) -> Result<Option<Tls>, Failure> {
        let file =
            |flag: &Option<PathBuf>, name| flag.clone().or_else(|| set(name).map(Into::into));
        let roots = file(&self.ca_cert, "WARREN_GARDEN_CA_CERT");
        let certificate = file(&self.client_cert, "WARREN_GARDEN_CLIENT_CERT");
        let key = file(&self.client_key, "WARREN_GARDEN_CLIENT_KEY");
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            (given, _) => {
                let (has, lacks) = match given {
                    Some(_) => ("client certificate", "--client-key FILE"),
                    None => ("client key", "--client-cert FILE"),
                };
                let failure = Failure::text(format!("there is only a {has}"));
                return Err(failure
                    .remedy(format!("give {lacks} as well"))
                    .code(exit::UNKNOWN));
            }
        };
        let is_wished = roots.is_some() || identity.is_some();
        Ok(is_wished.then_some(Tls { roots, identity }))
    }
}

/// The server.
pub(super) struct Garden {
    pub client: Client,
}

impl Garden {
    /// By flag, by environment, or the usual one. Who gives files for TLS means TLS, but for a unix
    /// socket and for a target that says otherwise: there files of the environment do not count,
    /// and flags are a mistake.
    pub fn find(arguments: &ServerArguments) -> Result<Self, Failure> {
        let by_environment = || set("GAOL_TARGET").or_else(|| set("WARREN_GARDEN"));
        let text = arguments.target.clone().or_else(by_environment);
        let text = text.unwrap_or_else(|| USUAL.to_owned());
        let tls = arguments.tls()?;
        let target = match (Target::parse(&text), &tls) {
            (Target::Tcp(address), Some(_)) if !is_plain(&text) => Target::Tls(address),
            (target @ (Target::Tcp(_) | Target::Unix(_)), Some(_)) if arguments.has_tls() => {
                let failure = Failure::text(format!("there is no TLS at {target}"));
                return Err(failure
                    .remedy("name the server as https://HOST:PORT, or leave the files for TLS away")
                    .code(exit::UNKNOWN));
            }
            (target, _) => target,
        };
        let client = match tls {
            None => Client::new(target),
            Some(_) if !matches!(target, Target::Tls(_)) => Client::new(target),
            Some(tls) => Client::with_tls(target, &tls)
                .map_err(|error| Failure::new(&error).code(exit::UNKNOWN))?,
        };
        Ok(Self { client })
    }
}

/// Whether the text says that there is no TLS.
fn is_plain(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("tcp://")
}

/// A variable of the environment; an empty one is none.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The server that is meant where no flag says which.
pub fn usual_client() -> Result<Client, Failure> {
    Garden::find(&ServerArguments::default()).map(|garden| garden.client)
}

/// The failure of a step, with what to do about it.
pub(super) fn failed(step: impl Display) -> impl FnOnce(Error) -> Failure {
    move |error| {
        let cause = match &error {
            // The call's name says less than the step.
            Error::Refused { source, .. } => source.to_string(),
            other => chain(other),
        };
        let failure = Failure::text(format!("cannot {step}: {cause}"));
        match (&error, remedy(&error)) {
            (Error::Connect { .. }, _) if nested::is_made() => failure.remedy(own_servers()),
            (_, Some(remedy)) => failure.remedy(remedy),
            (_, None) => failure,
        }
    }
}

/// Where this machine's own environment has its servers.
fn own_servers() -> String {
    let home = nested::usual();
    let home = home.display();
    format!(
        "name a server with --target, GAOL_TARGET or WARREN_GARDEN: those of 'warren up' are at {home}/garden.sock, \
         {home}/next/garden.sock and so on, one level further in each; or start one with 'warren serve garden'"
    )
}

fn remedy(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Connect { .. } => {
            "start a server with 'warren serve garden', or name another one with --target, \
             GAOL_TARGET or WARREN_GARDEN"
        }
        Error::Head { .. } | Error::Answer { .. } | Error::Stream(_) => {
            "see whether the target is a Garden server: 'warren container ping --target TARGET'; \
             one with TLS is https://HOST:PORT"
        }
        Error::Tls { problem, .. } => match problem {
            TlsProblem::Untrusted => {
                "give the root that has signed it with --ca-cert FILE or WARREN_GARDEN_CA_CERT"
            }
            TlsProblem::Expired | TlsProblem::NotYetValid => {
                "renew it on the server's side; see whether the clock here is right"
            }
            TlsProblem::WrongName => {
                "name the server as its certificate does: https://NAME:PORT as --target"
            }
            TlsProblem::CertificateWanted => {
                "give one with --client-cert FILE and --client-key FILE, or \
                 WARREN_GARDEN_CLIENT_CERT and WARREN_GARDEN_CLIENT_KEY"
            }
            TlsProblem::CertificateRefused => {
                "give one that is valid and of the authority that the server has as \
                 --tls-client-ca, with --client-cert FILE and --client-key FILE"
            }
            TlsProblem::NoTls => "leave https:// and the files for TLS away",
            TlsProblem::Other => return None,
        },
        Error::Lost { .. } => {
            "the process may still run: 'warren container attach' when the server is back"
        }
        Error::Request(_) => "give a handle, and a name where one is needed, that is not empty",
        Error::Refused { source, .. } => match source {
            wire::Error::ContainerNotFound { .. } => {
                "'warren container list' shows the containers there are"
            }
            wire::Error::ProcessNotFound { .. } => {
                "'warren container run' prints the id of the process it starts"
            }
            wire::Error::ExecutableNotFound(_) => {
                "give the program's whole path, or the PATH that holds it with --env PATH=..."
            }
            wire::Error::ServiceUnavailable(_) => "try again later",
            wire::Error::Plain(text) if text.contains("already in use") => {
                "take another handle, or destroy that container first"
            }
            wire::Error::Plain(text) if text.contains("unable to find user") => {
                "name a user of the container's /etc/passwd, or a number"
            }
            _ => return None,
        },
        _ => return None,
    })
}
