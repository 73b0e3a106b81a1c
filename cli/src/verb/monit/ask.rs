//! What is asked of a running supervisor.

use std::io::Write;

use warren_supervisor::http::client::{Answer, Client, escape};
use warren_supervisor::monitrc::model::Httpd;

use crate::failure::{Failure, exit};
use crate::output::Format;

/// Does what the words say.
pub(super) fn run(
    httpd: &Httpd,
    group: Option<&str>,
    words: &[&str],
    format: Format,
) -> Result<u8, Failure> {
    let client = Client::new(httpd);
    match words {
        ["summary"] => show(&client, "&level=summary", group, None, format),
        ["status"] => show(&client, "", group, None, format),
        ["status", name] => show(&client, "", group, Some(name), format),
        ["validate" | "reload" | "quit"] => {
            let answer = post(&client, "/_runtime", words[0])?;
            refused(&answer).map_or(Ok(exit::GOOD), Err)
        }
        [
            action @ ("start" | "stop" | "restart" | "monitor" | "unmonitor"),
            rest @ ..,
        ] => {
            let names = match (group, rest) {
                (Some(group), [] | ["all"]) => members(&client, group)?,
                (None, ["all"]) => all(&client)?,
                (_, [name]) => vec![(*name).to_owned()],
                _ => {
                    return Err(usage(&format!(
                        "'{action}' needs a service, 'all' or -g GROUP"
                    )));
                }
            };
            act(&client, action, &names)
        }
        [] => Err(usage("nothing to do; -I begins to supervise")),
        _ => Err(usage(&format!("'{}' means nothing here", words.join(" ")))),
    }
}

fn usage(text: &str) -> Failure {
    let words = "summary, status, start, stop, restart, monitor, unmonitor, validate, reload, quit";
    Failure::text(text).remedy(format!("what can be said: {words}"))
}

fn act(client: &Client, action: &str, names: &[String]) -> Result<u8, Failure> {
    let mut code = exit::GOOD;
    for name in names {
        let answer = post(client, &format!("/{}", escape(name)), action)?;
        if let Some(failure) = refused(&answer) {
            writeln!(
                std::io::stderr(),
                "monit: {action} {name}: {}",
                failure.message
            )?;
            code = exit::BAD;
        }
    }
    Ok(code)
}

fn post(client: &Client, path: &str, action: &str) -> Result<Answer, Failure> {
    client.post(path, &[("action", action)]).map_err(not_there)
}

fn not_there(error: warren_supervisor::http::client::ClientError) -> Failure {
    Failure::new(&error).remedy("is a supervisor running? 'warren serve supervisor' is one")
}

fn refused(answer: &Answer) -> Option<Failure> {
    (answer.status >= 300).then(|| Failure::text(answer.message()))
}

fn show(
    client: &Client,
    level: &str,
    group: Option<&str>,
    service: Option<&str>,
    format: Format,
) -> Result<u8, Failure> {
    let form = match format {
        Format::Human => "text",
        Format::Json => "json",
    };
    let mut path = format!("/_status?format={form}{level}");
    for (name, value) in [("group", group), ("service", service)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    let answer = client.get(&path).map_err(not_there)?;
    if let Some(failure) = refused(&answer) {
        return Err(failure);
    }
    writeln!(std::io::stdout(), "{}", answer.body.trim_end())?;
    Ok(exit::GOOD)
}

fn document(client: &Client) -> Result<String, Failure> {
    let answer = client.get("/_status2?format=xml").map_err(not_there)?;
    match refused(&answer) {
        Some(failure) => Err(failure),
        None => Ok(answer.body),
    }
}

/// The names of all services.
fn all(client: &Client) -> Result<Vec<String>, Failure> {
    let document = document(client)?;
    let names = document.split("<service name=\"").skip(1);
    Ok(names
        .filter_map(|rest| Some(unescape(rest.split_once('"')?.0)))
        .collect())
}

/// The names of the services of a group. Monit, too, answers that none is fine.
fn members(client: &Client, group: &str) -> Result<Vec<String>, Failure> {
    let document = document(client)?;
    let mut found = Vec::new();
    for rest in document.split("<servicegroup name=\"").skip(1) {
        let Some((name, rest)) = rest.split_once("\">") else {
            continue;
        };
        if unescape(name).eq_ignore_ascii_case(group) {
            let members = rest
                .split_once("</servicegroup>")
                .map_or("", |(members, _)| members);
            let members = members.split("<service>").skip(1);
            found.extend(members.filter_map(|rest| Some(unescape(rest.split_once('<')?.0))));
        }
    }
    Ok(found)
}

/// The text that was escaped for XML.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((entity, after)) = after.split_once(';') else {
            out.push('&');
            rest = after;
            continue;
        };
        let number = entity
            .strip_prefix('#')
            .and_then(|digits| digits.parse().ok());
        out.extend(match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "amp" => Some('&'),
            _ => number.and_then(char::from_u32),
        });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn entities() {
        assert_eq!(unescape("a&lt;b&#233;&amp;c"), "a<bé&c");
        assert_eq!(unescape("a&b"), "a&b");
    }
}
