//! `if` statements: a test, how often it must fail, and what follows.

use super::connection::connection;
use super::cursor::Cursor;
use super::model::{Action, Kind, Op, Resource, Rule, Service, Test, Window};
use super::{ParseError, check, units};

/// Parses what follows `if`.
pub(super) fn rule(
    cursor: &mut Cursor,
    service: &Service,
    warnings: &mut Vec<(usize, String)>,
) -> Result<Rule, ParseError> {
    let test = test(cursor, service, warnings)?;
    let restarts = matches!(test, Test::Restarts { .. });
    let window = if restarts || !at_number(cursor) {
        Window::ONCE
    } else {
        units::window(cursor)?
    };
    cursor.expect(&["then"])?;
    let action = action(cursor)?;
    let mut recovered = Action::Alert;
    if cursor.take("else") {
        cursor.take("if");
        cursor.take_any(&["recovered", "passed", "succeeded"]);
        if at_number(cursor) {
            let window = units::window(cursor)?;
            if window != Window::ONCE {
                let line = cursor.line();
                warnings.push((line, "one good cycle is a recovery".to_owned()));
            }
        }
        cursor.expect(&["then"])?;
        recovered = self::action(cursor)?;
    }
    Ok(Rule {
        test,
        window,
        action,
        recovered,
    })
}

fn at_number(cursor: &mut Cursor) -> bool {
    cursor
        .peek()
        .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

fn test(
    cursor: &mut Cursor,
    service: &Service,
    warnings: &mut Vec<(usize, String)>,
) -> Result<Test, ParseError> {
    if at_number(cursor) {
        let count = units::whole(cursor, "a number of restarts")?;
        cursor.expect(&["restart", "restarts"])?;
        let cycles = units::whole(cursor, "a number of cycles")?;
        cursor.expect(&["cycle", "cycles"])?;
        if count == 0 || count > cycles || cycles > 1_000_000 {
            let reason = format!("{count} restarts within {cycles} cycles cannot be counted");
            return Err(cursor.error(reason));
        }
        return Ok(Test::Restarts { count, cycles });
    }
    let word = cursor.peek().ok_or_else(|| cursor.unexpected("a test"))?;
    cursor.next_word();
    let percent_or_size = |cursor: &mut Cursor, percent, bytes| resource(cursor, percent, bytes);
    match word.as_str() {
        "failed" => failed(cursor, service, warnings),
        "not" => {
            cursor.expect(&["exist", "exists"])?;
            Ok(Test::Nonexist)
        }
        "exist" | "exists" => Ok(Test::Exist),
        "changed" => changed(cursor),
        "cpu" => {
            let what = match cursor.take_any(&["user", "system", "wait"]) {
                Some("user") => Resource::CpuUser,
                Some("system") => Resource::CpuSystem,
                Some(_) => Resource::CpuWait,
                None => Resource::Cpu,
            };
            percent(cursor, what)
        }
        "totalcpu" => percent(cursor, Resource::TotalCpu),
        "total" => match cursor.expect(&["cpu", "mem", "memory"])?.as_str() {
            "cpu" => percent(cursor, Resource::TotalCpu),
            _ => memory(
                cursor,
                Resource::TotalMemoryPercent,
                Resource::TotalMemoryKilobyte,
            ),
        },
        "mem" | "memory" => memory(cursor, Resource::MemoryPercent, Resource::MemoryKilobyte),
        "totalmem" | "totalmemory" => memory(
            cursor,
            Resource::TotalMemoryPercent,
            Resource::TotalMemoryKilobyte,
        ),
        "swap" => memory(cursor, Resource::SwapPercent, Resource::SwapKilobyte),
        "children" => plain(cursor, Resource::Children),
        "threads" => plain(cursor, Resource::Threads),
        "loadavg" => {
            let what = match cursor.expect(&["1min", "5min", "15min"])?.as_str() {
                "1min" => Resource::Load1,
                "5min" => Resource::Load5,
                _ => Resource::Load15,
            };
            plain(cursor, what)
        }
        "uptime" => timed(cursor, Resource::Uptime),
        "timestamp" | "mtime" => timed(cursor, Resource::Age),
        "size" => percent_or_size(cursor, None, Resource::Size),
        "space" => percent_or_size(cursor, Some(Resource::SpacePercent), Resource::SpaceBytes),
        "inode" | "inodes" => {
            percent_or_size(cursor, Some(Resource::InodePercent), Resource::Inodes)
        }
        "match" | "content" => {
            let negated = sign(cursor) == Some(Op::NotEqual);
            let pattern = cursor.text("a regular expression")?;
            check::check_pattern(cursor, &pattern)?;
            Ok(Test::Content { pattern, negated })
        }
        "status" => status(cursor),
        _ => Err(cursor.unexpected_last("a test")),
    }
}

fn failed(
    cursor: &mut Cursor,
    service: &Service,
    warnings: &mut Vec<(usize, String)>,
) -> Result<Test, ParseError> {
    match cursor.peek().as_deref() {
        Some("uid") => {
            cursor.next_word();
            Ok(Test::Uid(cursor.text("a user")?))
        }
        Some("gid") => {
            cursor.next_word();
            Ok(Test::Gid(cursor.text("a group")?))
        }
        Some("perm" | "permission") => {
            cursor.next_word();
            let text = cursor.text("permissions")?;
            match u32::from_str_radix(&text, 8) {
                Ok(bits) if bits <= 0o7777 => Ok(Test::Permission(bits)),
                _ => Err(cursor.unexpected_last("permissions as an octal number")),
            }
        }
        Some("status") => {
            cursor.next_word();
            status(cursor)
        }
        Some(word @ ("icmp" | "ping" | "ping4" | "ping6" | "checksum" | "link" | "fsflags")) => {
            let reason = format!("'if failed {word}' is not supported");
            cursor.next_word();
            Err(cursor.error(reason))
        }
        _ => {
            let host = match &service.kind {
                Kind::Host(address) => address,
                _ => "localhost",
            };
            connection(cursor, host, warnings).map(Test::Connection)
        }
    }
}

fn changed(cursor: &mut Cursor) -> Result<Test, ParseError> {
    match cursor
        .expect(&["pid", "ppid", "size", "timestamp", "mtime"])?
        .as_str()
    {
        "pid" => Ok(Test::Pid),
        "ppid" => Ok(Test::Ppid),
        "size" => Ok(Test::Changed(Resource::Size)),
        _ => Ok(Test::Changed(Resource::Age)),
    }
}

/// A comparison, if one stands here.
pub(super) fn sign(cursor: &mut Cursor) -> Option<Op> {
    let word = cursor.peek()?;
    let op = match word.as_str() {
        "<" | "lt" | "less" => Op::Less,
        ">" | "gt" | "greater" | "more" => Op::Greater,
        "=" | "==" | "eq" | "equal" | "equals" => Op::Equal,
        "!=" | "ne" | "notequal" => Op::NotEqual,
        "<=" | "le" => Op::LessOrEqual,
        ">=" | "ge" => Op::GreaterOrEqual,
        _ => return None,
    };
    cursor.next_word();
    Some(op)
}

fn wanted_sign(cursor: &mut Cursor) -> Result<Op, ParseError> {
    sign(cursor).ok_or_else(|| cursor.unexpected("a comparison"))
}

fn percent(cursor: &mut Cursor, what: Resource) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let (limit, _) = units::number_with(cursor, &["%", "percent"])?;
    Ok(Test::Resource { what, op, limit })
}

fn memory(cursor: &mut Cursor, percent: Resource, kilo: Resource) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let (number, is_percent) = units::size(cursor)?;
    let (what, limit) = if is_percent {
        (percent, number)
    } else {
        (kilo, (number / 1024.0).floor())
    };
    Ok(Test::Resource { what, op, limit })
}

fn resource(
    cursor: &mut Cursor,
    percent: Option<Resource>,
    bytes: Resource,
) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let (limit, is_percent) = units::size(cursor)?;
    let what = match (is_percent, percent) {
        (true, Some(percent)) => percent,
        (true, None) => return Err(cursor.error("percent of nothing")),
        (false, _) => bytes,
    };
    Ok(Test::Resource { what, op, limit })
}

fn plain(cursor: &mut Cursor, what: Resource) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let (limit, _) = units::number_with(cursor, &[])?;
    Ok(Test::Resource { what, op, limit })
}

fn timed(cursor: &mut Cursor, what: Resource) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let limit = units::time(cursor)?.as_secs_f64();
    Ok(Test::Resource { what, op, limit })
}

fn status(cursor: &mut Cursor) -> Result<Test, ParseError> {
    let op = wanted_sign(cursor)?;
    let word = cursor.text("an exit status")?;
    match word.parse() {
        Ok(limit) => Ok(Test::Status { op, limit }),
        Err(_) => Err(cursor.unexpected_last("an exit status")),
    }
}

fn action(cursor: &mut Cursor) -> Result<Action, ParseError> {
    let names = [
        "alert",
        "restart",
        "start",
        "stop",
        "unmonitor",
        "timeout",
        "monitor",
        "exec",
    ];
    Ok(match cursor.expect(&names)?.as_str() {
        "alert" => Action::Alert,
        "restart" => Action::Restart,
        "start" => Action::Start,
        "stop" => Action::Stop,
        "monitor" => return Err(cursor.error("'then monitor' has no meaning: it is monitored")),
        "exec" => {
            let program = check::program(cursor)?;
            if cursor.take("repeat") {
                return Err(cursor.error("'repeat every' is not supported: once for each failure"));
            }
            Action::Exec(program)
        }
        _ => Action::Unmonitor,
    })
}
