//! What a request gets.

use super::auth::Access;
use super::head::Request;
use super::xml::{self, Choice, Form};
use super::{page, text};
use crate::error::Refused;
use crate::fleet::Command;
use crate::handle::Handle;

/// An answer.
pub(super) struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

const HTML: &str = "text/html";

impl Answer {
    fn good(kind: &'static str, body: String) -> Answer {
        Answer {
            status: 200,
            kind,
            body,
        }
    }

    /// A message with its status.
    pub fn message(status: u16, message: &str) -> Answer {
        Answer {
            status,
            kind: HTML,
            body: page::message(
                if status == 200 {
                    "Status"
                } else {
                    reason(status)
                },
                message,
            ),
        }
    }
}

/// The words of a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Answers.
pub(super) fn answer(handle: &Handle, request: &Request, access: Access) -> Answer {
    match access {
        Access::None => return Answer::message(401, "You are not authorized to access monit."),
        Access::Read | Access::Full => {}
    }
    let is_post = match request.method.as_str() {
        "GET" | "HEAD" => false,
        "POST" => true,
        _ => return Answer::message(405, "Only GET and POST can be used"),
    };
    let action = request.field("action");
    if action.is_some() || is_post {
        if !is_post {
            return Answer::message(405, "An action needs POST");
        }
        if request.is_foreign() {
            return Answer::message(403, "The request comes from a page of another site");
        }
        if access != Access::Full {
            return Answer::message(403, "You do not have sufficient privileges");
        }
    }
    let snapshot = handle.snapshot();
    match (request.path.as_str(), action) {
        ("/_status" | "/_status2", _) => status(request, handle),
        ("/_ping", _) => Answer::good(HTML, "pong".to_owned()),
        ("/_getid", _) => Answer::good(HTML, snapshot.id.clone()),
        ("/_runtime", Some(action)) => runtime(handle, action),
        ("/_runtime", None) => {
            let facts = format!(
                "id {}\nincarnation {}\ncontrol file {}\n",
                snapshot.id,
                snapshot.incarnation,
                snapshot.control_file.display()
            );
            Answer::good(HTML, page::body(&facts))
        }
        ("/_doaction", _) => {
            let names: Vec<&str> = request.fields("service").collect();
            act(handle, action, &names)
        }
        ("/", None) => Answer::good(HTML, page::overview(&snapshot)),
        (path, action) => {
            let name = path.strip_prefix('/').unwrap_or(path);
            if snapshot.find(name).is_none() {
                return Answer::message(404, "There is no service by that name");
            }
            if is_post {
                return act(handle, action, &[name]);
            }
            let chosen = |status: &crate::view::Status| status.name.eq_ignore_ascii_case(name);
            Answer::good(HTML, page::body(&text::status(&snapshot, chosen)))
        }
    }
}

fn status(request: &Request, handle: &Handle) -> Answer {
    let snapshot = handle.snapshot();
    let choice = Choice {
        group: request.field("group").map(str::to_owned),
        service: request.field("service").map(str::to_owned),
        summary: request.field("level") == Some("summary"),
    };
    if request.field("format") == Some("xml") {
        let form = match request.path.as_str() {
            "/_status2" => Form::Two,
            _ => Form::One,
        };
        return Answer::good("text/xml", xml::document(&snapshot, form, &choice));
    }
    let chosen = |status: &crate::view::Status| choice.has(status);
    if request.field("format") == Some("json") {
        let services: Vec<_> = snapshot
            .services
            .iter()
            .filter(|each| choice.has(each))
            .collect();
        let states: Vec<_> = services.iter().map(|each| each.state()).collect();
        let body = serde_json::json!({
            "services": services,
            "states": states,
            "left_out": snapshot.problems,
            "incarnation": snapshot.incarnation,
        });
        return Answer::good("application/json", body.to_string());
    }
    let body = if choice.summary {
        text::summary(&snapshot, chosen)
    } else {
        text::status(&snapshot, chosen)
    };
    Answer::good("text/plain", body)
}

fn act(handle: &Handle, action: Option<&str>, names: &[&str]) -> Answer {
    let Some(command) = action.and_then(Command::from_word) else {
        return Answer::message(400, "Invalid action");
    };
    for name in names {
        match handle.ask(name, command) {
            Ok(()) => {}
            Err(Refused::NoService(_)) => {
                return Answer::message(404, "There is no service by that name");
            }
            Err(Refused::Busy(..)) => {
                let text = "Other action already in progress -- please try again later";
                return Answer::message(503, text);
            }
            Err(Refused::Stopped) => return Answer::message(503, "The supervisor has stopped"),
        }
    }
    Answer::message(200, &format!("{} noted", command.word()))
}

fn runtime(handle: &Handle, action: &str) -> Answer {
    match action {
        "validate" => handle.validate(),
        "reload" => {
            if let Err(error) = handle.reload() {
                let text = match error {
                    Some(error) => warren_lib_errchain::chain(&error),
                    None => "the supervisor has stopped".to_owned(),
                };
                return Answer::message(500, &text);
            }
        }
        "quit" | "stop" => handle.quit(),
        _ => return Answer::message(400, "Invalid action"),
    }
    Answer::message(200, &format!("{action} noted"))
}
