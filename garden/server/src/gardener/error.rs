//! Causes in one line, with the type that clients branch on.

use warren_container_shim as shim;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::error::text;

/// A plain error of a step that failed.
pub fn step<E: std::error::Error>(what: &str) -> impl Fn(E) -> Error + '_ {
    move |source| Error::Plain(format!("{what}: {}", chain(&source)))
}

/// What the depot says, in the words of the wire. `user`: who the client wanted to be.
pub fn depot<'a>(what: &'a str, user: &'a str) -> impl Fn(shim::Error) -> Error + 'a {
    move |error| match &error {
        shim::Error::ContainerNotFound { handle } => Error::ContainerNotFound {
            handle: handle.clone(),
        },
        shim::Error::ProcessNotFound { id, .. } => Error::ProcessNotFound {
            process_id: id.clone(),
        },
        shim::Error::ProcessExists { id, .. } => Error::process_id_in_use(id),
        shim::Error::ExecutableNotFound { message } => {
            Error::ExecutableNotFound(with(message, text::NOT_IN_PATH))
        }
        shim::Error::UnknownUser { message } => {
            let expected = Error::no_such_user(user).to_string();
            Error::Plain(with(message, &expected))
        }
        shim::Error::Destroying { .. } => Error::plain(text::BEING_DESTROYED),
        _ => step(what)(error),
    }
}

/// The message, with the words that clients look for.
fn with(message: &str, words: &str) -> String {
    if message.contains(words) {
        message.to_owned()
    } else {
        format!("{words}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_clients_look_for_are_there_once() {
        let unknown = shim::Error::UnknownUser {
            message: "no user \"x\"".to_owned(),
        };
        assert_eq!(
            depot("run", "x")(unknown).to_string(),
            "unable to find user x: no matching entries in passwd file: no user \"x\""
        );
        let message = "exec: \"y\": executable file not found in $PATH";
        let missing = shim::Error::ExecutableNotFound {
            message: message.to_owned(),
        };
        let error = depot("run", "")(missing);
        assert_eq!(error.type_name(), "ExecutableNotFoundError");
        assert_eq!(error.to_string(), message);
    }
}
