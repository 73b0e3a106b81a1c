//! `check` statements: one service with all that belongs to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cursor::Cursor;
use super::model::{Alert, Kind, Mode, Place, Program, Service};
use super::{ParseError, condition, units};

/// Most words of a command. Monit's own bound is 64.
const MOST_WORDS: usize = 64;

/// Monit's default for a program to have its effect.
pub(super) const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Parses what follows `check`.
pub(super) fn statement(
    cursor: &mut Cursor,
    file: &Path,
    warnings: &mut Vec<(usize, String)>,
) -> Result<Service, ParseError> {
    let line = cursor.line();
    // `program` is a noise word everywhere else, so it is taken as it is written.
    let what = cursor.name("what to check")?.to_ascii_lowercase();
    let name = cursor.name("a service's name")?;
    if name.starts_with('/') || name.is_empty() || name.len() > 255 {
        return Err(cursor.error(format!("{name:?} is no name for a service")));
    }
    if name.chars().any(char::is_control) {
        return Err(cursor.error("a service's name with a control character"));
    }
    let kind = kind(cursor, &what)?;
    let place = Place {
        file: file.to_owned(),
        line,
    };
    let mut service = Service::bare(name, kind, place);
    while member(cursor, &mut service, warnings)? {}
    Ok(service)
}

fn kind(cursor: &mut Cursor, what: &str) -> Result<Kind, ParseError> {
    match what {
        "process" => match cursor
            .expect(&["pidfile", "path", "matching", "match"])?
            .as_str()
        {
            "pidfile" | "path" => Ok(Kind::Pidfile(path(cursor)?)),
            _ => {
                let pattern = cursor.text("a regular expression")?;
                check_pattern(cursor, &pattern)?;
                Ok(Kind::Matching(pattern))
            }
        },
        "file" => at_path(cursor).map(Kind::File),
        "directory" => at_path(cursor).map(Kind::Directory),
        "filesystem" | "device" => at_path(cursor).map(Kind::Filesystem),
        "fifo" => at_path(cursor).map(Kind::Fifo),
        "host" => {
            cursor.expect(&["address"])?;
            Ok(Kind::Host(cursor.text("an address")?))
        }
        "program" | "status" => {
            cursor.expect(&["path"])?;
            program(cursor).map(Kind::Program)
        }
        "system" => Ok(Kind::System),
        _ => Err(cursor.error(format!(
            "cannot check {what:?}: process, file, directory, filesystem, fifo, host, program or \
             system can be"
        ))),
    }
}

fn at_path(cursor: &mut Cursor) -> Result<PathBuf, ParseError> {
    cursor.expect(&["path"])?;
    path(cursor)
}

/// An absolute path.
pub(super) fn path(cursor: &mut Cursor) -> Result<PathBuf, ParseError> {
    let text = cursor.text("a path")?;
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(text.into());
    }
    Err(cursor.error(format!("{text:?} is no absolute path")))
}

/// Refuses what is no regular expression.
pub(super) fn check_pattern(cursor: &Cursor, pattern: &str) -> Result<(), ParseError> {
    match crate::pattern::compile(pattern) {
        Ok(_) => Ok(()),
        Err(error) => Err(cursor.error(format!("{pattern:?} is no regular expression: {error}"))),
    }
}

/// One statement inside a `check`; false if there is none.
fn member(
    cursor: &mut Cursor,
    service: &mut Service,
    warnings: &mut Vec<(usize, String)>,
) -> Result<bool, ParseError> {
    let Some(word) = cursor.peek() else {
        return Ok(false);
    };
    match word.as_str() {
        "start" | "stop" | "restart" => {
            cursor.next_word();
            let line = cursor.line();
            let program = program(cursor)?;
            match word.as_str() {
                "start" => service.start = Some(program),
                "stop" => service.stop = Some(program),
                _ => warnings.push((line, "'restart' is done by stop and start".to_owned())),
            }
        }
        "group" => {
            cursor.next_word();
            let group = cursor.text("a group's name")?;
            if !service.groups.contains(&group) {
                service.groups.push(group);
            }
        }
        "depends" | "depend" => {
            cursor.next_word();
            loop {
                service.depends.push(cursor.text("a service's name")?);
                // A list is separated by commas, which are no words; what follows is a name
                // unless it begins a statement.
                if cursor.peek().is_none_or(|next| begins_statement(&next)) && !cursor.at_quoted() {
                    break;
                }
            }
        }
        "every" => {
            cursor.next_word();
            if cursor.at_quoted() {
                return Err(cursor.error("'every' with times of day is not supported"));
            }
            service.every = units::whole(cursor, "a number of cycles")?.max(1);
            cursor.expect(&["cycle", "cycles"])?;
        }
        "mode" => {
            cursor.next_word();
            service.mode = match cursor.expect(&["active", "passive", "manual"])?.as_str() {
                "active" => Mode::Active,
                "passive" => Mode::Passive,
                _ => Mode::Manual,
            };
        }
        "onreboot" => {
            cursor.next_word();
            let line = cursor.line();
            cursor.expect(&["start", "nostart", "laststate"])?;
            warnings.push((
                line,
                "'onreboot' has no effect: the last state counts".into(),
            ));
        }
        "alert" => {
            cursor.next_word();
            service.alerts.push(alert(cursor)?);
        }
        "noalert" => {
            cursor.next_word();
            let address = cursor.text("a mail address")?;
            service.alerts.push(Alert {
                address,
                only: vec!["none".to_owned()],
                but: Vec::new(),
            });
        }
        "if" => {
            cursor.next_word();
            let rule = condition::rule(cursor, service, warnings)?;
            service.rules.push(rule);
        }
        "set" | "check" | "include" => return Ok(false),
        _ => return Err(cursor.unexpected("a statement of a service")),
    }
    Ok(true)
}

fn begins_statement(word: &str) -> bool {
    let members = [
        "start", "stop", "restart", "group", "depends", "depend", "every", "mode", "onreboot",
        "alert", "noalert", "if", "set", "check", "include",
    ];
    members.contains(&word)
}

/// `[=] "command words" [as uid U] [and gid G] [with timeout N seconds]`, the additions in any
/// order.
pub(super) fn program(cursor: &mut Cursor) -> Result<Program, ParseError> {
    let text = cursor.text("a command")?;
    let command = split(&text).ok_or_else(|| cursor.error(format!("{text:?}: an open quote")))?;
    if command.first().is_none_or(|first| !first.starts_with('/')) {
        return Err(cursor.error(format!("{text:?} is no command with an absolute path")));
    }
    if command.len() > MOST_WORDS || text.contains('\0') {
        return Err(cursor.error(format!("a command of more than {MOST_WORDS} words")));
    }
    let mut program = Program {
        command,
        user: None,
        group: None,
        timeout: PROGRAM_TIMEOUT,
    };
    loop {
        match cursor.peek().as_deref() {
            Some("uid") => {
                cursor.next_word();
                program.user = Some(cursor.text("a user")?);
            }
            Some("gid") => {
                cursor.next_word();
                program.group = Some(cursor.text("a group")?);
            }
            Some("timeout") => {
                cursor.next_word();
                program.timeout = units::time(cursor)?;
            }
            _ => return Ok(program),
        }
    }
}

/// Splits a command as monit does: at blanks, with quotes that group, without a shell.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => rest[1..].split_once(first)?,
            _ => match rest.find(char::is_whitespace) {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            },
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

/// `ADDRESS [[but not on] [only on] {event, ...}] [with reminder on N cycles]`.
pub(super) fn alert(cursor: &mut Cursor) -> Result<Alert, ParseError> {
    let mut alert = Alert {
        address: cursor.text("a mail address")?,
        only: Vec::new(),
        but: Vec::new(),
    };
    if alert
        .address
        .chars()
        .any(|c| c.is_control() || c.is_whitespace())
    {
        return Err(cursor.error("a mail address with blanks"));
    }
    loop {
        let not = cursor.take("not");
        if cursor.take("{") {
            let list = if not { &mut alert.but } else { &mut alert.only };
            while !cursor.take("}") {
                list.push(cursor.text("an event or '}'")?.to_ascii_lowercase());
            }
        } else if not {
            return Err(cursor.unexpected("'{'"));
        } else if cursor.take("reminder") {
            cursor.take("=");
            units::whole(cursor, "a number of cycles")?;
            cursor.expect(&["cycle", "cycles"])?;
        } else {
            return Ok(alert);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn commands_are_split_without_a_shell() {
        let words = split("/bin/bash -c 'a \"b\" c' \"d 'e'\" f'g").unwrap();
        assert_eq!(words, ["/bin/bash", "-c", "a \"b\" c", "d 'e'", "f'g"]);
        assert_eq!(split("/a 'b"), None);
    }
}
