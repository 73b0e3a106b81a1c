//! Which server is meant, and what to say when a call to it fails.

use std::fmt::Display;

use warren_garden_client::{Client, Error, Target};
use warren_lib_errchain::chain;
use warren_wire_garden as wire;

use crate::failure::Failure;

/// Where a Garden server listens unless told otherwise.
const USUAL: &str = "127.0.0.1:7777";

/// The server.
pub(super) struct Garden {
    pub client: Client,
}

impl Garden {
    /// By flag, by environment, or the usual one.
    pub fn find(flag: Option<&str>) -> Self {
        let by_environment = || {
            let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
            set("GAOL_TARGET").or_else(|| set("WARREN_GARDEN"))
        };
        let target = flag.map(str::to_owned).or_else(by_environment);
        let target = Target::parse(target.as_deref().unwrap_or(USUAL));
        Self {
            client: Client::new(target),
        }
    }
}

/// The server that is meant where no flag says which.
pub fn usual_client() -> Client {
    Garden::find(None).client
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
        match remedy(&error) {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }
}

fn remedy(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Connect { .. } => {
            "start a server with 'warren serve garden', or name another one with --target, \
             GAOL_TARGET or WARREN_GARDEN"
        }
        Error::Head { .. } | Error::Answer { .. } | Error::Stream(_) => {
            "see whether the target is a Garden server: 'warren container ping --target TARGET'"
        }
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
